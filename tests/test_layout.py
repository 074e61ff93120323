"""House rules that a machine can keep: names agree, imports point backwards, pieces stay small."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tlbook.papers import PAPERS

ROOT = Path(__file__).parents[1]
SPINE = [
    *("files", "runtime", "papers", "corpora", "tokens", "batches", "encoders", "heads"),
    *("metrics", "freezing", "schedules", "training"),
]
PARTS = [
    *("recurrent", "transformer", "efficient", "joint", "seq2seq", "adapting", "reusing"),
    "beyond",
]
AFTER = ["results", "figures", "widgets", "checks", "bench", "workbook"]
RANK = {name: place for place, name in enumerate(SPINE + PARTS + AFTER)}
TOP = {
    *("notebooks", "tlbook", "tests", "environment.yml", "Makefile", "README.md"),
    *("pyproject.toml", "constraints.txt", "LICENSE"),
}
MADE = {"build", "tlbook.egg-info", "__pycache__"}  # by targets of the Makefile, ignored by git
VAGUE = re.compile(r"(^|_)(utils?|helpers?|common|misc|base)(_|$)")
UNSAFE = re.compile(r"pickle\.load|trust_remote_code\s*=\s*True|weights_only\s*=\s*False")

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if re.match(r"[1-8]_", path.parent.name)]
MODULES = sorted((ROOT / "tlbook").rglob("*.py"))
SOURCES = [path for path in MODULES if path.name != "__init__.py"]


def named(path):
    return path.relative_to(ROOT).as_posix()


def imported(module):
    """Names under tlbook that a module imports, by any form of the statement."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in found if name.startswith("tlbook.")}


def test_nothing_stands_at_the_top_but_what_the_design_names():
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert there - MADE <= TOP


def test_the_package_holds_only_the_spine_the_parts_and_what_follows():
    there = {p.stem for p in (ROOT / "tlbook").iterdir() if not p.name.startswith("__")}
    assert there <= set(RANK) | {"pocket"}


@pytest.mark.parametrize("notebook", LESSONS, ids=named)
def test_notebook_module_test_and_paper_share_a_slug(notebook):
    digit, part = notebook.parent.name.split("_", 1)
    number, slug = notebook.stem.split("_", 1)
    assert part == PARTS[int(digit) - 1]
    assert re.fullmatch(rf"{digit}\d", number), "the first digit is the part"
    home, tests = ROOT / "tlbook" / part, ROOT / "tests" / part
    assert (home / f"{slug}.py").exists() or (home / slug / "__init__.py").exists()
    assert (tests / f"test_{slug}.py").exists() or list((tests / slug).glob("test_*.py"))
    assert slug in PAPERS


@pytest.mark.parametrize("notebook", sorted(set(NOTEBOOKS) - set(LESSONS)), ids=named)
def test_a_notebook_outside_the_parts_stands_at_the_top(notebook):
    assert notebook.parent == ROOT / "notebooks"
    assert re.match(r"(0|9)\d_", notebook.stem)


@pytest.mark.parametrize("module", SOURCES, ids=named)
def test_every_module_has_a_test_in_the_same_place(module):
    if module.name != "__main__.py":
        place = module.relative_to(ROOT / "tlbook")
        assert (ROOT / "tests" / place.parent / f"test_{place.name}").exists()


@pytest.mark.parametrize("package", sorted(set(MODULES) - set(SOURCES)), ids=named)
def test_a_package_that_holds_code_itself_has_tests_of_its_name(package):
    code = (ast.FunctionDef, ast.ClassDef)
    if any(isinstance(node, code) for node in ast.parse(package.read_text()).body):
        folder = ROOT / "tests" / package.parent.relative_to(ROOT / "tlbook")
        assert list(folder.glob("test_*.py")) or folder.with_name(f"test_{folder.name}.py").exists()


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_imports_point_backwards(module):
    own = module.relative_to(ROOT / "tlbook").with_suffix("").parts[0]
    if own == "__init__":
        assert not imported(module)
    elif module.name != "__main__.py":  # a command stands at the end: nothing imports it
        forward = {name for name in imported(module) if RANK[name] > RANK[own]}
        assert not forward, f"{own} reaches forward"


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_imports_are_written_in_full(module):
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "write the full path: from tlbook.heads import ..."
            assert [alias.name for alias in node.names] != ["*"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
def test_notebooks_import_no_star(notebook):
    assert not re.search(r"import \*", notebook.read_text())


def test_the_package_itself_imports_nothing():
    tree = ast.parse((ROOT / "tlbook" / "__init__.py").read_text())
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_modules_stay_small(module):
    assert module.read_text().count("\n") <= 300


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_functions_stay_small(module):
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = node.end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 40, f"{node.name} has {lines} lines below its docstring"


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_names_say_what_is_inside(module):
    for word in module.relative_to(ROOT).with_suffix("").parts:
        assert not VAGUE.search(word)


@pytest.mark.parametrize("source", MODULES + NOTEBOOKS, ids=named)
def test_nothing_is_loaded_that_could_run_code(source):
    assert not UNSAFE.search(source.read_text())


def test_the_package_data_names_every_file_that_ships():
    patterns = re.search(r"\ntlbook = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL)
    endings = re.findall(r'"\*\*/\*?([^"*]+)"', patterns[1])
    for path in (ROOT / "tlbook").rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            assert path.name.endswith(tuple(endings)), path


def test_a_lesson_without_a_transformer_does_not_wait_for_the_library_of_them():
    reads = "from tlbook.recurrent.elmo import comparison, probes, senses, shipped, tuning"
    loaded = "torch._dynamo", "transformers"
    code = f"import sys; {reads}; from tlbook import runtime; runtime.start(seed=0); "
    code += f"print([name for name in {loaded} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
