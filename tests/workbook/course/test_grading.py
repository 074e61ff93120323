"""Marks cannot be forged, and each honest way of writing an answer keeps them.

The exercises of `real_sheet` are judged by checks that the workbook has. ``{folder}`` in a cheat is
a folder that holds the solutions, as a student's installed package would.
"""

import contextlib
import os
import sys
import warnings
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbformat import v4

from tlbook import checks
from tlbook.workbook.course import confinement, copies, grading, sheets
from tlbook.workbook.course.answers import Limits

CHECKS = Path(checks.__file__).parent
LANDLOCK = confinement.landlock([])
if LANDLOCK is not None:
    os.close(LANDLOCK)
needs_landlock = pytest.mark.skipif(LANDLOCK is None, reason="this kernel has no Landlock")

EQUAL_TO_ALL = """
class Same:
    __eq__ = __ne__ = __le__ = __ge__ = lambda self, other: True
    __hash__ = object.__hash__
    __len__ = lambda self: 50
    __getattr__ = lambda self, name: self
    __getitem__ = __call__ = lambda self, *given, **named: self
    __iter__ = lambda self: iter([self] * 4)
    __array__ = lambda self, *given, **named: self
    __int__ = __index__ = lambda self: 1
    __bool__ = lambda self: True
"""
CHEATS = {
    "an object equal to everything": ("places", EQUAL_TO_ALL + "places = Same()"),
    "objects equal to everything in a dictionary": (
        "places",
        EQUAL_TO_ALL + "places = dict.fromkeys('ABCD', (Same(), Same()))",
    ),
    "a function that returns an object equal to everything": (
        "nearest",
        EQUAL_TO_ALL + "nearest = lambda texts, names: Same()",
    ),
    "a text equal to every text": (
        "places",
        "class Word(str):\n    __eq__ = lambda *given: True\n    __hash__ = lambda self: 1\n"
        "places = dict.fromkeys('ABCD', (Word('labels'), Word('then')))",
    ),
    "a number equal to every number": (
        "span",
        "class One(int):\n    __eq__ = lambda *given: True\n    __ne__ = lambda *given: False\n"
        "    __hash__ = int.__hash__\nspan = lambda starts, ends: (One(1), One(1))",
    ),
    "an array whose comparison says yes": (
        "nearest",
        "class Yes(np.ndarray):\n    __eq__ = lambda self, other: np.ones(50, bool)\n"
        "    __array_function__ = __array_ufunc__ = lambda *given, **named: True\n"
        "nearest = lambda texts, names: np.zeros(50, int).view(Yes)",
    ),
    "a tensor that answers every function of torch": (
        "nearest",
        "class Yes(torch.Tensor):\n    @classmethod\n"
        "    def __torch_function__(cls, *given, **named): return torch.tensor(True)\n"
        "nearest = lambda texts, names: torch.zeros(50).as_subclass(Yes)",
    ),
    "the judge replaced": (
        "nearest",
        "import tlbook.checks\nfrom tlbook.checks import Verdict\n"
        "tlbook.checks.judge = lambda *given: Verdict(True)\nnearest = lambda *given: 0",
    ),
    "the judge replaced wherever it is loaded": (
        "nearest",
        "import sys\nnearest = lambda *given: 0\nfor module in list(sys.modules.values()):\n"
        "    for name in ('judge', 'check_nearest', '_try', 'close', 'ask'):\n"
        "        if hasattr(module, name): setattr(module, name, lambda *given: True)",
    ),
    "comparisons replaced": (
        "nearest",
        "torch.equal = torch.allclose = np.array_equal = np.allclose = lambda *given, **n: True\n"
        "torch.Tensor.__eq__ = torch.Tensor.all = lambda *given: torch.tensor(True)\n"
        "torch.testing.assert_close = lambda *given, **named: None\n"
        "nearest = lambda texts, names: torch.zeros(50, dtype=torch.int64)",
    ),
    "builtins replaced": (
        "leaks",
        "import builtins\nbuiltins.all = builtins.any = builtins.isinstance = lambda *given: True\n"
        "builtins.sorted = builtins.set = lambda *given: [1]\nbuiltins.AssertionError = Warning\n"
        "leaks = lambda train, test: [1]",
    ),
    "random numbers replaced": (
        "span",
        "import random, numpy.random\nrandom.seed(0)\ntorch.manual_seed(0)\nnp.random.seed(0)\n"
        "np.random.default_rng = lambda *given: np.random.Generator(np.random.PCG64(0))\n"
        "span = lambda starts, ends: (1, 2)",
    ),
    "a verdict printed": (
        "leaks",
        "print('Right.')\nleaks = lambda train, test: print('Right.') or True",
    ),
    "strictness switched": (
        "leaks",
        "import os\nos.environ['TLBOOK_STRICT'] = '0'\nleaks = lambda train, test: None",
    ),
    "errors swallowed": (
        "leaks",
        "def leaks(train, test):\n    try:\n        return known\n    except BaseException:\n"
        "        return True",
    ),
    "an answer that says it is not written yet": (
        "leaks",
        "def leaks(train, test):\n    raise NotImplementedError",
    ),
    "an early end": ("leaks", "import sys\nleaks = lambda train, test: sys.exit(0)"),
    "an early end at the top": ("leaks", "import os\nos._exit(0)"),
    "no end": ("leaks", "def leaks(train, test):\n    while True: pass"),
    "no end at the top": ("leaks", "while True: pass"),
    "no end of the reply": (
        "leaks",
        "import itertools\nleaks = lambda train, test: itertools.count()",
    ),
    "a reply too deep to read": (
        "leaks",
        "def leaks(train, test):\n    for _ in range(400): test = [test]\n    return test",
    ),
    "a reply too large to read": ("leaks", "leaks = lambda train, test: ['x' * 999] * 10**5"),
    "a reply forged on the wire": (
        "leaks",
        "import json, os\ndef leaks(train, test):\n"
        "    for number in range(3, 20):\n        try:\n"
        "            body = json.dumps({{'right': True, 'gave': True, 'given': []}}).encode()\n"
        "            os.write(number, len(body).to_bytes(8) + body)\n"
        "        except OSError: pass\n    return True",
    ),
    "the wanted values looked for in the frames": (
        "nearest",
        "import sys\ndef nearest(texts, names):\n    frame = sys._getframe()\n    while frame:\n"
        "        for name in ('wanted', 'cosines', 'right'):\n"
        "            if name in frame.f_locals: return frame.f_locals[name].argmax(1)\n"
        "        frame = frame.f_back\n    return torch.zeros(50)",
    ),
    "the wanted values looked for in memory": (
        "places",
        "import gc\nplaces = [found for found in gc.get_objects() if type(found) is dict"
        " and list(found) == list('ABCD') and type(found['A']) is tuple][0]",
    ),
    "the grader killed": ("leaks", "import os\nos.kill(os.getppid(), 9)\nleaks = 1"),
    "its own group killed": ("leaks", "import os\nos.killpg(0, 9)\nleaks = 1"),
    "a file rewritten": ("leaks", "open('{folder}/solution.py', 'r+').write('#')\nleaks = 1"),
    "a file replaced": (
        "leaks",
        "import os\nos.rename('{folder}/solution.py', '{folder}/other.py')\nleaks = 1",
    ),
    "the lock taken off": (
        "places",
        "import sys\ntry: open('/etc/passwd')\nexcept PermissionError as error:\n"
        "    frame = error.__traceback__.tb_next.tb_frame\n"
        "    frame.f_globals.clear()\n    frame.f_builtins['PermissionError'] = None\n"
        "exec(open('{folder}/solution.py').read())",
    ),
}
READS = {
    "the file opened": "exec(open('{folder}/solution.py').read())",
    "the file opened by its number": (
        "import os\nexec(os.read(os.open('{folder}/solution.py', os.O_RDONLY), 9999))"
    ),
    "by pathlib": "import pathlib\nexec(pathlib.Path('{folder}', 'solution.py').read_text())",
    "by numpy": (
        "text = np.fromfile('{folder}/solution.py', np.uint8).tobytes()\nexec(text.decode())"
    ),
    "through a library's folder": (
        "exec(open(np.__path__[0] + '/..' * 20 + '{folder}/solution.py').read())"
    ),
    "as a module": "import sys\nsys.path.insert(0, '{folder}')\nfrom solution import places",
    "by runpy": "import runpy\nplaces = runpy.run_path('{folder}/solution.py')['places']",
    "by a loader": (
        "from importlib.machinery import SourceFileLoader\n"
        "places = SourceFileLoader('s', '{folder}/solution.py').load_module().places"
    ),
    "by another program": (
        "import subprocess\nexec(subprocess.run(['cat', '{folder}/solution.py'],"
        " capture_output=True).stdout)"
    ),
    "by the C library": (
        "import ctypes, os\nexec(os.read(ctypes.CDLL(None).open(b'{folder}/solution.py', 0), 9999))"
    ),
    "from the checks": "from tlbook.checks.start_here import PLACES as places",
    "from the source of the checks": (
        "import ast, re\nsource = open({start_here!r}).read()\n"
        "exec(re.search(r'(?s)PLACES = .*?\\n}}\\n', source)[0])\nplaces = PLACES"
    ),
}
NATIVE_READS = {
    "by torch": (
        "text = torch.from_file('{folder}/solution.py', False, {size}, dtype=torch.uint8)\n"
        "exec(bytes(text.tolist()))"
    ),
    "by torch under another name": (
        "text = torch.UntypedStorage.from_file('{folder}/solution.py', False, {size})\n"
        "exec(bytes(text.tolist()))"
    ),
    "by pyarrow": ("import pyarrow\nexec(pyarrow.OSFile('{folder}/solution.py').read().decode())"),
}
HONEST = {
    "a function": (
        "leaks",
        "def leaks(train_texts, test_texts):\n    known = {plain(text) for text in train_texts}\n"
        "    return [n for n, text in enumerate(test_texts) if plain(text) in known]",
    ),
    "a generator": (
        "leaks",
        "def leaks(train, test):\n    for place, text in enumerate(test):\n"
        "        if any(plain(text) == plain(other) for other in train):\n            yield place",
    ),
    "own rules and own imports": (
        "leaks",
        "import re\nfrom functools import lru_cache\n@lru_cache\ndef bare(text):\n"
        "    return ' '.join(re.findall(r'\\w+', text.lower()))\n"
        "leaks = lambda train, test: list(filter(\n"
        "    lambda n: bare(test[n]) in set(map(bare, train)), range(len(test))))",
    ),
    "an array": (
        "leaks",
        "leaks = lambda train, test: np.flatnonzero(\n"
        "    np.isin([plain(t) for t in test], [plain(t) for t in train]))",
    ),
    "an object that can be called": (
        "leaks",
        "class Leaks:\n    def __init__(self, rule): self.rule = rule\n"
        "    def __call__(self, train, test):\n        known = set(map(self.rule, train))\n"
        "        return {n for n in range(len(test)) if self.rule(test[n]) in known}\n"
        "leaks = Leaks(plain)",
    ),
    "a partial function": (
        "leaks",
        "from functools import partial\ndef places(rule, train, test):\n"
        "    return [n for n, t in enumerate(test) if rule(t) in map(rule, train)]\n"
        "leaks = partial(places, plain)",
    ),
    "arguments changed on the way": (
        "leaks",
        "def leaks(train, test):\n    train[:] = map(plain, train)\n    found = []\n"
        "    for number in range(len(test)):\n        test[number] = plain(test[number])\n"
        "        found += [number] * (test[number] in train)\n    return found",
    ),
    "the stub left below the answer": (
        "leaks",
        "leaks = lambda train, test: [\n"
        "    n for n, t in enumerate(test) if plain(t) in map(plain, train)]\n"
        "# YOUR CODE HERE\nraise NotImplementedError()",
    ),
    "prints and magics": (
        "leaks",
        "%time\ndef leaks(train, test):\n    print(len(train), 'texts')\n"
        "    return [n for n, t in enumerate(test) if plain(t) in map(plain, train)]",
    ),
    "one text at a time": (
        "nearest",
        "def nearest(texts, names):\n"
        "    return [int(torch.cosine_similarity(t[None], names).argmax()) for t in texts]",
    ),
    "in numpy and double precision": (
        "nearest",
        "def nearest(texts, names):\n    t, n = texts.double().numpy(), names.double().numpy()\n"
        "    n /= np.linalg.norm(n, axis=1, keepdims=True)\n    return (t @ n.T).argmax(1)",
    ),
    "with a trained parameter": (
        "nearest",
        "def nearest(texts, names):\n    names = torch.nn.Parameter(names)\n"
        "    return (texts @ normalize(names).T).max(dim=1).indices",
    ),
    "numbers of numpy": (
        "span",
        "def span(starts, ends):\n    total = np.where(np.tri(len(starts), dtype=bool).T,\n"
        "        starts[:, None] + ends[None, :], -np.inf)\n"
        "    return np.unravel_index(total.argmax(), total.shape)",
    ),
    "a list, by recursion": (
        "span",
        "def span(s, e):\n    if len(s) == 1: return [0, 0]\n    i, j = span(s[1:], e[1:])\n"
        "    last = int(np.argmax(e))\n"
        "    return [0, last] if s[0] + e[last] > s[1:][i] + e[1:][j] else [i + 1, j + 1]",
    ),
    "lists for pairs": (
        "places",
        "places = {'D': ['labels', 'then'], 'C': ['no labels', 'together']}\n"
        "places.update(A=['no labels', 'then'], B=['labels', 'together'])",
    ),
}


