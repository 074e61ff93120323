"""Curves are drawn as the table says: the live run strong, the chosen one dashed, others faint."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tlbook.figures import curves


@pytest.fixture
def ax():
    figure = Figure()
    yield figure.subplots()
    figure.canvas.draw()  # what cannot be drawn, or only with a warning, fails here


POINTS = pd.DataFrame(
    {
        "run": [1, 1, 2, 2, 3],
        "step": [1, 2, 1, 2, 1],
        "loss": [0.9, 0.5, 0.8, 0.4, 0.7],
        "accuracy": [np.nan, 0.6, np.nan, np.nan, np.nan],
    }
)


def lines(ax):
    return {tuple(line.get_ydata()): line for line in ax.get_lines()}


def test_each_run_is_a_line_with_its_number_at_the_end(ax):
    curves.run_curves(POINTS, {"loss": ax})
    assert set(lines(ax)) == {(0.9, 0.5), (0.8, 0.4), (0.7,)}
    assert {text.get_text().strip(): text.xy for text in ax.texts} == {
        "1": (2, 0.5),
        "2": (2, 0.4),
        "3": (1, 0.7),
    }


def test_the_live_run_is_strong_the_chosen_one_dashed_and_the_rest_faint(ax):
    curves.run_curves(POINTS, {"loss": ax}, live=2, chosen=1)
    found = lines(ax)
    live, chosen, other = found[0.8, 0.4], found[0.9, 0.5], found[0.7,]
    assert to_hex(live.get_color()) == curves.LIVE.lower()
    assert to_hex(chosen.get_color()) == curves.CHOSEN.lower()
    assert (live.get_linestyle(), chosen.get_linestyle()) == ("-", "--")
    assert live.get_linewidth() > other.get_linewidth()
    assert other.get_alpha() < 1
    assert ax.get_lines()[-1] is live, "it lies on top"


def test_a_run_that_is_live_and_chosen_is_drawn_as_live(ax):
    curves.run_curves(POINTS, {"loss": ax}, live=2, chosen=2)
    assert lines(ax)[0.8, 0.4].get_linestyle() == "-"


def test_a_quantity_is_drawn_where_it_was_measured_only(ax):
    curves.run_curves(POINTS, {"accuracy": ax})
    assert [line.get_xydata().tolist() for line in ax.get_lines()] == [[[2, 0.6]]]
    assert ax.get_ylabel() == "accuracy (0..1)"


def test_long_lines_keep_their_means_and_their_order():
    points = pd.DataFrame({"step": range(1, 1001), "loss": np.linspace(1, 0, 1000)})
    few = curves.thinned(points, most=10)
    assert len(few) == 10
    assert few["step"].is_monotonic_increasing
    assert few["loss"].mean() == pytest.approx(0.5)
    assert curves.thinned(points, most=1000) is points


@pytest.mark.parametrize("steps", [1, 4])
def test_steps_are_counted_in_whole_numbers(ax, steps):
    points = pd.DataFrame({"run": 1, "step": range(1, steps + 1), "loss": 0.5})
    curves.run_curves(points, {"loss": ax})
    assert all(float(tick).is_integer() for tick in ax.get_xticks())
    assert set(ax.get_xticks()) >= set(range(1, steps + 1))


def test_a_sweep_is_drawn_over_a_logarithmic_rate_with_a_mark(ax):
    sweep = pd.DataFrame(
        {"rate": [1e-4, 1e-3, 1e-2], "loss": [0.7, 0.4, 90.0], "smoothed": [0.7, 0.5, 30.0]}
    )
    assert curves.sweep_curve(sweep, ax, marked=1e-3) is ax
    assert ax.get_xscale() == "log"
    assert ax.get_lines()[-1].get_xdata()[0] == 1e-3
    low, high = ax.get_ylim()
    assert low < 0.5 < 0.7 < high < 30, "the loss that broke out does not flatten the rest"


def test_mixes_stand_side_by_side_at_each_layer(ax):
    curves.layer_shares({"yours": [0.2, 0.8], "learned": [0.5, 0.5]}, ax, ["0", "1"])
    bars = sorted((bar.get_x(), round(bar.get_height(), 3)) for bar in ax.patches)
    assert [height for _, height in bars] == [0.2, 0.5, 0.8, 0.5]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["yours", "learned"]
    assert {bar.get_hatch() for bar in ax.patches} == {None, "//"}, "not told apart by colour alone"


def test_a_mix_that_does_not_fit_the_layers_is_an_error(ax):
    with pytest.raises(ValueError, match="one or two mixes of 2 layers"):
        curves.layer_shares({"yours": [1.0]}, ax, ["0", "1"])
