"""Make the shipped corpora from the files they were written in.

    python -m tlbook.corpora.build SOURCE_FOLDER [--into FOLDER]

Every corpus becomes a folder with ``rows.jsonl.gz`` (one row a line, its split
among the columns) and ``CARD.md``; ``index.json`` holds counts and checksums of
all. The same source gives the same rows, splits and cards on every machine.
"""

import argparse
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tlbook.corpora.cards import card, summary
from tlbook.corpora.embedded import FOLDER
from tlbook.corpora.shipped import CORPORA, Corpus
from tlbook.corpora.splits import alike, divide

Row = dict[str, object]


def rows_of_tagged(source: Row) -> Iterator[Row]:
    """Name the entity tags as CoNLL-2003 on the Hub does."""
    yield {"tokens": source["tokens"], "upos": source["upos"], "ner_tags": source["ner"]}


def rows_of_acceptability(source: Row) -> Iterator[Row]:
    """Make one row of each sentence of a minimal pair."""
    for label in ("acceptable", "unacceptable"):
        text = source["good" if label == "acceptable" else "bad"]
        yield {"text": text, "label": label, "phenomenon": source["phenomenon"]}


def rows_of_encyclopaedia(source: Row) -> Iterator[Row]:
    """Make one row of each question about an article, in the columns of SQuAD 2."""
    slug = re.sub(r"\W+", "-", source["title"].casefold()).strip("-")
    for number, entry in enumerate(source["qas"], start=1):
        found = {"text": [], "answer_start": []}
        if entry["answer"] is not None:
            start = answer_start(source["text"], entry["answer"])
            found = {"text": [entry["answer"]], "answer_start": [start]}
        yield {
            "id": f"{slug}-{number}",
            "title": source["title"],
            "kind": source["kind"],
            "context": source["text"],
            "question": entry["question"],
            "answers": found,
        }


def rows_of_faq(source: Row) -> Iterator[Row]:
    """Make one row of each query."""
    for query in source["queries"]:
        yield {
            "query": query,
            "intent": source["intent"],
            "question": source["question"],
            "answer": source["answer"],
        }


ROWS_OF: dict[str, Callable[[Row], Iterator[Row]]] = {
    "tagged": rows_of_tagged,
    "acceptability": rows_of_acceptability,
    "encyclopaedia": rows_of_encyclopaedia,
    "faq": rows_of_faq,
}


def answer_start(context: str, answer: str) -> int:
    """Return the first character of the first occurrence of `answer` as whole words.

    Raises:
        ValueError: If the answer does not stand in the context.

    Example:
        >>> answer_start("The mountain of tin.", "tin")
        16
    """
    found = re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", context)
    if found is None:
        raise ValueError(f"the answer {answer!r} does not stand in {context[:60]!r}...")
    return found.start()


def rows_with_splits(name: str, source: Path) -> list[Row]:
    """Read one source file and give every row its split.

    Rows that came from one line (an article, a minimal pair) and rows whose texts
    are alike stay together; so do the queries of an intent, unless they differ.

    Args:
        name: A key of `CORPORA`.
        source: The folder with the JSON-lines files.

    Returns:
        The rows in source order, with ``split`` as their last column.
    """
    corpus = CORPORA[name]
    rows, lines = [], []
    with open(source / f"{corpus.source}.jsonl", encoding="utf-8") as file:
        for number, line in enumerate(file):
            for row in ROWS_OF.get(name, lambda entry: [entry])(json.loads(line)):
                rows.append(row | {"pair_id": number} if name == "acceptability" else row)
                lines.append(number)
    if name == "faq":  # a line is an intent, which every split must show
        lines = list(range(len(rows)))
    groups = joined([lines, *(alike(column) for column in texts_of(corpus, rows))])
    strata = [tuple(row[column] for column in corpus.strata) for row in rows]
    parts = divide(groups, strata)
    return [row | {"split": part} for row, part in zip(rows, parts, strict=True)]


def texts_of(corpus: Corpus, rows: list[Row]) -> list[list[str]]:
    """Return, for each column of ``corpus.together``, its texts in row order."""
    return [
        [row[column] if isinstance(row[column], str) else " ".join(row[column]) for row in rows]
        for column in corpus.together
    ]


def joined(groupings: list[list[int]]) -> list[int]:
    """Merge groupings: rows that any of them puts together come out together.

    Example:
        >>> joined([[0, 0, 1, 2], [5, 6, 6, 7]])
        [0, 0, 0, 3]
    """
    group = list(range(len(groupings[0])))
    changed = True
    while changed:
        before = list(group)
        for grouping in groupings:
            lowest: dict[int, int] = {}
            for key, number in zip(grouping, group, strict=True):
                lowest[key] = min(lowest.get(key, number), number)
            group = [lowest[key] for key in grouping]
        changed = group != before
    return group


def build(source: Path, into: Path = FOLDER) -> None:
    """Write all corpora, their cards and the index.

    Args:
        source: The folder with the JSON-lines files.
        into: Where to write; made if absent.
    """
    index = {}
    for name, corpus in CORPORA.items():
        rows = rows_with_splits(name, source)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        folder = into / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rows.jsonl.gz").write_bytes(gzip.compress(lines, compresslevel=9, mtime=0))
        index[name] = summary(corpus, rows) | {"sha256": hashlib.sha256(lines).hexdigest()}
        (folder / "CARD.md").write_text(card(name, corpus, rows), encoding="utf-8")
    (into / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the shipped corpora from their sources.")
    parser.add_argument("source", type=Path, help="folder with reviews.jsonl, senses.jsonl, ...")
    parser.add_argument("--into", type=Path, default=FOLDER, help="default: the package's data")
    arguments = parser.parse_args()
    build(arguments.source, arguments.into)
