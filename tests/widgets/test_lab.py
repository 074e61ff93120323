"""A lab panel trains, shows, stops, sorts, recalls and exports, by clicks and keys alone."""

import base64
import io
import re
import time

import ipywidgets
import pandas as pd
import pytest
from ipywidgets.embed import dependency_state
from jupyter_client.manager import start_new_kernel

from tlbook.training.reports import Curve
from tlbook.widgets.controls import choice, rate, seed, whole
from tlbook.widgets.lab import lab
from tlbook.workbook.snapshots import snapshot

LONG = 120.0  # seconds; a test that waits so long has failed


def train(settings, report):
    """Take `epochs` steps whose losses depend on the settings, and on nothing else."""
    steps = settings["epochs"]
    for step in range(1, steps + 1):
        time.sleep(0.01)
        accuracy = 0.5 + settings["seed"] / 10 if step == steps else None
        report(step, steps, loss=settings["learning_rate"] * step, accuracy=accuracy)
    if settings["method"] == "broken":
        raise RuntimeError("no such <method>")
    return {"weights": 10 * steps}


def panel_of(function=train, **starts):
    starts = {"epochs": 3, "method": "plain"} | starts
    return lab(
        function,
        method=choice(["plain", "broken"], tooltip="What is trained.", start=starts["method"]),
        learning_rate=rate(1e-4, 1e-2, start=1e-3),
        epochs=whole(1, 2000, tooltip="Passes over the rows.", start=starts["epochs"]),
        seed=seed(),
    )


def trained(**changes):
    """Return a panel after one run for each value of the changed control."""
    panel = panel_of()
    ((name, values),) = changes.items()
    for value in values:
        panel.controls[name].value = value
        panel.train.click()
        panel.wait(LONG)
    return panel


def inside(widget):
    """Return a widget and all that it holds."""
    return [widget, *(one for child in getattr(widget, "children", ()) for one in inside(child))]


def waited_for(true):
    end = time.monotonic() + LONG
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


def test_a_click_trains_with_the_settings_of_the_controls():
    panel = panel_of()
    panel.controls["epochs"].value = 4
    panel.controls["seed"].value = 3
    panel.train.click()
    run = panel.wait(LONG)
    assert run.settings == {"method": "plain", "learning_rate": 1e-3, "epochs": 4, "seed": 3}
    (row,) = panel.runs.to_dict("records")
    assert (row["steps"], row["accuracy"], row["weights"]) == (4, 0.8, 40)
    assert row["status"] == "done"


def test_the_end_of_a_run_is_shown_everywhere():
    panel = trained(seed=[2])
    assert "Run 1 done: step 3 of 3" in panel.told.value
    assert 'role="status"' in panel.told.value
    assert panel.bar.value == 1
    assert re.search(
        r'<img [^>]*alt="loss and accuracy against steps. Run 1 done', panel.picture.value
    )
    assert len(panel.table.shown) == 1
    assert panel.trouble.value == ""
    assert (panel.train.disabled, panel.stop.disabled) == (False, True)


def test_progress_and_curve_are_live():
    panel = panel_of(epochs=2000)
    panel.train.click()
    waited_for(lambda: "<img" in panel.picture.value)
    waited_for(lambda: " left" in panel.told.value)
    assert panel.runner.busy
    assert 0 < panel.bar.value < 1
    first = panel.picture.value
    waited_for(lambda: panel.picture.value != first)
    panel.stop.click()
    panel.wait(LONG)


def test_stop_is_there_while_a_run_goes_on_and_keeps_the_run():
    panel = panel_of(epochs=2000)
    panel.train.click()
    assert (panel.train.disabled, panel.stop.disabled) == (True, False)
    waited_for(lambda: panel.runner.history[0].curve.step > 2)
    panel.stop.click()
    assert panel.stop.disabled
    panel.wait(LONG)
    assert panel.runs["status"].tolist() == ["stopped"]
    assert panel.runner.history[0].seconds < 30
    assert "1 (stopped)" in [label for label, _ in panel.which.options]
    assert not panel.train.disabled
    panel.controls["epochs"].value = 2
    panel.train.click()
    assert panel.wait(LONG).status == "done"


