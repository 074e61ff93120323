"""Tags, one a token, become numbers with names, the same in every split."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tlbook.corpora.guessing import require
from tlbook.corpora.labels import (
    class_names,
    name,
    names_in_order,
    numbers,
    require_known,
    with_column,
)

if TYPE_CHECKING:
    import datasets


def number_tags(
    parts: "datasets.DatasetDict", words: str, *, where: Callable[[str], str]
) -> "datasets.DatasetDict":
    """Turn every column that holds one string a token into classes with names.

    The names are sorted, but "O" (no entity) comes first. Classes with names stay as
    they are, unless two splits number them differently.

    Args:
        parts: Splits with lists of tokens, training part first.
        words: The column with the tokens.
        where: Split -> what to call it in a message.

    Raises:
        ValueError: If a row has more or fewer tags than tokens, or a tag does not
            occur in the training part.
    """
    import datasets

    for column in columns_to_number(parts, words, where):
        values = {
            split: tags_of(part, column, words, where(split)) for split, part in parts.items()
        }
        first = next(iter(parts))
        flat = {split: [tag for tags in rows for tag in tags] for split, rows in values.items()}
        require_known(flat, first, where, name_of=name, unit="token")
        classes = getattr(parts[first].features[column].feature, "names", None)
        names = classes or sorted(names_in_order(flat, ()), key=lambda tag: (tag != "O", tag))
        number_of = {tag: place for place, tag in enumerate(names)}
        feature = datasets.List(datasets.ClassLabel(names=names))
        parts = datasets.DatasetDict(
            {
                split: with_column(
                    part, column, [numbers(tags, number_of) for tags in values[split]], feature
                )
                for split, part in parts.items()
            }
        )
    return parts


def columns_to_number(
    parts: "datasets.DatasetDict", words: str, where: Callable[[str], str]
) -> list[str]:
    """List the columns of strings, and of classes that differ between splits.

    Raises:
        ValueError: If a split lacks a column of tags that the training part has.
    """
    import datasets

    first, found = next(iter(parts)), []
    for column, feature in parts[first].features.items():
        inner = getattr(feature, "feature", None)
        if column == words or not isinstance(inner, datasets.Value | datasets.ClassLabel):
            continue
        if isinstance(inner, datasets.Value) and inner.dtype != "string":
            continue
        for split, part in parts.items():
            require(part, where(split), column)
        differ = any(part.features[column] != feature for part in parts.values())
        if differ or isinstance(inner, datasets.Value):
            found.append(column)
    return found


def tags_of(part: "datasets.Dataset", column: str, words: str, where: str) -> list[list]:
    """Return the tags of every row, class numbers as names.

    Raises:
        ValueError: If a row has more or fewer tags than tokens, or a token has none.
    """
    import datasets

    inner = getattr(part.features[column], "feature", None)
    tokens, tags = (part.data.column(name).to_pylist() for name in (words, column))
    found = []
    for row, (text, values) in enumerate(zip(tokens, tags, strict=True), start=1):
        if len(values or ()) != len(text or ()):
            raise ValueError(
                f"{where}: row {row} has {len(text or ())} {words} but {len(values or ())} "
                f"{column}; give every token one"
            )
        values = list(values or ())
        if isinstance(inner, datasets.ClassLabel):
            values = class_names(values, inner, f"{where}, row {row}", "token")
        if None in values:
            token = values.index(None) + 1
            raise ValueError(f"{where}: token {token} of row {row} has no {column}; give it one")
        found.append(values)
    return found
