"""Labels become numbers with names (`datasets.ClassLabel`), the same in every split."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datasets

JUDGED = 20  # rows from which on one can tell whether a column names classes
UNKNOWN = -1  # as on the Hub: the label of this row is not known


def number(
    parts: "datasets.DatasetDict",
    *,
    source: str,
    names: Sequence[str] | None,
    own: bool,
    where: Callable[[str], str],
) -> "datasets.DatasetDict":
    """Turn the column ``label`` of every split into a `ClassLabel`.

    Numbers with a fraction, such as similarities, stay as they are: they are for
    regression. Other values are numbered in sorted order (numbers by size), in the
    order of `names`, or in that of the training part's `ClassLabel`. Splits that
    number or write their labels differently are brought together by class name.
    On the Hub a missing label and -1 mean that it is unknown: both become -1.
    Spaces around a label in the user's own file do not count.

    Args:
        parts: Splits with a column ``label``, training part first.
        source: What the user called the set.
        names: The names in order, where known.
        own: The user's own file: see Raises.
        where: Split -> what to call it in a message.

    Raises:
        ValueError: If there are nearly as many labels as rows, or a class number has
            no name; in the user's own file also if a label is missing or infinite,
            only one occurs, or one does not occur in the training part.
    """
    import datasets

    first = next(iter(parts))
    feature = parts[first].features["label"]
    has_classes = isinstance(feature, datasets.ClassLabel)
    if has_classes and not own and all(p.features["label"] == feature for p in parts.values()):
        return parts
    values = comparable(
        {split: labels_of(part, where(split), own=own) for split, part in parts.items()}
    )
    if any(is_fraction(value) for column in values.values() for value in column):
        return parts
    if not has_classes:
        require_few(values[first], source)
    if own:
        require_known(values, first, where, name_of=name)
    if names is None:
        names = names_in_order(values, feature.names if has_classes else ())
    number_of = {label: place for place, label in enumerate(names)}
    feature = datasets.ClassLabel(names=list(names))
    return datasets.DatasetDict(
        {
            split: with_column(part, "label", numbers(values[split], number_of), feature)
            for split, part in parts.items()
        }
    )


def labels_of(part: "datasets.Dataset", where: str, *, own: bool) -> list:
    """Return the labels of a split, class numbers as names, unknown ones as None.

    Raises:
        ValueError: If a class number has no name, or (own files) a label is missing.
    """
    import datasets

    values, feature = part.data.column("label").to_pylist(), part.features["label"]
    if isinstance(feature, datasets.ClassLabel):
        values = class_names(map(known, values), feature, where)
    if not own:
        return [known(value) for value in values]
    require_labels(values, where)
    # a ClassLabel's names are kept to the letter
    strip = not isinstance(feature, datasets.ClassLabel)
    return [value.strip() if strip and isinstance(value, str) else value for value in values]


def class_names(
    values: Iterable, feature: "datasets.ClassLabel", where: str, unit: str = "row"
) -> list:
    """Return the names of class numbers; None stays None.

    Raises:
        ValueError: If a number has no name; names the first such rows.
    """
    values, name_of = list(values), dict(enumerate(feature.names)) | {None: None}
    rows = [row for row, value in enumerate(values) if value not in name_of]
    if rows:
        raise ValueError(
            f"{where}: class number {values[rows[0]]} in {rows_list(rows, unit)} has no name; the "
            f"names of classes 0 to {feature.num_classes - 1} are {', '.join(feature.names)}"
        )
    return [name_of[value] for value in values]


def comparable(values: dict[str, list]) -> dict[str, list]:
    """Return the labels as names, if not all splits hold one kind of value.

    Example:
        >>> comparable({"train": [1, 2], "test": ["2"]})
        {'train': ['1', '2'], 'test': ['2']}
    """
    kinds = {
        float if type(value) is int else type(value)
        for column in values.values()
        for value in column
        if value is not None
    }
    if len(kinds) < 2:
        return values
    return {
        split: [None if value is None else name(value) for value in column]
        for split, column in values.items()
    }


def names_in_order(values: dict[str, list], first: Sequence[str]) -> list[str]:
    """List the class names: those known `first`, then what else occurs, sorted.

    Example:
        >>> names_in_order({"train": [10, 9, None]}, ())
        ['9', '10']
    """
    seen = {value for column in values.values() for value in column if value is not None}
    rest = sorted(seen - set(first), key=lambda value: (str(type(value)), value))
    return [*first, *map(name, rest)]


def numbers(values: Sequence, number_of: dict[str, int]) -> list[int]:
    """Look every value up by its name; None is unknown."""
    return [UNKNOWN if value is None else number_of[name(value)] for value in values]


def with_column(part: "datasets.Dataset", column: str, values: list, feature) -> "datasets.Dataset":
    """Replace the values of a column, keeping its place."""
    order = part.column_names
    # added before the old one goes: `datasets` cannot add to a set without columns
    both = part.add_column(f"new {column}", values, feature=feature)
    return both.remove_columns(column).rename_column(f"new {column}", column).select_columns(order)


def name(value: object) -> str:
    """Name a class after its value; whole numbers lose their fraction.

    Example:
        >>> name(4.0), name("spam"), name(True), name(0.5)
        ('4', 'spam', 'True', '0.5')
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def known(value: object) -> object:
    """Return None for what means "not known" on the Hub."""
    return None if value in (None, "", UNKNOWN) else value


