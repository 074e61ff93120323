"""Widgets become what they last showed, and errors inside them come to light."""

from nbformat import v4

from tlbook.workbook import snapshots


def widget(kind, buffers=(), **state):
    return {"model_name": f"{kind}Model", "state": state, "buffers": list(buffers)}


def notebook_with(states, model_id):
    data = {snapshots.VIEW: {"model_id": model_id}, "text/plain": "VBox(...)"}
    cell = v4.new_code_cell("box", outputs=[v4.new_output("display_data", data)])
    metadata = {"widgets": {snapshots.STATE: {"state": states}}}
    return v4.new_notebook(cells=[cell], metadata=metadata)


def test_a_box_shows_its_controls_its_words_and_its_picture():
    states = {
        "box": widget("VBox", children=["IPY_MODEL_rank", "IPY_MODEL_words", "IPY_MODEL_plot"]),
        "rank": widget("Dropdown", description="rank", index=1, _options_labels=["1", "<2>"]),
        "words": widget("HTML", value="<b>0.9</b>"),
        "plot": widget("Image", [{"path": ["value"], "data": "QUJD\n"}], format="png"),
    }
    notebook = snapshots.freeze(notebook_with(states, "box"))
    html = notebook.cells[0].outputs[0].data["text/html"]
    assert "<span>rank</span> <b>&lt;2&gt;</b>" in html
    assert "<b>0.9</b>" in html
    assert 'src="data:image/png;base64,QUJD"' in html
    assert "alt=" in html


def test_the_line_that_says_how_to_run_the_notebook_stays_under_the_widget():
    notebook = notebook_with({"a": widget("IntSlider", description="rank", value=3)}, "a")
    notebook.cells[0].outputs[0].data["text/html"] = "<p>make lab</p>"
    html = snapshots.freeze(notebook).cells[0].outputs[0].data["text/html"]
    assert html.index("rank") < html.index("<p>make lab</p>")


def test_a_button_that_nothing_answers_to_is_not_shown():
    states = {
        "box": widget("VBox", children=["IPY_MODEL_train", "IPY_MODEL_words"]),
        "train": widget("Button", description="Train"),
        "words": widget("HTML", value="<b>0.9</b>"),
    }
    html = snapshots.snapshot("box", states)
    assert "Train" not in html
    assert "<b>0.9</b>" in html


def test_nothing_that_needs_a_script_is_left():
    notebook = snapshots.freeze(notebook_with({"a": widget("IntSlider", value=3)}, "a"))
    assert "widgets" not in notebook.metadata
    assert snapshots.VIEW not in notebook.cells[0].outputs[0].data


def test_a_widget_without_state_leaves_its_plain_text():
    notebook = snapshots.freeze(notebook_with({}, "gone"))
    assert notebook.cells[0].outputs[0].data == {"text/plain": "VBox(...)"}


def test_what_was_printed_into_an_output_widget_is_shown_and_its_errors_are_told():
    printed = {"output_type": "stream", "name": "stdout", "text": "a < b"}
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []}
    states = {"out": widget("Output", outputs=[printed, error])}
    notebook = notebook_with(states, "out")
    assert snapshots.hidden_errors(notebook) == ["KeyError: 'x'"]
    assert "a &lt; b" in snapshots.freeze(notebook).cells[0].outputs[0].data["text/html"]


def test_a_notebook_without_widgets_hides_no_errors():
    assert snapshots.hidden_errors(v4.new_notebook()) == []
