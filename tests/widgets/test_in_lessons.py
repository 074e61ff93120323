"""Whole lessons in a real JupyterLab: run all, then use their panels and explorers by keyboard.

All lessons, or those of ``make test-browser LESSONS=...``. Screenshots: ``build/browser``.
"""

import os
import re
import shutil
from functools import partial

import nbformat
import pandas as pd
import pytest

from tests.jupyterlab import LONG, ROOT, SHOTS, Opened, button, changed, press, said, serving
from tlbook.widgets.panels import NEEDS_KERNEL
from tlbook.workbook import lessons

CHOSEN = os.environ.get("TLBOOK_LESSONS", "notebooks").split()
LESSONS = lessons.find([ROOT / path for path in CHOSEN])
EXPLORER = re.compile(
    r"^(display\()?(\w+\.)?(explore|rows|attention|neighbours|drivers|layer_mix|learning_rates)\(",
    re.MULTILINE,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve a copy of all notebooks; return where."""
    folder = tmp_path_factory.mktemp("lessons")
    shutil.copytree(ROOT / "notebooks", folder, dirs_exist_ok=True)
    SHOTS.mkdir(parents=True, exist_ok=True)
    with serving(folder) as address:
        yield address


def widgets(outputs):
    """Return the places, among the outputs of a cell, of our widgets (bars are widgets, too)."""
    return [n for n, one in enumerate(outputs) if NEEDS_KERNEL in one.get("data", {}).values()]


def panels_of(lesson, *, labs):
    """Yield the lab panels of a lesson, or its explorers, one by one and in view."""
    for cell, outputs in enumerate(lesson.outputs()):
        for place in widgets(outputs):
            panel = lesson.output(cell, place)
            panel.locator(".jupyter-widgets").first.wait_for()
            if bool(button(panel, "Train").count()) == labs:
                yield panel
                panel.screenshot(path=SHOTS / f"{lesson.name}_{lesson.cells[cell].id}_{place}.png")
                sound(lesson)


def sound(lesson):
    """Nothing has failed but the cell to take away, for want of the reader's files."""
    tags = [cell.metadata.get("tags", ()) for cell in lesson.cells]
    (away,) = (place for place, those in enumerate(tags) if "standalone" in those)
    assert not lesson.troubles(beside=[away])
    assert [one["ename"] for one in lesson.outputs()[away]] == ["FileNotFoundError"]


def trained(panel, run):
    """Train, see the curve change, and stop."""
    changed(panel, "img", partial(press, panel, "Train"))
    said(panel, f"Run {run} (running: step|done|failed)", timeout=5 * LONG)
    assert not panel.get_by_text(f"Run {run} failed").count(), panel.inner_text()
    if button(panel, "Stop").is_enabled():
        press(panel, "Stop")
    said(panel, f"Run {run} (stopped|done)", timeout=10_000)
    panel.locator("button:enabled", has_text="Train").wait_for()


def moved(handle):
    """Move a slider by one step, to the left where it stands at the right end."""
    ends = [handle.get_attribute(f"aria-value{end}") for end in ("now", "max")]
    handle.press("ArrowLeft" if ends[0] == ends[1] else "ArrowRight")


def typed(field):
    """Type another sentence."""
    field.fill("A dull film.")
    field.press("Enter")


def use_panel(panel):
    """Train, move a control, train again, recall the run before, and save both."""
    runs = panel.locator("tbody tr").count()  # of the cells above
    trained(panel, runs + 1)
    handle, readout = (panel.locator(part).first for part in (".noUi-handle", ".widget-readout"))
    first = re.compile(f"^{re.escape(readout.inner_text())}$")
    moved(handle)
    readout.filter(has_not_text=first).wait_for()
    trained(panel, runs + 2)
    panel.get_by_label("run", exact=True).select_option(index=runs)
    press(panel, "Recall")
    readout.filter(has_text=first).wait_for()
    with panel.page.expect_download() as saved:
        panel.get_by_text(f"Save {runs + 2} runs as CSV").press("Enter")
    assert len(pd.read_csv(saved.value.path())) == runs + 2


def use_explorer(panel):
    """Move each control; what is shown follows."""
    moves = [partial(moved, handle) for handle in panel.locator(".noUi-handle").all()]
    moves += [partial(typed, field) for field in panel.get_by_label("sentence").all()]
    for wrong in panel.get_by_label("model").all():
        moves.append(partial(wrong.select_option, "wrong"))
    assert moves
    for move in moves:
        changed(panel, ".widget-html-content, img", move)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_run_all_then_its_panels_answer_to_the_keyboard(lesson, browser, address):
    opened = Opened(browser, address(lesson.path.relative_to(ROOT / "notebooks").as_posix()))
    opened.name, opened.cells = lesson.name, nbformat.read(lesson.path, 4).cells
    opened.run(timeout=10 * LONG)
    sound(opened)
    for cell, outputs in zip(opened.cells, opened.outputs(), strict=True):
        made = len(EXPLORER.findall(cell.source)) + ("lab.lab(" in cell.source)
        assert len(widgets(outputs)) == made, cell.id
    for panel in panels_of(opened, labs=False):
        use_explorer(panel)
    for panel in panels_of(opened, labs=True):
        use_panel(panel)
    assert not opened.said
    assert not opened.outside
    opened.close()
