"""What decides the shape of a biLM, and how the published ``options.json`` tells it."""

from dataclasses import dataclass

ACTIVATIONS = ("relu", "tanh")
BOUNDARY = 3  # characters that stand for a begin or end of sentence


@dataclass(frozen=True)
class Settings:
    """Sizes, clipping and activation of a biLM.

    Attributes:
        filters: (width in characters, how many) of each kind of filter, in the order of the file.
        projection: Width of a word vector and of what one direction of an LSTM layer puts out.
        cell: Memory cells of an LSTM layer, `projection` or more.
        layers: LSTM layers per direction, 1 or more.
        highways: Highway layers on top of the filters, 0 or more.
        character_width: Of a character's embedding.
        longest: Characters of a word that are read, begin and end of word included.
        activation: Of the filters, ``relu`` or ``tanh``.
        cell_clip: Largest magnitude of a memory cell; None lets it be.
        projection_clip: Largest magnitude of a projected state; None lets it be.
        skip: Whether each layer from the second on adds its input to its output.

    Raises:
        ValueError: If a size is impossible; says which.
    """

    filters: tuple[tuple[int, int], ...]
    projection: int
    cell: int
    layers: int = 2
    highways: int = 2
    character_width: int = 16
    longest: int = 50
    activation: str = "relu"
    cell_clip: float | None = None
    projection_clip: float | None = None
    skip: bool = True

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be relu or tanh, got {self.activation!r}")
        if not self.filters or min(min(pair) for pair in self.filters) < 1:
            raise ValueError(f"filters must be (width, count) pairs of 1 or more: {self.filters}")
        if min(self.projection, self.layers, self.character_width) < 1 or self.highways < 0:
            raise ValueError(f"sizes must be 1 or more, highways 0 or more: {self}")
        if self.cell < self.projection:
            raise ValueError(f"cell must be {self.projection} (projection) or more: {self.cell}")
        least = max(BOUNDARY, max(width for width, _ in self.filters))
        if self.longest < least:
            raise ValueError(f"longest must be {least} characters or more, got {self.longest}")

    @property
    def features(self) -> int:
        """Filters of all widths together."""
        return sum(count for _, count in self.filters)

    @property
    def projected(self) -> bool:
        """Whether the state of an LSTM layer is narrower than its memory."""
        return self.projection < self.cell

    @classmethod
    def from_options(cls, options: object) -> "Settings":
        """Read the ``options.json`` of bilm-tf and AllenNLP.

        Raises:
            ValueError: If an entry is missing or impossible; says which.

        Example:
            >>> told = Settings(filters=((1, 4),), projection=2, cell=3).to_options()
            >>> told["lstm"]["dim"], Settings.from_options(told).cell
            (3, 3)
        """
        try:
            lstm, characters = options["lstm"], options["char_cnn"]
            return cls(
                filters=tuple((int(width), int(count)) for width, count in characters["filters"]),
                projection=int(lstm["projection_dim"]),
                cell=int(lstm["dim"]),
                layers=int(lstm.get("n_layers", 1)),
                highways=int(characters.get("n_highway") or 0),
                character_width=int(characters["embedding"]["dim"]),
                longest=int(characters["max_characters_per_token"]),
                activation=characters["activation"],
                cell_clip=lstm.get("cell_clip") or None,
                projection_clip=lstm.get("proj_clip") or None,
                skip=bool(lstm["use_skip_connections"]),
            )
        except KeyError as error:
            raise ValueError(f"the options lack the entry {error}") from error
        except TypeError as error:
            raise ValueError(f"the options are not those of a biLM ({error})") from error

    def to_options(self) -> dict:
        """Return what `from_options` reads."""
        return {
            "lstm": {
                "dim": self.cell,
                "projection_dim": self.projection,
                "n_layers": self.layers,
                "cell_clip": self.cell_clip,
                "proj_clip": self.projection_clip,
                "use_skip_connections": self.skip,
            },
            "char_cnn": {
                "embedding": {"dim": self.character_width},
                "filters": [list(pair) for pair in self.filters],
                "n_highway": self.highways,
                "n_characters": 262,
                "max_characters_per_token": self.longest,
                "activation": self.activation,
            },
        }