@pytest.fixture
def secrets(tmp_path, real_sheet):
    """What a cheat can ask for: a folder with a solution in a file, and its size."""
    solution = real_sheet.exercises[0].solution
    (tmp_path / "solution.py").write_text(solution)
    start_here = str(CHECKS / "start_here.py")
    return {"folder": str(tmp_path), "size": len(solution), "start_here": start_here}


def graded(grader, sheet, exercise, source, monkeypatch, *more):
    """Mark one exercise of a submission that answers no other."""
    monkeypatch.setattr(grader.answering, "limits", Limits(cpu_seconds=1, seconds=60.0))
    only = next(one for one in sheet.exercises if one.name == exercise)
    part = sheets.Sheet(sheet.lesson, sheet.imports, sheet.checks, (only,), sheet.notebook)
    notebook = copies.answered(copies.released(sheet), part, lambda *given: source)
    notebook.cells[1:1] = map(v4.new_code_cell, more)
    (mark,) = grader.marks(part, "student", notebook)
    return mark


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_gets_nothing(grader, real_sheet, monkeypatch, secrets, cheat):
    exercise, source = CHEATS[cheat]
    if "{folder}" in source or "{{" in source:
        source = source.format(**secrets)
    mark = graded(grader, real_sheet, exercise, source, monkeypatch)
    assert (mark.got, mark.verdict) in [(0.0, "not yet"), (0.0, "no answer")]
    assert Path(secrets["folder"], "solution.py").read_text() == real_sheet.exercises[0].solution
    right = graded(grader, real_sheet, *HONEST["lists for pairs"], monkeypatch)
    assert right.verdict == "right", "the next submission is graded as if nothing had been"


