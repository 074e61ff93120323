"""Text to learn from: the workbook's own corpora, the Hub's, a mirror's, your own files."""

from pathlib import Path
from typing import TYPE_CHECKING

from tlbook.corpora import embedded, files, hub, mirror
from tlbook.corpora.shipped import CORPORA, LICENCE

if TYPE_CHECKING:
    import datasets
    import pandas


def load(
    name_or_path: str | Path,
    *,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
) -> "datasets.DatasetDict":
    """Load a corpus with its train, validation and test splits (those that exist).

    =====================================  ==========================================
    name_or_path                           what is loaded
    =====================================  ==========================================
    ``reviews``, ``pairs``, ...            what ships with the workbook: `catalogue`
    ``mine.csv``, ``./folder``             your file (.csv .tsv .jsonl .json .parquet)
                                           or a folder with train, validation, test
    ``org/name``, ``org/name/config``      the mirror `TLBOOK_MIRROR`, else the Hub
    =====================================  ==========================================

    Sets to classify have ``text``, ``pair`` (sentence pairs only) and ``label`` (a
    `datasets.ClassLabel`) first and their other columns behind. Token sets keep
    ``tokens`` and their tags, question sets the columns of SQuAD. A single file of
    yours is divided 70/10/20, always alike; Hub sets keep the splits they have.

    Args:
        name_or_path: What to load; names come before paths, paths before Hub ids.
        text: The text column. Columns are guessed only where it is clear.
        pair: The column of the second text of a pair.
        label: The label column; any with few values will do, as
            ``load("reviews", label="domain")``.

    Raises:
        ValueError: If the name is unknown (the nearest are named), a column is
            missing or ambiguous, or a file of yours cannot be used as it is.
        FileNotFoundError: If a path leads nowhere.
        ConnectionError: If the Hub cannot be reached; says what would do.

    Example:
        >>> reviews = load("reviews")
        >>> list(reviews), reviews["train"].features["label"].names
        (['train', 'validation', 'test'], ['negative', 'positive'])
    """
    name = str(name_or_path)
    columns = {"text": text, "pair": pair, "label": label}
    if name in CORPORA:
        return embedded.read(name, **columns)
    if isinstance(name_or_path, Path) or files.is_path(name):
        return files.read(Path(name).expanduser(), **columns)
    if name in mirror.mirror_names() or hub.HUB_ID.fullmatch(name):
        return hub.read(name, **columns)
    raise ValueError(
        f"there is no corpus {name!r}. {hub.nearest(name)} A Hub id looks like org/name, a file of "
        "your own ends in .csv, .tsv, .jsonl, .json or .parquet"
    )


def few_labels(dataset: "datasets.Dataset", count: int, *, seed: int) -> "datasets.Dataset":
    """Draw a class-balanced subset, as for an experiment with few labels.

    Classes take turns, so that every beginning of the subset is balanced as well:
    with one seed, 20 labels are the first 20 of 100.

    Args:
        dataset: Rows with a ``label`` of whole numbers; a label below 0 is unknown
            and not drawn. Numbers without names are as many classes as occur.
        count: Rows wanted, from the number of classes up.
        seed: Another seed draws other rows.

    Returns:
        `count` rows; the sizes of two classes differ by one at most.

    Raises:
        ValueError: If there are fewer rows wanted than classes, or a class has too
            few; says what is available. If there are no labels, or none is known.

    Example:
        >>> few = few_labels(load("reviews")["train"], 5, seed=0)
        >>> sorted(few["label"].count(number) for number in (0, 1))
        [2, 3]
    """
    import numpy as np

    feature = dataset.features.get("label")
    labels = np.asarray(dataset["label"][:] if feature else [0.0])
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError("few_labels needs a column label that holds class numbers")
    occurring = {int(number): str(number) for number in np.unique(labels[labels >= 0])}
    names = dict(enumerate(getattr(feature, "names", ()))) or occurring
    if not names:
        raise ValueError("no row has a known label: all are below 0")
    draw = np.random.default_rng(seed)
    rows = [draw.permutation(np.flatnonzero(labels == number)) for number in names]
    available = ", ".join(
        f"{name} {len(kept)}" for name, kept in zip(names.values(), rows, strict=True)
    )
    if count < len(names):
        raise ValueError(f"{count} rows are fewer than the {len(names)} classes: {available}")
    turns = draw.permutation(len(names))
    chosen = [
        rows[place][turn]
        for turn in range(-(-count // len(names)))
        for place in turns
        if turn < len(rows[place])
    ][:count]
    if min(map(len, rows)) < count // len(names) or len(chosen) < count:
        raise ValueError(
            f"{count} rows of {len(names)} classes need {count / len(names):g} of each; "
            f"available: {available}"
        )
    return dataset.select(chosen)


def catalogue() -> "pandas.DataFrame":
    """List what can be loaded without the Hub: what ships, and the mirror if there is one.

    Returns:
        A row a set: name, task, rows, train, validation, test (rows; missing where
        there is no such split), columns, classes (of the default label), licence, source.

    Example:
        >>> catalogue().set_index("name").loc["posts", "licence"]
        'CC BY 4.0'
    """
    import pandas as pd

    rows = [
        {
            "name": name,
            "task": CORPORA[name].task,
            "rows": entry["rows"],
            **entry["splits"],
            "columns": ", ".join(entry["columns"]),
            "classes": len(entry["classes"]) or None,
            "licence": LICENCE,
            "source": "ships with tlbook",
        }
        for name, entry in embedded.index().items()
    ]
    table = pd.DataFrame(rows + mirror.catalogue())
    counts = ["rows", "train", "validation", "test", "classes"]
    return table.astype(dict.fromkeys(counts, "Int64"))
