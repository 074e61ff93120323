"""Three copies that deserve full marks, none, and a part."""

import pytest

from tlbook.workbook.course import copies, sheets


@pytest.fixture(scope="module")
def sheet(make_lesson):
    exercises = [
        (name, f"{name} = 5", f"print({name})") for name in ("one", "two", "three", "four")
    ]
    return sheets.sheet(make_lesson("60_copies", "import math", *exercises))


def answers(notebook):
    return [cell.source for cell in notebook.cells if "answer" in str(cell.metadata)]


def test_the_release_has_no_solution(sheet):
    assert "= 5" not in str(copies.released(sheet).cells)


def test_a_copy_is_a_notebook_of_its_own(sheet):
    release = copies.released(sheet)
    solved, as_released, half = copies.three(release, sheet)
    assert "= 5" not in str(release.cells)
    assert [("= 5" in source) for source in answers(solved.notebook)] == [True] * 4
    assert answers(as_released.notebook) == answers(release)
    solved_in_half = ["= 5" in source for source in answers(half.notebook)]
    assert solved_in_half == [True, False, False, True]
    assert "two = lambda *given, **named: 0" in answers(half.notebook)[1]


def test_each_copy_says_what_it_deserves(sheet):
    found = {copy.student: copy.expected for copy in copies.three(sheet.notebook, sheet)}
    assert found == {"solved": 10.0, "as_released": 0.0, "half_right": 5.0}
