"""Labels below 0: the Hub marks with -1 that a row's class is not told, as in many test sets.

No metric and no loss can tell them from a class, so they would count as mistakes. Only -100 for
a token (`tlbook.tokens.IGNORED`) is skipped by both. Scores of a regression may be below 0.
"""

from collections.abc import Sequence

import numpy as np

from tlbook.tokens import IGNORED, Row

ADVICE = "leave these rows out, or take a split whose labels are known"


def hidden(rows: Sequence[Row]) -> list[int]:
    """Return the places of the rows whose label is a whole number below 0.

    Args:
        rows: With ``labels``: a class, a score, or one label per token.

    Example:
        >>> hidden([{"labels": 0}, {"labels": -1}, {"labels": -0.5}, {"labels": [IGNORED, 2]}])
        [1]
    """
    return [place for place, row in enumerate(rows) if _is_hidden(row["labels"])]


def _is_hidden(label: object) -> bool:
    values = np.asarray(label)
    if values.dtype.kind != "i":
        return False
    below = values < 0
    return bool((below & (values != IGNORED) if values.ndim else below).any())


def say(places: Sequence[int], count: int) -> str:
    """Say how many rows of `count` have a hidden label, and which is the first.

    Example:
        >>> say([1, 4], 9)
        '2 of 9 rows have a hidden label (below 0), the first is row 1'
    """
    have = "row has" if len(places) == 1 and count == 1 else "rows have"
    return f"{len(places)} of {count} {have} a hidden label (below 0), the first is row {places[0]}"


def said_of(batch: dict, error: Exception) -> str | None:
    """Return what to tell if a loss broke on hidden labels, None if it broke on something else.

    A loss may know what to do with them, as a semi-supervised one does; so it is asked first.

    Args:
        batch: As it came, on the CPU.
        error: What the loss raised; on a GPU the message names a "device-side assert" only.
    """
    labels = batch.get("labels")
    about_labels = any(said in str(error) for said in ("out of bounds", "device-side assert"))
    if labels is None or labels.device.type != "cpu" or not about_labels:
        return None
    # cross-entropy skips -100, be it of a token or of a row
    places = hidden([{"labels": row} for row in labels.reshape(len(labels), -1).numpy()])
    return f"{say(places, len(labels))} of the batch; {ADVICE}" if places else None
