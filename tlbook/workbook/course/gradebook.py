"""nbgrader on a made-up course: it makes the release, runs the copies and adds up their points.

nbgrader lives in an environment of its own, which borrows tlbook and torch from ours. Its marks are
for comparison: it runs a submission and its check in one process, where a submission can do to
the check what it likes. The marks that count are those of `tlbook.workbook.course.grading`.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import nbformat

NBGRADER = "nbgrader==0.9.6"
BORROW = "import site; site.addsitedir({!r})\n"
RUN = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from tlbook.workbook.course.gradebook import inside; inside(*sys.argv[2:])"
)
ROOT = Path(__file__).resolve().parents[3]


class NoNbgraderError(Exception):
    """nbgrader cannot be had; says why."""


def install(folder: Path) -> Path:
    """Make an environment with nbgrader, or take the one that is there.

    Args:
        folder: Its place; whatever else lies there is replaced.

    Returns:
        Its Python.

    Raises:
        NoNbgraderError: If the package index does not have it or does not answer.
    """
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    done = f"{NBGRADER} beside {sys.prefix}, Python {sys.version}"
    if stamp.exists() and stamp.read_text() == done and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _ran([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    borrowed = next(folder.glob("lib/python*/site-packages")) / "borrowed.pth"
    borrowed.write_text(BORROW.format(sysconfig.get_paths()["purelib"]))
    _ran(
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"),
            *("--timeout", "15", "--retries", "1", "-c", str(ROOT / "constraints.txt"), NBGRADER),
        ]
    )
    _write_kernel(folder, python)
    stamp.write_text(done)
    return python


def _ran(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = [line for line in ended.stderr.splitlines() if line.strip()] or ["no reason given"]
        errors = [line for line in said if line.startswith("ERROR:")]
        raise NoNbgraderError(f"{NBGRADER} was not installed: {(errors or said)[-1]}")


def _write_kernel(folder: Path, python: Path) -> None:
    """Name this environment's Python as the kernel, whatever `python3` means to Jupyter."""
    home = folder / "share" / "jupyter" / "kernels" / "python3"
    home.mkdir(parents=True, exist_ok=True)
    arguments = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": arguments, "display_name": "Python 3", "language": "python"}
    (home / "kernel.json").write_text(json.dumps(kernel))


def rehearse(python: Path, course: Path, lessons: Sequence[Path]) -> dict[tuple[str, str], float]:
    """Let nbgrader make a course of lessons, and grade three copies of each sheet.

    Args:
        python: From `install`.
        course: Folder of the course. nbgrader's ``source``, ``release``, ``submitted`` and
            ``autograded`` come to lie there.
        lessons: Notebooks with exercises.

    Returns:
        nbgrader's marks, by lesson and student.

    Raises:
        RuntimeError: If nbgrader fails; what it said is in ``nbgrader.log``.
    """
    course.mkdir(parents=True, exist_ok=True)
    settings = {"TLBOOK_STRICT": "1", "JUPYTER_PREFER_ENV_PATH": "1", "OMP_NUM_THREADS": "1"}
    settings |= {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    settings["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    with (course / "nbgrader.log").open("w", encoding="utf-8") as log:
        ended = subprocess.run(
            [str(python), "-c", RUN, str(ROOT), str(course), *map(str, lessons)],
            env=os.environ | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        said = (course / "nbgrader.log").read_text(encoding="utf-8", errors="replace")
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        raise RuntimeError(f"nbgrader failed, see {course / 'nbgrader.log'}: {last}")
    found = json.loads((course / "nbgrader.json").read_text())
    return {(lesson, student): points for lesson, student, points in found}


def inside(course: str, *lessons: str) -> None:
    """Do what `rehearse` says; runs in nbgrader's environment."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    from tlbook.workbook.course import copies, sheets
    from tlbook.workbook.lessons import read

    folder, found = Path(course), []
    (folder / "gradebook.db").unlink(missing_ok=True)
    for name in ("source", "release", "submitted", "autograded"):
        shutil.rmtree(folder / name, ignore_errors=True)
    config = Config()
    config.CourseDirectory.root, config.CourseDirectory.course_id = course, "tlbook"
    config.ExecutePreprocessor.timeout = 300
    api = NbGraderAPI(config=config)
    for sheet in (sheets.sheet(read(Path(lesson))) for lesson in lessons):
        name = sheet.lesson
        save(folder / "source", name, sheet.notebook)
        _succeeded(api.generate_assignment(name, force=True, create=True))
        release = nbformat.read(place(folder / "release", name), as_version=4)
        for copy in copies.three(release, sheet):
            save(folder / "submitted" / copy.student, name, copy.notebook)
            _succeeded(api.autograde(name, copy.student, force=True, create=True))
            with api.gradebook as book:
                score = book.find_submission(name, copy.student).score
            found.append([name, copy.student, score])
    (folder / "nbgrader.json").write_text(json.dumps(found))


def place(folder: Path, lesson: str) -> Path:
    """Say where nbgrader keeps the notebook of a lesson in one of its folders.

    Example:
        >>> place(Path("release"), "33_lora").as_posix()
        'release/33_lora/33_lora.ipynb'
    """
    return folder / lesson / f"{lesson}.ipynb"


def save(folder: Path, lesson: str, notebook: nbformat.NotebookNode) -> None:
    """Write a notebook to its `place`."""
    path = place(folder, lesson)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def _succeeded(result: dict) -> None:
    if not result["success"]:
        raise RuntimeError("\n".join(filter(None, (result.get("log"), result.get("error")))))
