"""An answer cell is known by its metadata, and loses exactly what stands between the markers."""

import pytest
from nbformat import v4

from tlbook.workbook import exercises


def answer(source, kind="code", **marks):
    new = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
    return new(source, metadata={"nbgrader": {"solution": True, "grade_id": "a"} | marks})


def check(name, points):
    marks = {"grade": True, "solution": False, "grade_id": name, "points": points}
    return v4.new_code_cell("check(x)", metadata={"nbgrader": marks})


def lines(*lines):
    return "\n".join(lines)


def test_the_line_before_the_markers_stays_and_the_solution_goes():
    cell = answer(lines("x = ...", "### BEGIN SOLUTION", "x = 2", "### END SOLUTION", "y = 1"))
    assert exercises.unsolved(cell, 1) == lines("x = ...", "# YOUR CODE HERE", "y = 1")
    assert exercises.solved(cell, 1) == lines("x = ...", "x = 2", "y = 1")


def test_a_function_without_its_body_still_compiles_and_says_that_it_is_to_be_written():
    cell = answer(
        lines("def f(n):", "    ### BEGIN SOLUTION", "    return n", "    ### END SOLUTION")
    )
    given = {}
    exec(exercises.unsolved(cell, 1), given)
    with pytest.raises(NotImplementedError):
        given["f"](1)
    assert "    # YOUR CODE HERE\n" in exercises.unsolved(cell, 1)


def test_every_solution_of_a_cell_goes():
    part = ("### BEGIN SOLUTION", "secret", "### END SOLUTION")
    cell = answer(lines("a = ...", *part, "b = ...", *part))
    assert "secret" not in exercises.unsolved(cell, 1)
    assert exercises.unsolved(cell, 1).count("# YOUR CODE HERE") == 2


@pytest.mark.parametrize(
    ("kind", "left"), [("code", "# YOUR CODE HERE"), ("markdown", "YOUR ANSWER HERE")]
)
def test_an_answer_without_markers_goes_as_a_whole(kind, left):
    assert exercises.unsolved(answer("all of it", kind), 1) == left


def test_what_is_no_answer_stays_to_the_last_letter():
    for cell in (v4.new_code_cell("x = 1\n\n"), v4.new_markdown_cell("# head\n\ntext")):
        assert exercises.unsolved(cell, 1) == cell.source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (("### BEGIN SOLUTION", "x"), "cell 7, line 1: '### BEGIN SOLUTION' without"),
        (("x", "### END SOLUTION"), "cell 7, line 2: '### END SOLUTION' where '### BEGIN"),
        (
            ("### BEGIN SOLUTION", "x", "### BEGIN SOLUTION", "### END SOLUTION"),
            "cell 7, line 3: '### BEGIN SOLUTION' where '### END SOLUTION' for the one in line 1",
        ),
        (("## BEGIN SOLUTION", "x", "### END SOLUTION"), "line 1: '## BEGIN SOLUTION' where"),
        (("### Begin solution", "x"), "line 1: '### Begin solution' where"),
        (("### BEGIN SOLUTION", "x", "### END_SOLUTION"), "line 3: '### END_SOLUTION' where"),
        (("### BEGIN SOLUTION 2", "x"), "line 1: '### BEGIN SOLUTION 2' where"),
    ],
)
@pytest.mark.parametrize("read", [exercises.solved, exercises.unsolved])
def test_a_wrong_marker_is_named_with_its_cell_and_line(read, source, message):
    with pytest.raises(ValueError, match=message):
        read(answer(lines(*source)), 7)


def test_a_solution_outside_an_answer_cell_is_refused():
    cell = v4.new_code_cell(lines("### BEGIN SOLUTION", "x", "### END SOLUTION"))
    with pytest.raises(ValueError, match="cell 3 holds a solution, but its nbgrader metadata"):
        exercises.unsolved(cell, 3)


def test_an_exercise_is_its_task_its_answer_and_the_points_of_the_checks_up_to_the_next():
    cells = [
        v4.new_markdown_cell("**1.** Add."),
        answer("one"),
        check("check-1", 1),
        check("check-1b", 0.5),
        v4.new_markdown_cell("**2.** Prove."),
        answer("two", "markdown", grade=True, grade_id="by-hand", points=2),
        v4.new_markdown_cell("the end"),
    ]
    first, second = exercises.read(v4.new_notebook(cells=cells))
    assert (first.task, first.answer, first.kind) == ("**1.** Add.", "one", "code")
    assert (first.checks, first.points) == (("check-1", "check-1b"), 1.5)
    assert (second.task, second.kind, second.points) == ("**2.** Prove.", "markdown", 2)
    assert second.checks == ("by-hand",)


def test_points_before_any_answer_are_refused():
    with pytest.raises(ValueError, match="cell 1 gives points, but no answer stands before it"):
        exercises.read(v4.new_notebook(cells=[check("lonely", 1)]))
