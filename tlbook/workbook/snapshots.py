"""Widgets as a page can show them: their last state, drawn without a script.

A page that asked a network for the widgets' code would be empty in a classroom without one.
"""

from html import escape

import nbformat
from nbformat import NotebookNode

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def hidden_errors(notebook: NotebookNode) -> list[str]:
    """Return the errors kept inside widgets, which a run of the notebook passes over.

    Args:
        notebook: Executed, with the state of its widgets in the metadata.
    """
    states = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    return [
        f"{output.get('ename')}: {output.get('evalue')}"
        for model in states.values()
        for output in model["state"].get("outputs") or []
        if output.get("output_type") == "error"
    ]


def freeze(notebook: NotebookNode) -> NotebookNode:
    """Replace every widget in the outputs by HTML that shows its state; return the notebook.

    A line that says how to run the notebook, which our panels bring along, stays under it.

    Args:
        notebook: Executed, with the state of its widgets in the metadata; changed in place.
    """
    states = notebook.metadata.pop("widgets", {}).get(STATE, {}).get("state", {})
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).pop(VIEW, None)
            if view and view["model_id"] in states:
                line = output.data.get("text/html", "")
                output.data["text/html"] = snapshot(view["model_id"], states) + line
    return notebook


def snapshot(model_id: str, states: dict) -> str:
    """Draw one widget, and those it holds, as HTML.

    Controls become a line that names their value; HTML and images stand as they are.

    Args:
        model_id: Which widget.
        states: All widgets of the notebook by model id, as nbclient stores them.

    Example:
        >>> slider = {"model_name": "IntSliderModel", "state": {"description": "rank", "value": 4}}
        >>> snapshot("a", {"a": slider})
        '<div class="control"><span>rank</span> <b>4</b></div>'
    """
    model = states.get(model_id)
    if model is None:
        return ""
    state, kind = model["state"], model["model_name"].removesuffix("Model")
    if kind in ("HTML", "HTMLMath"):
        return f'<div class="widget">{state.get("value", "")}</div>'
    if kind == "Image":
        return _image(model)
    if kind in ("Button", "FloatProgress"):
        return ""  # a page cannot do what they do
    if kind == "Output":
        return _outputs(state.get("outputs", []))
    if children := state.get("children"):
        across = " across" if kind == "HBox" else ""
        inside = "".join(snapshot(child.removeprefix("IPY_MODEL_"), states) for child in children)
        return f'<div class="widgets{across}">{inside}</div>'
    return _control(state)


def _image(model: dict) -> str:
    """Embed the bytes of an image; its tooltip serves as the alternative text."""
    data = [b["data"] for b in model.get("buffers", []) if b["path"] == ["value"]]
    if not data:
        return ""
    kind = escape(model["state"].get("format", "png"))
    words = escape(model["state"].get("tooltip") or "figure under the controls above")
    return f'<img alt="{words}" src="data:image/{kind};base64,{"".join(data[0].split())}">'


def _control(state: dict) -> str:
    """Name a control and the value it stands at."""
    value = state.get("value", "")
    if "_options_labels" in state and isinstance(state.get("index"), int):
        value = state["_options_labels"][state["index"]]
    words = f"<span>{escape(str(state.get('description', '')))}</span>"
    return f'<div class="control">{words} <b>{escape(str(value))}</b></div>'


def _outputs(outputs: list) -> str:
    """Show what was printed or drawn into an output widget."""
    shown = []
    for output in map(nbformat.from_dict, outputs):
        data = output.get("data", {})
        if "image/png" in data:
            shown.append(f'<img alt="figure" src="data:image/png;base64,{data["image/png"]}">')
        elif "text/html" in data:
            shown.append(data["text/html"])
        else:
            text = output.get("text") or data.get("text/plain") or output.get("evalue", "")
            shown.append(f"<pre>{escape(text)}</pre>")
    return "".join(shown)
