"""Read the corpora that ship inside the package; nothing is written to any cache."""

import gzip
import hashlib
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from tlbook.corpora.cards import polarity
from tlbook.corpora.columns import arrange
from tlbook.corpora.shipped import CORPORA, Corpus
from tlbook.corpora.splits import SPLITS

if TYPE_CHECKING:
    import datasets

FOLDER = Path(__file__).parent / "data"


def index(folder: Path = FOLDER) -> dict[str, dict]:
    """Return what `tlbook.corpora.build` noted about every corpus: counts and checksums.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged.
    """
    file = folder / "index.json"
    try:
        return json.loads(content_of(file).decode("utf-8"))
    except ValueError as problem:
        raise ValueError(f"{file} is damaged ({problem}): install tlbook again") from problem


def content_of(file: Path) -> bytes:
    """Read a file that ships with the package.

    Raises:
        FileNotFoundError: If it is missing.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError as problem:
        raise FileNotFoundError(f"{file} is missing: install tlbook again") from problem


def sha256_of(name: str, folder: Path) -> str:
    """Return the checksum that the index holds of a corpus.

    Raises:
        FileNotFoundError: If the index is missing.
        ValueError: If it does not hold the checksum.
    """
    try:
        return index(folder)[name]["sha256"]
    except (KeyError, TypeError) as problem:
        raise ValueError(
            f"{folder / 'index.json'} is damaged (no checksum of {name}): install tlbook again"
        ) from problem


def rows(name: str, *, folder: Path = FOLDER) -> list[dict]:
    """Read the rows of a shipped corpus, each with its ``split``.

    Args:
        name: A key of `CORPORA`.
        folder: Where the data stand.

    Raises:
        FileNotFoundError: If the file or the index is missing.
        ValueError: If the file is truncated or was altered, or the index is damaged.
    """
    file = folder / name / "rows.jsonl.gz"
    try:
        lines = gzip.decompress(content_of(file))
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise ValueError(f"{file} is damaged ({problem}): install tlbook again") from problem
    if hashlib.sha256(lines).hexdigest() != sha256_of(name, folder):
        raise ValueError(f"{file} was altered (its SHA-256 differs): install tlbook again")
    return [json.loads(line) for line in lines.decode().split("\n") if line]


def read(
    name: str, *, text: str | None = None, pair: str | None = None, label: str | None = None
) -> "datasets.DatasetDict":
    """Return a shipped corpus with its fixed splits.

    Args:
        name: A key of `CORPORA`.
        text: The column to call ``text``; default: the corpus's own choice.
        pair: The column to call ``pair``; default: the corpus's own choice.
        label: The column to number as ``label``; default: the corpus's own choice.

    Raises:
        ValueError: If a column does not exist or cannot serve.
    """
    import datasets

    corpus, found = CORPORA[name], rows(name)
    if (label or corpus.label) == "polarity":
        found = [row | {"polarity": polarity(row["stars"])} for row in found if row["stars"] != 3]
    columns = [column for column in found[0] if column != "split"]
    parts = {}
    for split in SPLITS:
        values = {column: [] for column in columns}
        for row in found:
            if row["split"] == split:
                for column in columns:
                    values[column].append(row[column])
        parts[split] = datasets.Dataset.from_dict(values, features_of(corpus, values))
    parts = datasets.DatasetDict(parts)
    asked = (text or corpus.text, pair or (None if text else corpus.pair), label or corpus.label)
    if not any(asked):
        return parts
    return arrange(parts, name, *asked, classes=corpus.classes)


def features_of(corpus: Corpus, values: dict[str, list]) -> "datasets.Features":
    """Return the type of every column, so that no type is left to be guessed."""
    from datasets import ClassLabel, Features, List, Value

    plain = {str: Value("string"), int: Value("int64"), float: Value("float64")}

    def feature(column: str):
        first = values[column][0]
        if column in corpus.tags:
            return List(ClassLabel(names=list(corpus.classes[column])))
        if column == "answers":  # as in SQuAD
            return {"text": List(Value("string")), "answer_start": List(Value("int32"))}
        return List(Value("string")) if isinstance(first, list) else plain[type(first)]

    return Features({column: feature(column) for column in values})
