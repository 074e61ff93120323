"""Tables in, axes out: what is drawn is what the table says."""

import base64
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from tlbook import figures


@pytest.fixture
def ax():
    with plt.rc_context(figures.STYLE):
        figure, ax = plt.subplots()
        yield ax
        figure.canvas.draw()  # what cannot be drawn, or only with a warning, fails here
        plt.close(figure)


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "method": ["fine-tuning"] * 4 + ["scratch"] * 2,
            "labels": [20, 20, 100, 100, 20, 100],
            "value": [0.5, 0.7, 0.8, 0.9, 0.5, 0.6],
        }
    )


DRAWN = {
    "label_curve": lambda rows, ax: figures.label_curve(rows, ax),
    "strips": lambda rows, ax: figures.strips(rows, ax),
    "heat_map": lambda rows, ax: figures.heat_map(rows[["labels", "value"]], ax),
}


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_figure_gives_its_axes_back_for_one_row_and_for_many(draw, count, rows, ax):
    assert draw(rows[:count], ax) is ax
    assert ax.has_data()


@pytest.mark.parametrize("name", ["label_curve", "strips"])
def test_quantities_stand_on_the_axes_with_their_units(name, rows, ax):
    DRAWN[name](rows, ax)
    assert re.search(r"\(0\.\.1\)", ax.get_xlabel() + ax.get_ylabel())


def test_a_curve_is_the_mean_of_its_points(rows, ax):
    figures.label_curve(rows, ax)
    line, baseline = ax.get_lines()
    assert line.get_xdata().tolist() == [20, 100]
    np.testing.assert_allclose(line.get_ydata(), [0.6, 0.85])
    assert ax.collections[0].get_offsets().tolist() == [
        [20, 0.5],
        [20, 0.7],
        [100, 0.8],
        [100, 0.9],
    ]
    assert (line.get_linestyle(), baseline.get_linestyle()) == ("-", "--")
    assert line.get_color() == figures.COLOUR["fine-tuning"]


def test_the_mean_at_a_single_number_of_labels_is_seen(rows, ax):
    figures.label_curve(rows[rows["labels"] == 20], ax)
    assert {line.get_marker() for line in ax.get_lines()} == {"_"}


def test_methods_can_be_chosen_and_ordered(rows, ax):
    figures.label_curve(rows, ax, methods=["scratch"])
    assert [line.get_label() for line in ax.get_lines()] == ["scratch"]


def test_a_strip_holds_every_run_and_their_mean(rows, ax):
    figures.strips(rows, ax)
    assert [len(points.get_offsets()) for points in ax.collections] == [4, 2]
    assert ax.get_lines()[0].get_xdata() == pytest.approx([0.725, 0.725])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["fine-tuning", "scratch"]


def test_settings_that_are_no_methods_need_no_colour(rows, ax):
    figures.strips(rows, ax, by="labels", quantity="accuracy, test (0..1)")
    assert ax.get_xlabel() == "accuracy, test (0..1)"


def test_numbers_can_be_read_on_every_field(ax):
    table = pd.DataFrame([[0.0, 1.0], [0.2, np.nan]], index=["a", "b"], columns=["x", "y"])
    figures.heat_map(table, ax)
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert colours["0.00"] == colours["0.20"] == "white"  # on the dark end of cividis
    assert colours["1.00"] == "black"
    assert len(ax.texts) == 3, "what is not known stays empty"


def test_a_single_number_is_light_on_dark(ax):
    figures.heat_map(pd.DataFrame([[0.5]]), ax)
    assert ax.texts[0].get_color() == "white"


def test_a_method_without_a_colour_is_an_error(rows, ax):
    for draw in (figures.label_curve, figures.strips):
        with pytest.raises(KeyError, match="'adaptor' has no colour"):
            draw(rows.assign(method="adaptor"), ax)


def test_every_method_has_a_colour_of_its_own_and_baselines_are_grey():
    assert len(set(figures.COLOUR.values())) == len(figures.COLOUR)
    for name in figures.BASELINES:
        red, green, blue, _ = to_rgba(figures.COLOUR[name])
        assert red == green == blue


def test_show_gives_a_png_with_its_words_and_closes_the_figure():
    figure, _ = plt.subplots()
    page = figures.show(figure, alt='a "bar" & a line').data
    assert 'alt="a &quot;bar&quot; &amp; a line"' in page
    image = base64.b64decode(re.search('base64,([^"]+)', page)[1])
    assert image.startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)


def test_the_same_figure_has_the_same_bytes(rows):
    pages = []
    for _ in range(2):
        figure, ax = plt.subplots()
        figures.label_curve(rows, ax)
        pages.append(figures.show(figure, alt="a curve").data)
    assert pages[0] == pages[1]


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_words_is_an_error(alt):
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match="alt must describe the figure"):
        figures.show(figure, alt=alt)
    plt.close(figure)


def lettering(ax):
    return {text.get_text(): text.get_weight() for text in ax.texts}


def test_the_map_names_every_system_and_stage_once_in_each_place(ax):
    assert figures.transfer_map(ax) is ax
    written = [text.get_text() for text in ax.texts]
    for title, names in figures.TAXONOMY.values():
        assert {title, *names} <= set(written)
    assert written.count("BERT") == 1
    assert written.count("fine-tuning") == 1
    assert "bold" not in {lettering(ax)[name] for name in ("BERT", "fine-tuning", "MT-DNN")}


@pytest.mark.parametrize("here", ["BERT", ["BERT"], ("BERT", "fine-tuning")])
def test_the_map_marks_where_we_stand_and_nothing_else(here, ax):
    figures.transfer_map(ax, here=here)
    wanted = {here} if isinstance(here, str) else set(here)
    names = [name for _, names in figures.TAXONOMY.values() for name in names]
    names += [stage for stage, _ in figures.PIPELINE if stage != "pre-training"]
    assert {name for name in names if lettering(ax)[name] == "bold"} == wanted
    marked = [box for box in ax.patches if box.get_edgecolor() == to_rgba(figures.HERE)]
    assert len(marked) == len(wanted)


def test_nothing_on_the_map_is_drawn_over_its_edge(ax):
    ax.figure.set_size_inches(8, 4)
    figures.transfer_map(ax, here="task chaining")
    ax.figure.canvas.draw()
    page = ax.figure.bbox
    for text in ax.texts:
        drawn = text.get_window_extent()
        if text.get_text():
            assert page.x0 <= drawn.x0 <= drawn.x1 <= page.x1, text.get_text()


def test_a_name_that_is_not_on_the_map_is_an_error_that_names_the_close_ones(ax):
    with pytest.raises(ValueError, match="'BRT' is not on the map; did you mean BERT"):
        figures.transfer_map(ax, here="BRT")


def test_a_decision_chart_has_a_cell_for_every_decision(ax):
    decisions = pd.DataFrame(
        [
            {"labels": 20, "constraint": "any", "winner": "tie", "level": ["features", "tfidf"]},
            {"labels": 90, "constraint": "any", "winner": "features", "level": ["features"]},
            {"labels": 20, "constraint": "free", "winner": "none", "level": []},
        ]
    )
    figures.decision_chart(decisions, ax)
    assert [text.get_text() for text in ax.texts] == ["tie: features\n= tfidf", "features", "none"]
    assert [patch.get_xy() for patch in ax.patches] == [(0, 0), (1, 0), (0, 1)]
    assert ax.patches[1].get_facecolor() == to_rgba(figures.COLOUR["features"])
