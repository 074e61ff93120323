"""Guess which columns hold the text, its partner and the label; ask where it is not clear."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tlbook.corpora.labels import JUDGED, is_fraction

if TYPE_CHECKING:
    import datasets

TEXTS = (
    *("text", "sentence", "review", "content", "document", "tweet", "comment", "body", "message"),
    *("utterance", "query", "headline", "post", "abstract", "description", "passage"),
)
PAIRS = (
    *(("text", "pair"), ("text", "text_pair"), ("sentence1", "sentence2")),
    *(("premise", "hypothesis"), ("question1", "question2"), ("text1", "text2")),
    *(("text_a", "text_b"), ("sentence_a", "sentence_b"), ("sentence_A", "sentence_B")),
    *(("question", "sentence"), ("question", "passage"), ("query", "passage")),
)
LABELS = (
    *("label", "labels", "sentiment", "class", "category", "intent", "emotion", "polarity"),
    *("stars", "rating", "score", "topic", "target", "stance", "relation", "sense"),
)
QUESTIONS = ("question", "context", "answers")
LOOKED_AT = 2000  # rows: enough to tell a label from a text
MOST_CLASSES = 50  # of a column that is taken for the label by its values alone


@dataclass(frozen=True)
class Choice:
    """The columns that become ``text``, ``pair`` and ``label``; None where there is none."""

    text: str | None
    pair: str | None
    label: str | None


def similar(name: str, known: Iterable[str], *, most: int) -> list[str]:
    """List the known names that are close to a name, whatever their case.

    Example:
        >>> similar("LABLE", ["text", "Label"], most=1)
        ['Label']
    """
    folded: dict[str, str] = {}
    for other in known:
        folded.setdefault(other.casefold(), other)
    return [folded[near] for near in get_close_matches(name.casefold(), folded, n=most)]


def require(part: "datasets.Dataset", where: str, *columns: str | None) -> None:
    """Make sure that a split has the columns.

    Raises:
        ValueError: If one is missing; names the nearest and all there are.
    """
    for column in columns:
        if column is not None and column not in part.column_names:
            near = similar(column, part.column_names, most=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"{where} has no column {column!r}.{hint} Columns: {', '.join(part.column_names)}"
            )


def guess(
    part: "datasets.Dataset",
    source: str,
    text: str | None,
    pair: str | None,
    label: str | None,
    *,
    own: bool,
) -> Choice:
    """Complete a choice of columns from their names, types and values.

    Args:
        part: The training part.
        source: What the user called the set.
        text: The text column, if the user named it; so for `pair` and `label`.
        pair: A partner is guessed only where no text is named.
        label: The label column.
        own: The user's own file; labels are then also known by their values, and
            a file of several columns must have one.

    Raises:
        ValueError: If several columns would do, or none; shows the call to make, or
            says what is missing.
    """
    asked = (text, pair, label)
    if asked == (None, None, None) and (tokens_column(part) or has_questions(part)):
        return Choice(None, None, None)
    if text is None and pair is None:
        text, pair = _pair(part, label)
    texts = [text] if text else text_columns(part, but=(pair, label))
    labels = [label] if label else label_columns(part, but=(*texts, pair), by_values=own)
    if not own and not any(asked) and (not texts or (not labels and len(texts) > 1)):
        return Choice(None, None, None)  # nothing to classify, such as translations
    unlabelled = not labels and (not own or len(part.column_names) == 1)
    if len(texts) == 1 and (len(labels) == 1 or unlabelled):
        return Choice(texts[0], pair, labels[0] if labels else None)
    problem = _problem("text", texts) if len(texts) != 1 else _problem("label", labels)
    raise ValueError(
        f"{source}: {problem}. Columns: {', '.join(part.column_names)}. "
        + _advice(part, source, texts, pair, labels, own=own)
    )


def _advice(
    part: "datasets.Dataset",
    source: str,
    texts: Sequence[str],
    pair: str | None,
    labels: Sequence[str],
    *,
    own: bool,
) -> str:
    """Show a call that would do, if one would."""
    import datasets

    texts = texts or [
        column
        for column in part.column_names
        if column not in (pair, *labels) and is_text(part, column)
    ]
    labels = labels or [
        column
        for column in part.column_names
        if column not in (pair, *texts[:1])
        and isinstance(part.features[column], datasets.Value | datasets.ClassLabel)
        and _may_be_labels(_values(part, column))
    ]
    if not texts or (own and not labels):
        return "It must have a column with one text a row and one with one label a row"
    roles = {"text": texts[0], "pair": pair, "label": labels[0] if labels else None}
    named = [f"{role}={column!r}" for role, column in roles.items() if column is not None]
    return f"Name them, for example: load({source!r}, {', '.join(named)})"


def _problem(role: str, columns: Sequence[str]) -> str:
    if not columns:
        return f"no column looks like the {role}"
    return f"{' and '.join(repr(column) for column in columns)} could each be the {role}"


def _pair(part: "datasets.Dataset", label: str | None) -> tuple[str | None, str | None]:
    """Return the only known pair of columns of the set, or (None, None)."""
    names = set(part.column_names) - {label}
    found = [names_of_pair for names_of_pair in PAIRS if names.issuperset(names_of_pair)]
    if len(found) != 1 or ("text" in names and "text" not in found[0]):
        return None, None
    return found[0]


def text_columns(part: "datasets.Dataset", but: Sequence[str | None] = ()) -> list[str]:
    """List the columns that could be the text: by name, else by long varied values."""
    strings = [
        column for column in part.column_names if column not in but and is_text(part, column)
    ]
    if "text" in strings:
        return ["text"]
    named = [column for column in strings if column.lower() in TEXTS]
    return named or [column for column in strings if _is_prose(_values(part, column))]


def label_columns(
    part: "datasets.Dataset", but: Sequence[str | None] = (), *, by_values: bool
) -> list[str]:
    """List the columns that could be the label: by name or type, else by few values."""
    import datasets

    rest = [
        column
        for column in part.column_names
        if column not in but
        and isinstance(part.features[column], datasets.Value | datasets.ClassLabel)
    ]
    if "label" in rest:
        return ["label"]
    named = [
        column
        for column in rest
        if column.lower() in LABELS
        or column.lower().endswith("_label")
        or isinstance(part.features[column], datasets.ClassLabel)
    ]
    if named or not by_values:
        return named
    return [column for column in rest if _is_few(_values(part, column))]


def is_text(part: "datasets.Dataset", column: str) -> bool:
    """Tell whether a column holds one string a row."""
    return getattr(part.features[column], "dtype", None) in ("string", "large_string")


def tokens_column(part: "datasets.Dataset") -> str | None:
    """Return the column of words, one list a row, if there is one."""
    for column in ("tokens", "words"):
        inner = getattr(part.features.get(column), "feature", None)
        if getattr(inner, "dtype", None) == "string":
            return column
    return None


def has_questions(part: "datasets.Dataset") -> bool:
    """Tell whether the set asks questions about contexts, as SQuAD does."""
    return set(QUESTIONS) <= set(part.column_names)


def _values(part: "datasets.Dataset", column: str) -> list:
    return part.data.column(column)[:LOOKED_AT].to_pylist()


def _is_prose(values: list) -> bool:
    texts = [value for value in values if value]
    words = sum(len(text.split()) for text in texts)
    return bool(texts) and len(set(texts)) * 2 > len(texts) and words >= 3 * len(texts)


def _may_be_labels(values: list) -> bool:
    """Tell whether a column would be taken if it were named: classes, or numbers to predict."""
    kept = set(values) - {None}
    few = len(values) < JUDGED or len(kept) <= len(values) // 2
    return len(kept) > 1 and (few or any(map(is_fraction, kept)))


def _is_few(values: list) -> bool:
    """Few different values, not one a row, and no prose."""
    kept = [value for value in values if value is not None]
    if any(isinstance(value, float) and not value.is_integer() for value in kept):
        return False
    return 2 <= len(set(kept)) <= min(MOST_CLASSES, max(2, len(kept) // 2))
