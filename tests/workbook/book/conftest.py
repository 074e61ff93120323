"""A lesson with all that a page can hold, wide and strange as it comes."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tlbook.workbook import lessons
from tlbook.workbook.snapshots import VIEW

ANSWER = "answer = ...\n### BEGIN SOLUTION\nanswer = 42  # of course\n### END SOLUTION"
PICTURE = (
    '<img alt="a dot" src="data:image/png;base64,'
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJg"
    'gg==">'
)
FORMULA = " + ".join(f"x_{{{place}}}" for place in range(40))


def output(**data):
    return new_output("display_data", data={f"text/{kind}": text for kind, text in data.items()})


def table(columns):
    cells = "".join(f"<td>column{place}</td>" for place in range(columns))
    return f'<table class="dataframe"><tbody><tr>{cells}</tr></tbody></table>'


def write(folder):
    """Write a lesson of part 2 whose cells are wide, folded up, or alive, with rows beside it."""
    widget = output(html="<p>Controls stand here.</p>", plain="Panel()")
    widget.data[VIEW] = {"model_id": "a", "version_major": 2, "version_minor": 0}
    stream = new_output("stream", text="wide " * 80 + "\n\x1b[31mred\x1b[0m </script><b>")
    wide_rows = "\n".join(["|" + "word|" * 30, "|" + "---|" * 30, "|" + "word|" * 30])
    cells = [
        new_markdown_cell(
            "# 24 · A < B\n\n**Part 2** · 25 min to read, 75 s to run here\n\n"
            f"**Question.** Is ${FORMULA}$?\n\n$$ {FORMULA} $$\n\n{'long' * 60} `{'code' * 60}`"
        ),
        new_markdown_cell(f"**Predict.** Guess.\n\n## Words & tables\n\n{wide_rows}"),
        new_code_cell("from tlbook.widgets import explore", outputs=[stream]),
        new_code_cell("x = 1  # " + "wide " * 60, outputs=[output(html=table(40))]),
        new_markdown_cell("## Words & tables\n\nAnd a figure."),
        new_code_cell("figures.show(figure)", outputs=[output(html=PICTURE)]),
        new_code_cell("box = explore(draw, rank=[1])\nbox", outputs=[widget]),
        new_code_cell(ANSWER, metadata={"nbgrader": {"solution": True, "grade_id": "answer-1"}}),
    ]
    path = folder / "notebooks" / "2_transformer" / "24_bert_finetuning.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells), path)
    path.with_suffix(".csv").write_text(
        "lesson,method,dataset,labels,seed,metric,value,trained_weights,seconds,device,versions,date\n"
        "24_bert_finetuning,a < b,reviews,1500,0,accuracy,0.5,1234567,1.0,cpu,v,2026-11-26\n"
        "24_bert_finetuning,a < b,reviews,1500,1,accuracy,0.7,1234567,2.0,cpu,v,2026-11-26\n"
        "24_bert_finetuning,other,reviews,20,0,loss,1.5,0,0.5,cpu,v,2026-11-26\n"
    )
    return lessons.read(path)


@pytest.fixture
def strange(tmp_path):
    """Return the lesson, to be changed at will."""
    return write(tmp_path)


@pytest.fixture(scope="session")
def strange_for_all(tmp_path_factory):
    """Return the lesson, not to be changed."""
    return write(tmp_path_factory.mktemp("strange"))
