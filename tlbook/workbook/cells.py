"""The cells to take away, each as a file of its own that needs nothing of tlbook."""

import ast
import re
import sys
import textwrap
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat

from tlbook.workbook.folders import renewed
from tlbook.workbook.lessons import Lesson
from tlbook.workbook.lock import canonical

TAG = "standalone"
WIDTH = 98  # of a comment line, without the hash
HEADER = """\
{title}

{purpose}

Run it:   python {slug}.py
          Its first lines name your file, its columns and the model.
Packages: pip install {packages}
          These are the versions it was tested with.
From:     lesson {number} of tlbook, a workbook on transfer learning in NLP
Licence:  Apache License 2.0, the tlbook authors

SPDX-License-Identifier: Apache-2.0"""


def gather(chosen: list[Lesson], *, lock: Mapping[str, str], out: Path) -> list[Path]:
    """Write the cells to take away of lessons as ``<slug>.py``, in place of earlier ones.

    Args:
        chosen: From `tlbook.workbook.lessons.find`; those without such a cell are left out.
        lock: Exact versions, from `tlbook.workbook.lock.pinned`.
        out: Folder that is replaced as a whole.

    Returns:
        The files, in the order of the lessons.

    Raises:
        ValueError: If a cell cannot be gathered; names the lesson. Nothing is changed then.
    """
    scripts = {lesson.slug: script(lesson, lock) for lesson in chosen if source(lesson)}
    with renewed(out) as fresh:
        for slug, text in scripts.items():
            (fresh / f"{slug}.py").write_text(text, encoding="utf-8")
    return [out / f"{slug}.py" for slug in scripts]


def script(lesson: Lesson, lock: Mapping[str, str]) -> str:
    """Return a lesson's cell to take away below a header: what it does, how to run it, licence.

    Raises:
        ValueError: If it imports what the lock does not pin; names both.
    """
    code, purpose = _cell(lesson)
    number, _, title = lesson.title.partition(" · ")
    header = HEADER.format(
        title=title or lesson.title,
        purpose=_wrapped(purpose),
        slug=lesson.slug,
        packages=" ".join(_requirements(lesson, code, lock)),
        number=number if title else lesson.name.partition("_")[0],
    )
    commented = [f"# {line}".rstrip() for line in header.splitlines()]
    return "\n".join(commented) + "\n\n" + code + "\n"


def source(lesson: Lesson) -> str:
    """Return the cell itself, without a header; empty if the lesson has none."""
    return _cell(lesson)[0]


def _cell(lesson: Lesson) -> tuple[str, str]:
    """The cell to take away, and the prose before it, which says what it does."""
    cells = nbformat.read(lesson.path, as_version=4).cells
    places = [n for n, cell in enumerate(cells) if TAG in cell.metadata.get("tags", [])]
    if len(places) > 1:
        raise ValueError(f"{lesson.path.name}: {len(places)} cells are tagged {TAG}, not one")
    if not places:
        return "", ""
    prose = [cell.source for cell in cells[: places[0]] if cell.cell_type == "markdown"]
    return cells[places[0]].source, "".join(prose[-1:])


def _wrapped(prose: str) -> str:
    r"""Return prose without headings and markup, in lines that fit behind a hash.

    Example:
        >>> _wrapped("## Take it with you\n\nIt needs `torch`\nonly. See [here](https://a.b).")
        'It needs torch only. See here (https://a.b).'
    """
    prose = re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"\1 (\2)", prose)
    lines = [re.sub(r"[*`]", "", line) for line in prose.splitlines() if not line.startswith("#")]
    paragraphs = "\n".join(lines).strip().split("\n\n")
    return "\n\n".join(textwrap.fill(part, WIDTH, break_on_hyphens=False) for part in paragraphs)


def _requirements(lesson: Lesson, code: str, lock: Mapping[str, str]) -> list[str]:
    """Return ``name==version`` for each package that a cell imports."""
    tops = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            tops.add((node.module or "").partition(".")[0])
    known, found = packages_distributions(), set()
    for top in tops - sys.stdlib_module_names:
        names = {canonical(name) for name in known.get(top, [top])} & lock.keys()
        if not names:
            raise ValueError(
                f"{lesson.path.name}: its cell to take away imports {top}, "
                "which constraints.txt does not pin"
            )
        found |= {f"{name}=={lock[name]}" for name in names}
    return sorted(found)