def test_a_second_click_while_a_run_goes_on_does_nothing():
    panel = panel_of(epochs=2000)
    panel.train.click()
    panel.train.click()
    panel.stop.click()
    panel.wait(LONG)
    assert len(panel.runs) == 1


def test_controls_can_be_moved_while_a_run_goes_on():
    panel = panel_of(epochs=2000)
    panel.train.click()
    panel.controls["seed"].value = 9
    panel.stop.click()
    assert panel.wait(LONG).settings["seed"] == 0


def test_the_same_settings_give_the_same_curve():
    panel = trained(seed=[1, 1])
    one, other = (run.curve.table() for run in panel.runner.history)
    pd.testing.assert_frame_equal(one, other)


def test_an_exception_is_shown_in_full_and_raised_by_wait():
    panel = panel_of(method="broken")
    panel.train.click()
    with pytest.raises(RuntimeError, match="no such <method>"):
        panel.wait(LONG)
    assert "<b>RuntimeError: no such &lt;method&gt;</b>" in panel.trouble.value
    assert "in train" in panel.trouble.value, "the traceback names the line"
    assert panel.runs["status"].tolist() == ["failed"]
    assert not panel.train.disabled


def test_the_next_run_takes_an_old_error_away():
    panel = panel_of(method="broken")
    panel.train.click()
    with pytest.raises(RuntimeError):
        panel.wait(LONG)
    panel.controls["method"].value = "plain"
    panel.train.click()
    panel.wait(LONG)
    assert panel.trouble.value == ""
    assert panel.runs["status"].tolist() == ["failed", "done"]


def test_a_picture_that_cannot_be_drawn_fails_the_run_and_is_told(monkeypatch):
    def broken(points, **options):
        raise ValueError("no paper")

    monkeypatch.setattr("tlbook.widgets.lab.live_curves", broken)
    panel = panel_of()
    panel.train.click()
    with pytest.raises(ValueError, match="no paper"):
        panel.wait(LONG)
    assert "no paper" in panel.trouble.value
    assert (panel.train.disabled, panel.stop.disabled) == (False, True)


def test_recall_puts_the_controls_back_and_draws_that_run_dashed():
    panel = trained(seed=[1, 2, 3])
    before = panel.picture.value
    panel.controls["learning_rate"].value = 1e-2
    panel.which.value = 1
    panel.recall.click()
    assert panel.settings == panel.runner.history[0].settings
    assert panel.picture.value != before
    assert panel.chosen == 1


def test_recall_before_the_first_run_does_nothing():
    panel = panel_of()
    assert panel.which.label == "none yet"
    panel.recall.click()
    assert panel.chosen is None
    with pytest.raises(ValueError, match="there is no run 1; there are 0"):
        panel.take_up(1)


def test_every_run_stays_in_the_picture_and_in_the_table():
    panel = trained(seed=[1, 2, 3])
    assert "Thin lines are earlier runs: 1, 2." in panel.picture.value
    assert panel.table.shown["run"].tolist() == [1, 2, 3]


def test_the_table_is_sorted_by_its_controls():
    panel = trained(seed=[2, 3, 1])
    panel.table.by.value = "accuracy"
    assert panel.table.shown["run"].tolist() == [3, 1, 2]
    panel.table.falling.value = True
    assert panel.table.shown["run"].tolist() == [2, 1, 3]


def test_runs_are_saved_by_the_link_and_by_export_alike(tmp_path):
    panel = trained(seed=[1, 2])
    panel.export(tmp_path / "runs.csv")
    exported = (tmp_path / "runs.csv").read_text()
    link = re.search(r'href="data:text/csv;base64,([^"]+)"', panel.saved.value)
    assert base64.b64decode(link[1]).decode() == exported
    table = pd.read_csv(io.StringIO(exported))
    assert table["seed"].tolist() == [1, 2]
    assert table["accuracy"].tolist() == [0.6, 0.7]


