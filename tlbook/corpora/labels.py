"""Labels become numbers with names (`datasets.ClassLabel`), the same in every split."""

from collections import Counter
from collections.abc import Callable, Sequence
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

    A `ClassLabel` stays as it is, and so do numbers with a fraction, such as
    similarities: they are for regression. Other values are numbered in sorted
    order (numbers by size) or in the order of `names`. On the Hub a missing label
    and -1 mean that it is unknown: both become -1. Spaces around a label in the
    user's own file do not count.

    Args:
        parts: Splits with a column ``label``, training part first.
        source: What the user called the set.
        names: The names in order, where known.
        own: The user's own file: see Raises.
        where: Split -> what to call it in a message.

    Raises:
        ValueError: If there are nearly as many labels as rows; in the user's own
            file also if a label is missing, only one occurs, or one does not occur
            in the training part.
    """
    import datasets

    values = {split: part.data.column("label").to_pylist() for split, part in parts.items()}
    if own:
        for split, column in values.items():
            require_labels(column, where(split))
            values[split] = [v.strip() if isinstance(v, str) else v for v in column]
    first = next(iter(parts))
    feature = parts[first].features["label"]
    if isinstance(feature, datasets.ClassLabel):
        if own:
            require_known(values, first, where, name_of=feature.int2str)
        return parts
    if any(is_fraction(value) for column in values.values() for value in column):
        return parts
    if not own:
        values = {split: [known(value) for value in column] for split, column in values.items()}
    require_few(values[first], source)
    if own:
        require_known(values, first, where, name_of=name)
    if names is None:
        seen = {value for column in values.values() for value in column if value is not None}
        names = [name(value) for value in sorted(seen, key=lambda value: (str(type(value)), value))]
    number_of = {label: place for place, label in enumerate(names)}
    feature = datasets.ClassLabel(names=list(names))
    return datasets.DatasetDict(
        {
            split: with_column(part, "label", numbers(values[split], number_of), feature)
            for split, part in parts.items()
        }
    )


def number_tags(
    parts: "datasets.DatasetDict", words: str, *, where: Callable[[str], str]
) -> "datasets.DatasetDict":
    """Turn every column that holds one string a token into classes with names.

    The names are sorted, but "O" (no entity) comes first.

    Args:
        parts: Splits with lists of tokens, training part first.
        words: The column with the tokens.
        where: Split -> what to call it in a message.

    Raises:
        ValueError: If a row has more or fewer tags than tokens, or a tag does not
            occur in the training part.
    """
    import datasets

    first = next(iter(parts))
    string_lists = datasets.List(datasets.Value("string"))
    features = parts[first].features
    for column in [name for name in features if name != words and features[name] == string_lists]:
        values = {split: part.data.column(column).to_pylist() for split, part in parts.items()}
        for split, rows in values.items():
            tokens = parts[split].data.column(words).to_pylist()
            for row, (tags, text) in enumerate(zip(rows, tokens, strict=True), start=1):
                if len(tags or ()) != len(text or ()):
                    raise ValueError(
                        f"{where(split)}: row {row} has {len(text or ())} {words} but "
                        f"{len(tags or ())} {column}; give every token one"
                    )
        flat = {split: [tag for tags in rows for tag in tags] for split, rows in values.items()}
        require_known(flat, first, where, name_of=name, unit="token")
        names = sorted(set(flat[first]), key=lambda tag: (tag != "O", tag))
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
        >>> name(4.0), name("spam"), name(True)
        ('4', 'spam', 'True')
    """
    return str(int(value)) if isinstance(value, float) else str(value)


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
    """Make sure that every row has a label.

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
