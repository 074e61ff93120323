"""Which lessons there are, in reading order, and what each says of itself."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Lesson:
    """One notebook.

    Attributes:
        path: The file.
        title: Its first heading.
        question: The one sentence it answers; empty if it asks none.
        part: Folder it lies in, such as ``2_transformer``; empty at the top.
    """

    path: Path
    title: str
    question: str
    part: str

    @property
    def name(self) -> str:
        """The file's name without ending, such as ``24_bert_finetuning``."""
        return self.path.stem

    @property
    def slug(self) -> str:
        """The name without its number, such as ``bert_finetuning``."""
        return self.name.partition("_")[2] or self.name


def read(path: Path) -> Lesson:
    """Read a notebook's title and question.

    Raises:
        ValueError: If the file is no notebook; names it.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds, some without the file's name
        raise ValueError(f"{path} is not a notebook: {error}") from error
    part = path.parent.name if re.match(r"\d_", path.parent.name) else ""
    return Lesson(path, title_of(notebook) or path.stem, question_of(notebook), part)


def title_of(notebook: NotebookNode) -> str:
    """Return the first heading of the first level, without markup."""
    found = re.search(r"^# +(.+)$", _prose(notebook), re.MULTILINE)
    return re.sub(r"[*`]", "", found[1]).strip() if found else ""


def question_of(notebook: NotebookNode) -> str:
    """Return the sentence with a question mark that follows the word *question*.

    Example:
        >>> prose = nbformat.v4.new_markdown_cell("**Question.** Do all *weights* move? Guess.")
        >>> question_of(nbformat.v4.new_notebook(cells=[prose]))
        'Do all weights move?'
    """
    found = re.search(
        r"\bquestion\b\W*(?:\n|:|\.|·|—|\*)+\s*([^?]{5,400}?\?)", _prose(notebook), re.IGNORECASE
    )
    return " ".join(re.sub(r"(?m)^\s*>|[*`]", "", found[1]).split()) if found else ""


def _prose(notebook: NotebookNode) -> str:
    """Join the markdown cells at the start: title and question stand there."""
    return "\n\n".join(c.source for c in notebook.cells[:6] if c.cell_type == "markdown")


def find(places: list[Path]) -> list[Lesson]:
    """Return the lessons at files and in folders, once each, in reading order.

    Args:
        places: Notebooks, or folders that are searched through.

    Raises:
        FileNotFoundError: If a place does not exist or holds no notebook; names it.
        ValueError: If a file is no notebook, or two lessons have one name.
    """
    paths: set[Path] = set()
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f"no lesson at {place}: there is no such file or folder")
        inside = place.rglob("*.ipynb") if place.is_dir() else [place]
        found = {p.resolve() for p in inside if ".ipynb_checkpoints" not in p.parts}
        if not found:
            raise FileNotFoundError(f"no lesson at {place}: the folder holds no notebook")
        paths |= found
    ordered = sorted(paths, key=lambda path: (path.stem, str(path)))
    for one, other in zip(ordered, ordered[1:], strict=False):
        if one.stem == other.stem:
            raise ValueError(f"two lessons have the same name: {one} and {other}")
    return [read(path) for path in ordered]
