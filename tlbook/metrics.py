"""Scores between 0 and 1, from the arrays that `tlbook.training.predict` returns."""

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tlbook.tokens import IGNORED

Rows = Sequence | np.ndarray


def accuracy(logits: Rows, labels: Rows) -> float:
    """Share of rows whose largest logit is at the label.

    Args:
        logits: One array of classes per row.
        labels: One class number per row.

    Raises:
        ValueError: If there are no rows, not as many logits as labels, or labels below 0, with
            which many test sets hide the class.

    Example:
        >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
        0.5
    """
    return float(np.mean(_classes(logits, labels) == np.asarray(labels)))


def macro_f1(logits: Rows, labels: Rows) -> float:
    """Mean of the F1 scores of the classes, each counting the same; arguments as `accuracy`."""
    from sklearn.metrics import f1_score

    return float(f1_score(labels, _classes(logits, labels), average="macro"))


def matthews(logits: Rows, labels: Rows) -> float:
    """Matthews correlation, the measure of CoLA: 0 at chance, 1 if all are right."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(labels, _classes(logits, labels)))


def _classes(logits: Rows, labels: Rows) -> np.ndarray:
    if len(logits) != len(labels) or len(labels) == 0:
        raise ValueError(f"there are {len(logits)} rows of logits for {len(labels)} labels")
    if hidden := np.count_nonzero(np.asarray(labels) < 0):
        raise ValueError(
            f"{hidden} of {len(labels)} labels are below 0, so hidden: leave these rows out"
        )
    return np.argmax(np.asarray(logits), axis=-1)


def tag_f1(logits: Rows, labels: Rows, *, names: Sequence[str]) -> float:
    """Entity-level F1 of BIO tags as in CoNLL: a span counts if its ends and type are right.

    Args:
        logits: One array (tokens, classes) per row.
        labels: One list per row, a tag number per token, -100 where there is no word.
        names: Tag names in the order of their numbers, such as ``O``, ``B-PER``.

    Raises:
        ValueError: If there are no rows.

    Example:
        >>> tag_f1([np.eye(2)[[1, 0]]], [[1, IGNORED]], names=["O", "B-PER"])
        1.0
    """
    from nervaluate import Evaluator

    gold, found = [], []
    for row, tags in zip(logits, labels, strict=True):
        best = np.argmax(row, axis=-1)
        kept = [place for place, tag in enumerate(tags) if tag != IGNORED]
        gold.append([names[tags[place]] for place in kept])
        found.append([names[best[place]] for place in kept])
    if not gold:
        raise ValueError("there are no rows of tags")
    types = sorted({name[2:] for name in names if name[1:2] == "-"})
    overall = Evaluator(gold, found, tags=types, loader="list").evaluate()["overall"]
    return float(overall["strict"].f1)


def tag_accuracy(logits: Rows, labels: Rows) -> float:
    """Share of words whose tag is right; rows as in `tag_f1`, with one tagged word at least."""
    right = words = 0
    for row, tags in zip(logits, labels, strict=True):
        tags = np.asarray(tags)
        right += int(((np.argmax(row, axis=-1) == tags) & (tags != IGNORED)).sum())
        words += int((tags != IGNORED).sum())
    if not words:
        raise ValueError("there are no tagged words")
    return right / words


def best_span(
    logits: Float[np.ndarray, "tokens 2"],
    offsets: Sequence[tuple[int, int] | None],
    *,
    longest: int = 20,
    threshold: float = 0.0,
) -> tuple[int, int] | None:
    """Characters of the best answer, or None for "no answer" (BERT, section 4.3).

    The answer is the span with the largest ``S . T_i + E . T_j``, ``j >= i``. It must beat
    the null span ``S . C + E . C`` by more than `threshold`.

    Args:
        logits: Start and end scores of one row.
        offsets: From `tlbook.tokens.encode_questions`.
        longest: Most tokens of an answer.
        threshold: Margin over the null span, in logits; tune it on validation data.

    Example:
        >>> logits = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
        >>> best_span(logits, [None, (0, 4), (5, 9)])
        (0, 9)
    """
    starts, ends = logits[:, 0], logits[:, 1]
    inside = np.array([span is not None for span in offsets])
    pairs = starts[:, None] + ends[None, :]  # (tokens, tokens)
    place = np.arange(len(starts))
    width = place[None, :] - place[:, None]
    allowed = inside[:, None] & inside[None, :] & (width >= 0) & (width < longest)
    if not allowed.any():
        return None
    first, last = np.unravel_index(np.argmax(np.where(allowed, pairs, -np.inf)), pairs.shape)
    if pairs[first, last] <= starts[0] + ends[0] + threshold:
        return None
    return offsets[first][0], offsets[last][1]


def squad(predicted: Sequence[str], gold: Sequence[Sequence[str]]) -> dict[str, float]:
    """Exact match and word F1 of SQuAD 2.0; an empty text is "no answer".

    Texts are lower-cased, without punctuation and articles, as in the official script.

    Args:
        predicted: One answer per question.
        gold: The right answers of each question, an empty list if there is none.

    Returns:
        ``exact`` and ``f1``, each 0..1.

    Example:
        >>> squad(["the old red ship"], [["a red ship"]])
        {'exact': 0.0, 'f1': 0.8}
    """
    exact, overlap = [], []
    for text, answers in zip(predicted, gold, strict=True):
        answers = [answer for answer in answers if _plain(answer)] or [""]
        exact.append(max(float(_plain(text) == _plain(answer)) for answer in answers))
        overlap.append(max(_word_f1(_plain(text), _plain(answer)) for answer in answers))
    return {"exact": float(np.mean(exact)), "f1": float(np.mean(overlap))}


def _plain(text: str) -> list[str]:
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def _word_f1(found: list[str], wanted: list[str]) -> float:
    if not found or not wanted:
        return float(found == wanted)
    shared = sum((Counter(found) & Counter(wanted)).values())
    return 2 * shared / (len(found) + len(wanted))
