"""A panel makes sense without a kernel; what goes wrong is shown and raised."""

import ipywidgets
import pytest
from IPython.display import HTML

from tlbook.widgets.panels import Panel, Picture, described, row

VIEW = "application/vnd.jupyter.widget-view+json"


def test_a_panel_brings_a_line_for_pages_without_a_kernel_beside_the_widget():
    bundle = Panel([ipywidgets.HTML("x")])._repr_mimebundle_()
    assert "make lab" in bundle["text/html"]
    assert VIEW in bundle


def test_a_panel_is_an_ordinary_box_to_every_front_end():
    assert Panel()._model_name == "VBoxModel"
    assert Panel()._view_module == "@jupyter-widgets/controls"


@pytest.mark.parametrize("shown", ["<b>4</b>", HTML("<b>4</b>")], ids=["text", "html"])
def test_a_picture_shows_what_its_function_returns(shown):
    picture = Picture()
    picture.draw(lambda: shown)
    assert picture.value == "<b>4</b>"


def test_an_error_is_shown_in_full_and_raised():
    def broken():
        raise KeyError("no rank <4>")

    picture = Picture()
    with pytest.raises(KeyError, match="no rank"):
        picture.draw(broken)
    assert "KeyError" in picture.value
    assert "no rank &lt;4&gt;" in picture.value
    assert "in broken" in picture.value, "where it happened"
    picture.draw(lambda: "fine")
    assert picture.value == "fine"


def test_an_error_is_readable_in_the_dark():
    try:
        raise ValueError("x")
    except ValueError as error:
        page = described(error)
    assert "color:inherit" in page
    assert 'role="alert"' in page


def test_a_row_breaks_where_the_page_is_narrow():
    assert row(ipywidgets.Button()).layout.flex_flow == "row wrap"
