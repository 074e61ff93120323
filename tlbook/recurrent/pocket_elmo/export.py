"""Make the files of the model that ships, half-precision weights first of all.

========================  =====================================================================
file of the model         what it holds
========================  =====================================================================
``options.json``          sizes, as published models tell theirs
``model.safetensors``     `LanguageModel` in float16
``vocabulary.txt``        words of the softmax
``training.json``         plan, run and text: what the card tells
``curve.csv``             losses of the run
``measured.csv``          perplexities, once ``measure`` has run
``tagged.csv``            gains of a tagger, once ``tag`` has run
``CARD.md``               made of the last four by `tlbook.recurrent.pocket_elmo.card`
========================  =====================================================================
"""

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from tlbook.files import write
from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.pocket_elmo import card
from tlbook.recurrent.pocket_elmo.run import vocabulary_of
from tlbook.training import runs
from tlbook.training.publishing import publish

MOST_BYTES = 12_000_000


def export(folder: Path, target: Path) -> Path:
    """Write the model of a finished run to `target`, whole or not at all, with its checksums.

    Args:
        folder: Where ``prepare`` and ``train`` wrote.
        target: Where the model goes; see `publish`.

    Returns:
        `target`.

    Raises:
        FileNotFoundError: If the run is not finished.
        ValueError: If the files come to more than `MOST_BYTES`.
    """

    def fill(fresh: Path) -> None:
        sizes = runs.read(folder, "plan")["settings"]
        settings = Settings(**sizes | {"filters": tuple(map(tuple, sizes["filters"]))})
        weights = load_file(folder / "model.safetensors")
        halves = {name: weight.half() for name, weight in weights.items()}
        save_file(halves, fresh / "model.safetensors")
        write(fresh / "options.json", json.dumps(settings.to_options(), indent=1))
        write(fresh / "vocabulary.txt", "\n".join(vocabulary_of(folder)))

    return publish(folder, target, fill=fill, card=card.write_card, most_bytes=MOST_BYTES)
