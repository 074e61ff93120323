"""What a model got right and wrong, row by row, and the rows one wants to look at."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tlbook.metrics import Rows

ERRORS = ("all", "right", "wrong")


def judged(
    texts: Sequence[str], labels: Sequence[int], logits: Rows, names: Sequence[str]
) -> pd.DataFrame:
    """Return one row per text: what it is, what it was called, and how sure the model was.

    Args:
        texts: As the reader wrote them.
        labels: One class number per text.
        logits: One array of classes per text, as from `tlbook.training.predict`.
        names: Of the classes.

    Returns:
        Columns ``text``, ``words`` (count), ``label`` and ``called`` (names), ``right`` (bool),
        ``loss`` (nats: minus the log of the chance the label was given).

    Raises:
        ValueError: If there are not as many labels and logits as texts, or a label is no class.

    Example:
        >>> table = judged(["a fine film"], [1], [[0.0, 0.0]], ["bad", "good"])
        >>> table[["words", "label", "called", "right"]].values.tolist()
        [[3, 'good', 'bad', False]]
    """
    if not len(texts) == len(labels) == len(logits):
        raise ValueError(f"{len(texts)} texts have {len(labels)} labels and {len(logits)} logits")
    scores, gold = np.asarray(logits, dtype=float), np.asarray(labels, dtype=int)
    if (unknown := np.flatnonzero((gold < 0) | (gold >= len(names)))).size:
        first = f"row {unknown[0]} is labelled {gold[unknown[0]]}"
        raise ValueError(f"{first}, but the classes are 0..{len(names) - 1}; leave such rows out")
    called = scores.argmax(-1)
    highest = scores.max(-1, keepdims=True)
    total = highest[:, 0] + np.log(np.exp(scores - highest).sum(-1))
    return pd.DataFrame(
        {
            "text": list(texts),
            "words": [len(text.split()) for text in texts],
            "label": [names[label] for label in gold],
            "called": [names[label] for label in called],
            "right": called == gold,
            "loss": total - scores[np.arange(len(gold)), gold],
        }
    )


def chosen(
    table: pd.DataFrame,
    *,
    label: str | None = None,
    error: str = "all",
    shortest: int = 0,
    longest: int | None = None,
    containing: str = "",
) -> pd.DataFrame:
    """Return the rows that meet all conditions, in their order.

    Args:
        table: Columns ``text``, ``words`` and ``label``; ``right`` where `error` asks for it.
        label: Only rows with this label; None for all.
        error: ``all``, ``right`` or ``wrong``.
        shortest: Fewest words of a text.
        longest: Most words of a text; None for no limit.
        containing: A piece of the text, in capitals or not.

    Raises:
        ValueError: If `error` is none of these, or asks for errors of a table that has none.

    Example:
        >>> table = pd.DataFrame({"text": ["One two", "Three"], "words": [2, 1], "label": "x"})
        >>> chosen(table, containing="TWO")["text"].tolist()
        ['One two']
    """
    if error not in ERRORS:
        raise ValueError(f"error must be one of {ERRORS}, got {error!r}")
    if error != "all" and "right" not in table:
        raise ValueError("the table has no column 'right'; make it with judged(...)")
    kept = table["words"] >= shortest
    if longest is not None:
        kept &= table["words"] <= longest
    if label is not None:
        kept &= table["label"] == label
    if error != "all":
        kept &= table["right"] == (error == "right")
    if containing:
        kept &= table["text"].str.contains(containing, case=False, regex=False)
    return table[kept]
