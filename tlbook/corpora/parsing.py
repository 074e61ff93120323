"""From the bytes of a file to columns, strictly: what is odd is named, never mended."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datasets

WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
FRACTION = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")
INTEGERS = range(-(2**63), 2**63)  # what 64 bits hold
HALF = re.compile(r"[\ud800-\udfff]")  # of a character that UTF-16 writes in two
FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")


def columns_of(file: Path) -> "dict[str, list] | datasets.Dataset":
    """Read a file of any known format.

    Text that looks like nothing ("NA", "null") stays text. A column of a CSV file
    becomes numbers only if every value in it is one.

    Raises:
        ValueError: If the file is empty or broken; says where.
    """
    if not file.stat().st_size:
        raise ValueError(f"{file} is empty: it has no bytes")
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        return parquet(file)
    text = decoded(file)
    if not text.strip():
        raise ValueError(f"{file} is empty: it holds nothing but blanks")
    if suffix in (".csv", ".tsv"):
        return separated(text, "," if suffix == ".csv" else "\t", file)
    return records(text, file)


def decoded(file: Path) -> str:
    """Decode a file as UTF-8, with or without a byte order mark.

    Raises:
        ValueError: If it is not UTF-8; says at which byte and how to convert it.
    """
    raw = file.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        guess = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        line = raw.count(b"\n", 0, problem.start) + 1
        raise ValueError(
            f"{file} is not UTF-8: byte 0x{raw[problem.start]:02x} at offset {problem.start}, line "
            f"{line}. If it was saved as {guess}, convert it: "
            f"iconv -f {guess} -t utf-8 {file.name} > converted{file.suffix}"
        ) from problem


def separated(text: str, delimiter: str, file: Path) -> dict[str, list]:
    """Parse comma- or tab-separated values with a header line.

    Raises:
        ValueError: If a row has more or fewer fields than the header, quotes do
            not close, a column has no name, or two have the same.
    """
    rows = _rows(text, delimiter, file)
    _, header = next(rows)
    header = [name.strip() for name in header]
    require_delimiter(header, delimiter, file)
    for place, name in enumerate(header, start=1):
        if not name:
            raise ValueError(f"{file}: column {place} has no name in the header line")
        if header.count(name) > 1:
            raise ValueError(f"{file}: two columns are called {name!r}; rename one")
    columns: list[list] = [[] for _ in header]
    for number, (line, fields) in enumerate(rows, start=1):
        if len(fields) != len(header):
            raise ValueError(
                f"{file}: row {number} (line {line}) has {len(fields)} fields, the header has "
                f"{len(header)} ({', '.join(header)}); put a text that holds "
                f"{'a comma' if delimiter == ',' else 'a tab'} or a line break in double quotes"
            )
        for column, value in zip(columns, fields, strict=True):
            column.append(value)
    return {name: typed(column) for name, column in zip(header, columns, strict=True)}


def require_delimiter(header: list[str], delimiter: str, file: Path) -> None:
    """Make sure that a lone column is not several, separated by something else.

    Raises:
        ValueError: If its name holds another common delimiter.
    """
    for other, called in ((",", "commas"), (";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and other != delimiter and other in header[0]:
            expected = "commas" if delimiter == "," else "tabs"
            raise ValueError(
                f"{file}: its fields are separated by {called}, those of a {file.suffix} file by "
                f"{expected}; " + ("name it .tsv" if other == "\t" else f"save it with {expected}")
            )


def _rows(text: str, delimiter: str, file: Path) -> Iterator[tuple[int, list[str]]]:
    """Iterate over (line, fields) of all rows that are not blank."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a long text is no error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found, line = [], 1
    try:
        for fields in reader:
            if fields:
                found.append((line, fields))
            line = reader.line_num + 1
    except csv.Error as problem:
        raise ValueError(
            f"{file}: the row that starts at line {line} is broken ({problem}); a double quote "
            'inside a quoted text is written twice: "She said ""no""."'
        ) from problem
    finally:
        csv.field_size_limit(before)
    return iter(found)


def typed(values: list[str]) -> list:
    """Turn a column into int or float if every value in it is one.

    Numbers with leading zeros, such as codes, stay text. So do numbers with more
    digits before the point than 64 bits hold: no digit of an id is lost.

    Example:
        >>> typed(["1", "-2"]), typed(["1", "2.5"]), typed(["007", "1"]), typed(["nan", "1"])
        ([1, -2], [1.0, 2.5], ['007', '1'], ['nan', '1'])
        >>> typed(["10000000000000000001", "2"]), typed(["9007199254740993", "2.5"])
        (['10000000000000000001', '2'], ['9007199254740993', '2.5'])
    """
    if values and all(WHOLE.fullmatch(value) for value in values):
        fit = all(len(value) <= 20 and int(value) in INTEGERS for value in values)
        return [int(value) for value in values] if fit else values
    if values and all(FRACTION.fullmatch(value) and is_exact(value) for value in values):
        return [float(value) for value in values]
    return values


