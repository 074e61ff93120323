"""Name the columns of a set after their roles and number its labels.

A set to classify leaves here with the columns ``text``, ``pair`` (for sentence
pairs) and ``label`` first and all its other columns behind them, untouched.
Sets of tokens and of questions about a context keep the columns they have.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tlbook.corpora.guessing import (
    QUESTIONS,
    Choice,
    guess,
    has_questions,
    is_text,
    require,
    tokens_column,
)
from tlbook.corpora.labels import number, rows_list
from tlbook.corpora.tags import number_tags

if TYPE_CHECKING:
    import datasets

ROLES = ("text", "pair", "label")


def arrange(
    parts: "datasets.DatasetDict",
    source: str,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
    *,
    classes: Mapping[str, Sequence[str]] | None = None,
    own: bool = False,
    where: Callable[[str], str] | None = None,
) -> "datasets.DatasetDict":
    """Name the columns of a set and number its labels.

    The chosen columns are renamed. Numbers that are asked for as label under
    another name stay beside it, and a column that stands in the way of a new name
    is kept as ``original_`` + its name.

    Args:
        parts: The splits, training part first.
        source: What the user called the set; for messages.
        text: The column to call ``text``; so for `pair` and `label`. See `guess`.
        pair: The column to call ``pair``.
        label: The column to call ``label``.
        classes: Column -> class names in order, where the order is known.
        own: The user's own file, in which every row must be usable.
        where: Split -> what to call it in a message.

    Raises:
        ValueError: If a column is missing, ambiguous or cannot serve, or a row of
            the user's own file lacks something; says which and what to do.
    """
    import datasets

    name_of = where or (lambda split: f"{source}, {split}")
    first = next(iter(parts))
    require(parts[first], source, text, pair, label)
    require_roles(parts[first], Choice(text, pair, label), source)
    for column in filter(None, (text, pair)):
        require_text(parts[first], column, name_of(first), every_row=False)
    choice = guess(parts[first], source, text, pair, label, own=own)
    for split, part in parts.items():
        require(part, name_of(split), choice.text, choice.pair, choice.label)
        for column in filter(None, (choice.text, choice.pair)):
            require_text(part, column, name_of(split), every_row=own)
    if choice == Choice(None, None, None):
        words = tokens_column(parts[first])
        if own and has_questions(parts[first]):
            for split, part in parts.items():
                require(part, name_of(split), *QUESTIONS)
                require_answers(part, name_of(split))
        return number_tags(parts, words, where=name_of) if own and words else parts
    named = datasets.DatasetDict({split: renamed(part, choice) for split, part in parts.items()})
    if choice.label is None:
        return named
    names = (classes or {}).get(choice.label)
    return number(named, source=source, names=names, own=own, where=name_of)


def renamed(part: "datasets.Dataset", choice: Choice) -> "datasets.Dataset":
    """Give the chosen columns the names of their roles and put them first."""
    columns = dict(zip(ROLES, (choice.text, choice.pair, choice.label), strict=True))
    new_name = {column: role for role, column in columns.items() if column is not None}
    in_the_way = {
        role: f"original_{role}"
        for role in new_name.values()
        if role in part.column_names and role not in new_name
    }
    beside = stays_beside(part, choice.label)
    result = part.rename_columns(in_the_way | new_name)
    if beside:
        values = part.data.column(choice.label).to_pylist()
        result = result.add_column(choice.label, values, feature=part.features[choice.label])
    front = [role for role, column in columns.items() if column is not None]
    return result.select_columns(
        front + [name for name in result.column_names if name not in front]
    )


def stays_beside(part: "datasets.Dataset", label: str | None) -> bool:
    """Tell whether a label column holds numbers of its own, such as stars or years."""
    import datasets

    if label in (None, "label") or is_text(part, label):
        return False
    return not isinstance(part.features[label], datasets.ClassLabel)


def require_roles(part: "datasets.Dataset", choice: Choice, source: str) -> None:
    """Make sure that every column has one role and the label one value a row.

    Raises:
        ValueError: If a column was given two roles, or the label holds lists.
    """
    chosen = [name for name in (choice.text, choice.pair, choice.label) if name is not None]
    for name in chosen:
        if chosen.count(name) > 1:
            raise ValueError(f"{source}: column {name!r} was given two roles; name two columns")
    if choice.label is not None and not hasattr(part.features[choice.label], "dtype"):
        raise ValueError(
            f"{source}: column {choice.label!r} holds lists (one value a token) and cannot be the "
            "label of a whole row; load the set without label= and use the column as it is"
        )


def require_text(part: "datasets.Dataset", column: str, where: str, *, every_row: bool) -> None:
    """Make sure that a column holds strings, and (own files) none that is blank.

    Raises:
        ValueError: If it does not; names the first rows that have no text.
    """
    if not is_text(part, column):
        raise ValueError(f"{where}: column {column!r} does not hold text")
    if not every_row:
        return
    values = part.data.column(column).to_pylist()
    rows = [row for row, value in enumerate(values) if value is None or not value.strip()]
    if rows:
        raise ValueError(
            f"{where}: no text in column {column!r} of {rows_list(rows)} (rows counted from 1, the "
            "header not counted); fill them in or take these rows out"
        )


def require_answers(part: "datasets.Dataset", where: str) -> None:
    """Make sure that answers stand in their contexts where they say, as in SQuAD.

    Answers that are plain texts are left alone.

    Raises:
        ValueError: If one does not, or there are no such lists; names the row.
    """
    if is_text(part, "answers"):
        return
    columns = (part.data.column(name).to_pylist() for name in ("context", "answers"))
    for row, (context, answers) in enumerate(zip(*columns, strict=True), start=1):
        answers = answers if isinstance(answers, dict) else {}
        texts, starts = answers.get("text"), answers.get("answer_start")
        if not isinstance(texts, list) or not isinstance(starts, list):
            raise ValueError(
                f"{where}: the answers of row {row} do not look as in SQuAD: "
                '{"text": ["..."], "answer_start": [0]}, with empty lists where there is no answer'
            )
        if len(texts) != len(starts):
            raise ValueError(
                f"{where}: row {row} has {len(texts)} answers but {len(starts)} answer_start; "
                "give every answer one"
            )
        for text, start in zip(texts, starts, strict=True):
            require_answer(context or "", text, start, f"{where}: row {row}")


def require_answer(context: str, answer: str | None, start: int | None, where: str) -> None:
    """Make sure that one answer stands in the context at a character, counted from 0.

    Raises:
        ValueError: If it does not; says where it stands, if anywhere.
    """
    if answer and start is not None and start >= 0 and context.startswith(answer, start):
        return
    place = context.find(answer) if answer else -1
    raise ValueError(
        f"{where}: the answer {answer!r} does not stand at character {start} of its context "
        f"(counted from 0){f', but at {place}' if place >= 0 else ''}; correct it, or give empty "
        "lists if the context holds no answer"
    )