@pytest.mark.parametrize(
    "read", [*READS, *(pytest.param(name, marks=needs_landlock) for name in NATIVE_READS)]
)
def test_a_solution_that_can_be_read_here_cannot_where_answers_run(
    grader, real_sheet, monkeypatch, secrets, read
):
    source = (READS | NATIVE_READS)[read].format(**secrets)
    mark = graded(grader, real_sheet, "places", source, monkeypatch)
    assert (mark.got, mark.verdict) == (0.0, "not yet")
    names = {"np": np, "torch": torch}
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.delitem(sys.modules, "solution", raising=False)
    with warnings.catch_warnings(action="ignore"):
        exec(source, names)
    assert names["places"]["A"] == ("no labels", "then"), "the cheat itself does not work"


@pytest.mark.parametrize("way", HONEST)
def test_an_honest_answer_gets_its_points_however_it_is_written(
    grader, real_sheet, monkeypatch, way
):
    exercise, source = HONEST[way]
    mark = graded(grader, real_sheet, exercise, source, monkeypatch)
    assert (mark.verdict, mark.hint) == ("right", "")
    assert mark.got == mark.points > 0


def test_an_answer_may_rest_on_cells_that_the_student_added(grader, real_sheet, monkeypatch):
    added = "def rule(text):\n    return plain(text)", "1 / 0", "import os\nos.system('true')"
    source = (
        "def leaks(train, test):\n    known = set(map(rule, train))\n"
        "    return [n for n, t in enumerate(test) if rule(t) in known]"
    )
    assert graded(grader, real_sheet, "leaks", source, monkeypatch, *added).verdict == "right"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("change = lambda adapter: torch.nn.init.zeros_(adapter.up.weight)", ""),
        ("change = lambda adapter: adapter.down.weight.data.mul_(0)", ""),
        ("def change(adapter):\n    adapter.up.weight = torch.nn.Parameter(torch.zeros(6, 3))", ""),
        (
            "def change(adapter):\n    for weight in adapter.parameters():\n"
            "        torch.nn.init.zeros_(weight)",
            "it cannot learn: with both matrices at zero, the gradient of each is zero as well",
        ),
        ("change = lambda adapter: None", "change one of the two matrices in place"),
    ],
)
def test_a_module_of_ours_is_handed_over_and_judged_as_it_came_back(
    grader, make_lesson, monkeypatch, source, hint
):
    exercise = ("change", "change = ...", "check_exact_start(change)")
    set_up = "import torch\nfrom tlbook.checks.adapters import check_exact_start"
    sheet = sheets.sheet(make_lesson("31_module", set_up, exercise))
    mark = graded(grader, sheet, "change", source, monkeypatch)
    assert mark.hint.startswith(hint)
    assert (mark.verdict == "right") is (not hint)