def is_fraction(value: object) -> bool:
    """Tell whether a value is a number that is not whole."""
    return isinstance(value, float) and not value.is_integer()


def rows_list(rows: Sequence[int], unit: str = "row", most: int = 5) -> str:
    """Name the first rows (or tokens), counted from 1.

    Example:
        >>> rows_list([0]), rows_list([1, 2]), rows_list(range(9))
        ('row 1', 'rows 2, 3', 'rows 1, 2, 3, 4, 5 and 4 more')
    """
    shown = ", ".join(str(row + 1) for row in rows[:most])
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"{unit}{'s' if len(rows) > 1 else ''} {shown}{more}"


def require_labels(values: Sequence, where: str) -> None:
    """Make sure that every row has a label, and none that is infinite.

    Raises:
        ValueError: If one is missing; names the first such rows.
    """
    rows = [
        row
        for row, value in enumerate(values)
        if value is None or value != value or (isinstance(value, str) and not value.strip())
    ]
    if rows:
        raise ValueError(
            f"{where}: no label in {rows_list(rows)} (rows counted from 1, the header not "
            "counted); fill them in or take these rows out"
        )
    rows = [row for row, value in enumerate(values) if value in (math.inf, -math.inf)]
    if rows:
        raise ValueError(
            f"{where}: the label {values[rows[0]]} in {rows_list(rows)} is no number to learn "
            "from; correct it or take the row out"
        )


def require_few(values: Sequence, source: str) -> None:
    """Make sure that the labels are classes, not one value a row.

    Raises:
        ValueError: If there are more labels than half the rows, of at least `JUDGED`.
    """
    seen = {value for value in values if value is not None}
    if len(values) >= JUDGED and len(seen) > len(values) // 2:
        raise ValueError(
            f"{source}: the label column holds {len(seen)} different values in {len(values)} rows, "
            "so it does not name classes; choose another with label="
        )


def require_known(
    values: dict[str, Sequence],
    first: str,
    where: Callable[[str], str],
    *,
    name_of: Callable,
    unit="row",
) -> None:
    """Make sure that training rows show two labels or more, and all that occur later.

    Raises:
        ValueError: If they do not; names the label and the first rows that hold it.
    """
    seen = Counter(values[first])
    if len(seen) < 2:
        only = ", ".join(repr(name_of(label)) for label in seen)
        raise ValueError(
            f"{where(first)}: every {unit} has the label {only}; a classifier needs two classes or "
            "more. Is another column the label? Then name it with label="
        )
    for split, column in values.items():
        rows = [row for row, value in enumerate(column) if value not in seen]
        if rows:
            known_names = ", ".join(sorted(repr(name_of(label)) for label in seen))
            raise ValueError(
                f"{where(split)}: the label {name_of(column[rows[0]])!r} ({rows_list(rows, unit)}) "
                f"does not occur in {where(first)}, which has {known_names}; correct it there, or "
                "add training rows with it"
            )
