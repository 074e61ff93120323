"""The user's own data: a CSV, TSV, JSON-lines or parquet file, or a folder of them.

Nothing is repaired in silence. A file that cannot be read as it stands raises an
error that names the file, the row and what to do.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tlbook.corpora.columns import arrange
from tlbook.corpora.labels import require_known
from tlbook.corpora.parsing import FORMATS, columns_of
from tlbook.corpora.splits import SHARES, SPLITS, divide, plain, straddling

if TYPE_CHECKING:
    import datasets

NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
IDS = ("id", "idx", "uid", "guid")


def is_path(name: str) -> bool:
    """Tell whether a name means a file or folder rather than a shipped or a Hub set."""
    path = Path(name)
    starts_like_one = path.is_absolute() or name.startswith((".", "~"))
    return starts_like_one or path.suffix.lower() in FORMATS or path.expanduser().exists()


def read(
    path: Path, *, text: str | None = None, pair: str | None = None, label: str | None = None
) -> "datasets.DatasetDict":
    """Read the user's own file or folder.

    A folder holds ``train`` and, if it likes, ``validation`` and ``test`` files, and
    is taken as it stands. A single file is divided 70/10/20, in proportion by label,
    rows of equal text (but for case and punctuation) together; the same file is
    always divided alike. A column called ``split`` with these names, in any case, is
    obeyed instead.

    Args:
        path: The file or folder.
        text: The text column; guessed where it is clear. So for `pair` and `label`.
        pair: The column of the second text of a pair.
        label: The label column.

    Raises:
        FileNotFoundError: If there is nothing of that name.
        ValueError: If the content cannot be used as it is.

    Warns:
        UserWarning: If a text stands in two splits that the user made.
    """
    import datasets

    files = parts_of(path)
    if path.is_dir():
        parts = {split: table(file) for split, file in files.items()}
        arranged = arrange(
            datasets.DatasetDict(parts),
            str(path),
            *(text, pair, label),
            own=True,
            where=lambda split: str(files[split]),
        )
        warn_of_straddlers(arranged, path)
        return arranged
    whole = table(path)
    column = split_column(whole, path)
    split_of = splits_in(whole, column, path) if column else None
    if column:
        whole = whole.remove_columns(column)
    parts = datasets.DatasetDict({"train": whole})
    where = lambda _: str(path)  # so that rows are counted through the whole file
    part = arrange(parts, str(path), text, pair, label, own=True, where=where)["train"]
    return by_split_column(part, split_of, path) if split_of else divided(part, path)


def parts_of(path: Path) -> dict[str, Path]:
    """Find the file of every split; a single file is ``train``.

    Raises:
        FileNotFoundError: If the path or its training file does not exist.
        ValueError: If two files claim the same split, or the format is unknown.
    """
    if not path.exists():
        near = sorted(other.name for other in path.parent.glob("*") if other.suffix in FORMATS)
        beside = f"; beside it are {', '.join(near[:8])}" if near else ""
        raise FileNotFoundError(f"there is no file or folder {path}{beside}")
    if path.is_file():
        if path.suffix.lower() not in FORMATS:
            raise ValueError(
                f"{path}: cannot read {path.suffix or 'a file without suffix'}; save it as one of "
                f"{', '.join(FORMATS)}"
            )
        return {"train": path}
    found = {}
    for split in SPLITS:
        files = [
            file
            for file in sorted(path.iterdir())
            if file.stem.lower() in NAMES[split] and file.suffix.lower() in FORMATS
        ]
        if len(files) > 1:
            raise ValueError(
                f"{path}: {files[0].name} and {files[1].name} both claim to be {split}; keep one"
            )
        if files:
            found[split] = files[0]
    if "train" not in found:
        raise FileNotFoundError(
            f"{path}: a folder must hold train.csv (or {', '.join(FORMATS[1:])}), and may hold "
            "validation.csv and test.csv"
        )
    return found


def table(file: Path) -> "datasets.Dataset":
    """Read one file into memory.

    Raises:
        ValueError: If it is empty, broken, or an id occurs twice or is none.
    """
    import datasets
    import pyarrow

    part = columns_of(file)
    if isinstance(part, dict):
        try:
            part = datasets.Dataset.from_dict(part)
        except (pyarrow.ArrowException, RecursionError) as problem:
            raise ValueError(f"{file}: cannot make a table of its rows ({problem})") from problem
    if not len(part):
        raise ValueError(f"{file} is empty: it has no rows")
    for column in part.column_names:
        if column.lower() in IDS:
            require_ids(part.data.column(column).to_pylist(), column, file)
    return part


def require_ids(values: Sequence, column: str, file: Path) -> None:
    """Make sure that no two rows have the same id.

    Raises:
        ValueError: If they do, or an id is a list or a record; names the rows.
    """
    seen: dict = {}
    for row, value in enumerate(values, start=1):
        if isinstance(value, list | dict):
            kind = "list" if isinstance(value, list) else "record"
            raise ValueError(
                f"{file}: the {column} of row {row} is a {kind}; an id is a "
                "text or a number: correct it, or rename the column if it is no id"
            )
        if seen.setdefault(value, row) != row:
            raise ValueError(
                f"{file}: the {column} {value!r} stands in rows {seen[value]} and {row}; ids must "
                "differ: correct them, or rename the column if it is no id"
            )


def split_column(part: "datasets.Dataset", path: Path) -> str | None:
    """Return the column that says the split of every row, if there is one.

    Raises:
        ValueError: If two do.
    """
    found = [column for column in part.column_names if column.casefold() == "split"]
    if len(found) > 1:
        raise ValueError(
            f"{path}: columns {found[0]!r} and {found[1]!r} could each say the split; rename one"
        )
    return found[0] if found else None


def splits_in(part: "datasets.Dataset", column: str, path: Path) -> list[str]:
    """Read the split of every row from a column; case does not matter.

    Raises:
        ValueError: If it holds anything but the names of splits, or no ``train``.
    """
    known = {alias: split for split, aliases in NAMES.items() for alias in aliases}
    values = part.data.column(column).to_pylist()
    split_of = [known.get(str(value).strip().casefold()) for value in values]
    for row, (value, split) in enumerate(zip(values, split_of, strict=True), start=1):
        if split is None:
            raise ValueError(
                f"{path}: the column {column} holds {value!r} in row {row}; expected train, "
                "validation or test. Rename the column if it means something else"
            )
    if "train" not in split_of:
        raise ValueError(f"{path}: the column {column} never says train")
    return split_of


def by_split_column(
    part: "datasets.Dataset", split_of: list[str], path: Path
) -> "datasets.DatasetDict":
    """Divide an arranged file as its own column says.

    Raises:
        ValueError: If a label occurs in no training row.
    """
    parts = selected(part, split_of)
    if "label" in part.column_names and hasattr(part.features["label"], "names"):
        values = {split: rows["label"][:] for split, rows in parts.items()}
        where = lambda split: f"{path}, the rows of split {split}"
        require_known(values, "train", where, name_of=part.features["label"].int2str)
    warn_of_straddlers(parts, path)
    return parts


def selected(part: "datasets.Dataset", split_of: list[str]) -> "datasets.DatasetDict":
    """Return the rows of every split that has any, in file order."""
    import datasets

    rows = {split: [row for row, name in enumerate(split_of) if name == split] for split in SPLITS}
    return datasets.DatasetDict({split: part.select(kept) for split, kept in rows.items() if kept})


def divided(part: "datasets.Dataset", path: Path) -> "datasets.DatasetDict":
    """Divide one arranged file by `SHARES`.

    Raises:
        ValueError: If it has too few rows for three parts.
    """
    groups = [plain(text) for text in kept_together(part)]
    labelled = "label" in part.column_names and hasattr(part.features["label"], "names")
    strata = part.data.column("label").to_pylist() if labelled else [0] * len(part)
    parts = selected(part, divide(groups, strata, shares=SHARES))
    if len(parts) < len(SPLITS):
        sizes = ", ".join(f"{split} {len(rows)}" for split, rows in parts.items())
        raise ValueError(
            f"{path}: {len(part)} rows with {len(set(groups))} different texts are too few to "
            f"divide ({sizes}); give a folder with train, validation and test files instead"
        )
    return parts


def kept_together(part: "datasets.Dataset") -> list[str]:
    """Return, for every row, the text that no other split may hold: of pairs, the first."""
    for column in ("text", "context", "tokens", "words"):
        if column in part.column_names:
            values = part.data.column(column).to_pylist()
            return [value if isinstance(value, str) else " ".join(value) for value in values]
    return [str(row) for row in range(len(part))]


def warn_of_straddlers(parts: "datasets.DatasetDict", path: Path) -> None:
    """Warn if texts stand in more than one split: scores on them would flatter."""
    if "text" not in parts["train"].column_names:
        return
    texts, splits = [], []
    for split, part in parts.items():
        columns = [name for name in ("text", "pair") if name in part.column_names]
        rows = zip(*(part[name][:] for name in columns), strict=True)
        texts += [" | ".join(plain(text) for text in row) for row in rows]
        splits += [split] * len(part)
    found = straddling(texts, splits)
    if found:
        warnings.warn(
            f"{path}: {len(found)} texts stand in more than one split, for example "
            f"{found[0][:60]!r}; scores on them flatter the model",
            stacklevel=2,
        )