def test_an_argument_that_must_stay_as_it_is_is_looked_at(grader, make_lesson, monkeypatch):
    exercise = ("folded", "folded = ...", "exercise.check_folded(folded)")
    set_up = "import torch\nfrom tlbook.checks import lora as exercise"
    sheet = sheets.sheet(make_lesson("33_kept", set_up, exercise))
    kept = "folded = lambda weight, bias, factor: (weight * factor[:, None], bias * factor)"
    changed = (
        "folded = lambda weight, bias, factor: (weight.mul_(factor[:, None]), bias.mul_(factor))"
    )
    assert graded(grader, sheet, "folded", kept, monkeypatch).verdict == "right"
    mark = graded(grader, sheet, "folded", changed, monkeypatch)
    assert mark.hint.startswith("make new tensors: those given belong to the pre-trained model")


def test_a_wrong_answer_gets_the_hint_of_its_check(grader, real_sheet, monkeypatch):
    mark = graded(grader, real_sheet, "leaks", "leaks = lambda train, test: test", monkeypatch)
    assert mark.hint == "return the places (numbers) of the texts, not the texts"


def test_an_answer_with_an_error_is_told_the_error(grader, real_sheet, monkeypatch):
    mark = graded(grader, real_sheet, "places", "del places\nplaces = [", monkeypatch)
    assert mark.verdict == "not yet"
    assert "was never closed" in mark.hint
    mark = graded(grader, real_sheet, "nearest", "def nearest(t, n): return t @ n", monkeypatch)
    assert "RuntimeError: " in mark.hint