def is_exact(value: str) -> bool:
    """Tell whether a float holds all digits before the point of a number.

    Example:
        >>> is_exact("9007199254740992.5"), is_exact("9007199254740993.5")
        (True, False)
    """
    whole = WHOLE.match(value)[0]
    return Decimal(whole) == float(whole)


def records(text: str, file: Path) -> dict[str, list]:
    """Parse JSON lines, or one JSON array of records; a field left out is None.

    Raises:
        ValueError: If a row is no JSON object or holds what no column can, or a
            column mixes kinds of values.
    """
    is_array = file.suffix.lower() == ".json" and text.lstrip().startswith("[")
    found = json_array(text, file) if is_array else list(json_lines(text, file))
    for row, record in enumerate(found, start=1):
        if not isinstance(record, dict):
            raise ValueError(
                f"{file}: row {row} is no JSON object but {str(record)[:60]!r}; a row looks like "
                '{"text": "...", "label": "..."}'
            )
        require_storable(record, row, file)
    names = list(dict.fromkeys(name for record in found for name in record))
    columns = {name: [record.get(name) for record in found] for name in names}
    for name, values in columns.items():
        require_one_kind(values, name, file)
    return columns


def json_array(text: str, file: Path) -> list:
    """Parse a whole file.

    Raises:
        ValueError: If it is no JSON; says where.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, character {problem.colno}"
        raise ValueError(f"{file} is no JSON ({problem.msg}, {where})") from problem
    except (ValueError, RecursionError) as problem:
        raise ValueError(unreadable(str(file), problem)) from problem


def json_lines(text: str, file: Path) -> Iterator[object]:
    """Parse every line that is not blank.

    Raises:
        ValueError: If a line is no JSON; says which.
    """
    row = 0
    # not splitlines(): it would also cut at U+2028, which JSON allows inside a text
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row += 1
        try:
            yield json.loads(line)
        except json.JSONDecodeError as problem:
            raise ValueError(
                f"{file}: row {row} (line {number}) is no JSON ({problem.msg}, character "
                f"{problem.colno}): {line[:60]!r}"
            ) from problem
        except (ValueError, RecursionError) as problem:
            raise ValueError(unreadable(f"{file}: row {row} (line {number})", problem)) from problem


def unreadable(where: str, problem: Exception) -> str:
    """Say what of correct JSON Python does not read."""
    nested = isinstance(problem, RecursionError)
    what = "lists or records nested too deeply" if nested else "a number of thousands of digits"
    return f"{where} cannot be read: it holds {what}"


def require_storable(record: dict, row: int, file: Path) -> None:
    """Make sure that whole numbers fit 64 bits and texts are Unicode, names included.

    Raises:
        ValueError: If one is not; names it and the row.
    """
    waiting: list = [record]
    while waiting:  # no recursion: lists may be nested deeply
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif type(value) is int and value not in INTEGERS:
            raise ValueError(
                f"{file}: row {row}: the number {value} is more than 64 bits hold; put it in "
                "double quotes, in every row"
            )
        elif isinstance(value, str) and not value.isascii() and (half := HALF.search(value)):
            raise ValueError(
                f"{file}: row {row}: {half[0]!r} in the text {value[:60]!r} is half a character; "
                "write both halves or take it out"
            )


def require_one_kind(values: list, name: str, file: Path) -> None:
    """Make sure that a column holds one kind of value; whole and other numbers are one.

    Raises:
        ValueError: If it does not; names two rows that differ.
    """
    kinds: dict[type, int] = {}
    for row, value in enumerate(values, start=1):
        if value is not None:
            kinds.setdefault(float if type(value) is int else type(value), row)
    if len(kinds) > 1:
        called = {str: "text", float: "a number", bool: "true or false", list: "a list"}
        (one, here), (other, there) = list(kinds.items())[:2]
        raise ValueError(
            f"{file}: column {name!r} holds {called.get(one, 'a record')} in row {here} and "
            f"{called.get(other, 'a record')} in row {there}; make them all alike"
        )


def parquet(file: Path) -> "datasets.Dataset":
    """Read a parquet file into memory; class names in its metadata are kept.

    Raises:
        ValueError: If it is no parquet file, or is truncated.
    """
    import datasets
    import pyarrow
    import pyarrow.parquet as pq

    try:
        content = pq.read_table(pyarrow.BufferReader(file.read_bytes()))
    except pyarrow.ArrowException as problem:
        raise ValueError(
            f"{file} cannot be read as parquet ({problem}): copy it again"
        ) from problem
    return datasets.Dataset(content)