def test_a_run_of_an_ordinary_cell_becomes_the_first_of_the_panel():
    settings = {"method": "plain", "learning_rate": 2e-3, "epochs": 2, "seed": 4}
    curve = Curve()
    found = train(settings, curve)
    panel = panel_of()
    panel.keep(settings, curve, found)
    assert panel.settings == settings
    assert panel.runs["weights"].tolist() == [20]
    assert "<img" in panel.picture.value
    panel.train.click()
    assert panel.wait(LONG).curve.table().equals(curve.table())
    with pytest.raises(ValueError, match="the settings are .*'epochs'"):
        panel.keep({"seed": 1}, curve, found)


def test_every_control_has_words_and_a_tooltip_and_none_is_an_output():
    panel = trained(seed=[1])
    for widget in inside(panel):
        assert not isinstance(widget, ipywidgets.Output)
        if isinstance(widget, ipywidgets.Button | ipywidgets.ValueWidget) and not isinstance(
            widget, ipywidgets.HTML | ipywidgets.FloatProgress
        ):
            assert widget.description, widget
            assert widget.tooltip, widget


def test_where_there_is_no_kernel_a_line_says_how_to_run():
    assert "make lab" in panel_of()._repr_mimebundle_()["text/html"]


def test_a_page_without_a_kernel_shows_the_runs_so_far_and_no_dead_button():
    panel = trained(seed=[2])
    page = snapshot(panel.model_id, dependency_state(panel))
    for words in ("(per step)", "<b>0.001</b>", "Run 1 done", "<img ", "weights</th>"):
        assert words in page
    assert "Recall" not in page


IN_A_KERNEL = """
import time
from tlbook.widgets.controls import whole
from tlbook.widgets.lab import lab

def train(settings, report):
    for step in range(settings["steps_to_go"]):
        time.sleep(0.01)
        report(step + 1, settings["steps_to_go"], loss=1 / (step + 1))

panel = lab(train, steps_to_go=whole(99_999, 99_999, tooltip="Too many."))
print(*[one.comm.comm_id for one in (panel.train, panel.stop, panel.told, panel.picture)])
"""


@pytest.mark.slow
def test_a_kernel_answers_to_stop_and_to_cells_while_it_trains(monkeypatch):
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel of this environment
    manager, client = start_new_kernel(kernel_name="python3")

    def click(button):
        event = {"method": "custom", "content": {"event": "click"}}
        content = {"comm_id": button, "data": event}
        client.shell_channel.send(client.session.msg("comm_msg", content))

    def message_of(widget, words):
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            content = client.get_iopub_msg(timeout=LONG)["content"]
            state = content.get("data", {}).get("state", {})
            if content.get("comm_id") == widget and words in str(state.get("value", "")):
                return
        pytest.fail(f"nothing said {words!r}")

    def printed(code):
        said = []
        hook = lambda message: said.append(message["content"].get("text", ""))
        client.execute_interactive(code, output_hook=hook, timeout=LONG)
        return "".join(said)

    try:
        train, stop, told, picture = printed(IN_A_KERNEL).split()
        click(train)
        message_of(picture, "<img ")
        message_of(told, "Run 1 running")
        assert printed("print(6 * 7, panel.runner.busy)") == "42 True\n"
        click(stop)
        message_of(told, "Run 1 stopped")
        assert printed("print(panel.wait().status)") == "stopped\n"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_panel_without_controls_is_an_error():
    with pytest.raises(ValueError, match="give at least one control"):
        lab(train)


def test_a_setting_called_like_a_column_is_an_error():
    with pytest.raises(ValueError, match=r"\['steps'\] are columns of the table"):
        lab(train, steps=seed())