def test_a_hint_is_one_line_of_printable_text(grader, real_sheet, monkeypatch):
    source = (
        "def leaks(train, test): raise ValueError('a\\x1b[31m\\n\\n' + 'b' * 999 + chr(0xD800))"
    )
    mark = graded(grader, real_sheet, "leaks", source, monkeypatch)
    assert mark.hint.isprintable()
    assert len(mark.hint) <= grading.LONGEST_HINT


@pytest.mark.parametrize("strict", ["0", "1"])
def test_a_whole_submission_is_marked_exercise_by_exercise(grader, real_sheet, monkeypatch, strict):
    monkeypatch.setenv("TLBOOK_STRICT", strict)
    solved, released, half = copies.three(copies.released(real_sheet), real_sheet)
    assert sum(mark.got for mark in grader.marks(real_sheet, "a", solved.notebook)) == 10
    assert {mark.verdict for mark in grader.marks(real_sheet, "b", released.notebook)} == {
        "no answer"
    }
    marks = grader.marks(real_sheet, "c", half.notebook)
    assert [mark.verdict for mark in marks] == ["right", "not yet", "no answer", "right"]
    assert sum(mark.got for mark in marks) == half.expected
    assert os.environ["TLBOOK_STRICT"] == strict


def forged(cell, marks):
    cell.metadata["nbgrader"] |= marks
    return cell


