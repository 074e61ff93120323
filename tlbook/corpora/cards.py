"""The card of a shipped corpus and its line in the index, made from its rows."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tlbook.corpora.shipped import LICENCE, LIMITS, WRITTEN, Corpus
from tlbook.corpora.splits import SPLITS

Rows = Sequence[Mapping[str, object]]


def polarity(stars: int) -> str | None:
    """Return negative for 1-2 stars, positive for 4-5, None for 3.

    Example:
        >>> [polarity(stars) for stars in (1, 3, 5)]
        ['negative', None, 'positive']
    """
    return None if stars == 3 else "positive" if stars > 3 else "negative"


def labels_of(corpus: Corpus, row: Mapping[str, object]) -> list[str]:
    """List what one row counts for in the card: its label, its tags, answerable or not."""
    if corpus.tags:
        return [tag for column in corpus.tags for tag in row[column]]
    if "answers" in row:
        return ["answered" if row["answers"]["text"] else "unanswerable"]
    if corpus.label == "polarity":
        return [polarity(row["stars"]) or "(3 stars)"]
    return [row[corpus.label]] if corpus.label else []


def class_names(corpus: Corpus, rows: Rows) -> tuple[str, ...]:
    """Return the names of the default label's classes, in the order of their numbers."""
    if corpus.label is None:
        return ()
    return corpus.classes.get(corpus.label) or tuple(sorted({row[corpus.label] for row in rows}))


def summary(corpus: Corpus, rows: Rows) -> dict[str, object]:
    """Return the corpus's line in ``index.json``: rows per split, columns, classes."""
    counts = Counter(row["split"] for row in rows)
    return {
        "rows": len(rows),
        "splits": {split: counts[split] for split in SPLITS},
        "columns": [column for column in rows[0] if column != "split"],
        "classes": list(class_names(corpus, rows)),
    }


def card(name: str, corpus: Corpus, rows: Rows) -> str:
    """Write the card in Markdown.

    Args:
        name: The corpus's name for `tlbook.corpora.load`.
        corpus: What is known about it beside its rows.
        rows: All rows, each with its ``split``.
    """
    line = summary(corpus, rows)
    counts = Counter((label, row["split"]) for row in rows for label in labels_of(corpus, row))
    names = sorted({label for label, _ in counts})
    table = [f"| | {' | '.join(SPLITS)} |", "|---" * (1 + len(SPLITS)) + "|"]
    table.append(f"| rows | {' | '.join(str(line['splits'][split]) for split in SPLITS)} |")
    for label in names:
        table.append(f"| {label} | {' | '.join(str(counts[label, split]) for split in SPLITS)} |")
    limits = "\n".join(f"- {limit}" for limit in (*corpus.limits, *LIMITS))
    columns = ", ".join(f"`{column}`" for column in line["columns"])
    return f"""# {name}: {corpus.task}

{corpus.what}

- **How written.** {WRITTEN}
- **Labels.** {corpus.labels}
- **Columns.** {columns}; `split` says where a row stands.
- **Splits.** Fixed, in proportion over {" x ".join(corpus.strata) or "all rows"}. No text, and no
  text that shares most of its words with another, stands in two splits
  (compared: {", ".join(f"`{column}`" for column in corpus.together)}).
- **Licence.** {LICENCE} (https://creativecommons.org/licenses/by/4.0/), by the tlbook authors.

## Rows

{chr(10).join(table)}

## Known limits

{limits}
"""