FORGERIES = {
    "a check that swallows its errors": lambda cells: [
        cell | {"source": "try: check_leaks(leaks)\nexcept: pass"}
        if "check" in cell.source
        else cell
        for cell in cells
    ],
    "no checks at all": lambda cells: [cell for cell in cells if "check_" not in cell.source],
    "more points": lambda cells: [
        forged(cell, {"points": 99, "grade": True}) if "nbgrader" in cell.metadata else cell
        for cell in cells
    ],
    "a set-up of one's own": lambda cells: [v4.new_code_cell("check_leaks = print"), *cells],
    "answers twice": lambda cells: [*cells, *cells],
    "no answers": lambda cells: [],
    "answers in prose": lambda cells: [cell | {"cell_type": "markdown"} for cell in cells],
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_notebook_gets_nothing(grader, real_sheet, forgery):
    notebook = copies.released(real_sheet)
    notebook.cells = FORGERIES[forgery](notebook.cells)
    marks = grader.marks(real_sheet, "student", notebook)
    assert [mark.points for mark in marks] == [1.0, 2.0, 3.0, 4.0]
    assert {mark.got for mark in marks} == {0.0}
    if forgery in ("answers twice", "no answers"):
        assert "the answer cell answer-places " in marks[0].hint


def test_a_file_that_is_no_notebook_gets_nothing(grader, real_sheet, tmp_path):
    (tmp_path / "x.ipynb").write_text("{")
    marks = grader.marks(real_sheet, "student", tmp_path / "x.ipynb")
    assert {(mark.got, mark.hint.partition(":")[0]) for mark in marks} == {
        (0.0, "the notebook cannot be read")
    }


def test_a_notebook_file_is_graded(grader, real_sheet, tmp_path):
    nbformat.write(real_sheet.notebook, tmp_path / "x.ipynb")
    marks = grader.marks(real_sheet, "student", tmp_path / "x.ipynb")
    assert sum(mark.got for mark in marks) == 10


def test_checks_that_change_while_submissions_are_graded_are_an_error(monkeypatch):
    fingerprints = iter(["before", "after"])
    monkeypatch.setattr(grading, "fingerprint", lambda: next(fingerprints))
    monkeypatch.setattr(grading, "Answering", contextlib.nullcontext)
    with (
        pytest.raises(RuntimeError, match="changed while submissions were graded"),
        grading.Grader(),
    ):
        pass


def test_the_fingerprint_sees_a_change_of_a_check(monkeypatch, tmp_path):
    monkeypatch.setattr(grading, "PACKAGE", tmp_path)
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "one.py").write_text("1")
    before = grading.fingerprint()
    assert grading.fingerprint() == before
    (tmp_path / "checks" / "one.py").write_text("2")
    assert grading.fingerprint() != before
