"""What is paid for a score is drawn as the table says."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from tlbook import figures
from tlbook.figures import tradeoffs


@pytest.fixture
def ax():
    with plt.rc_context(figures.STYLE):
        figure, ax = plt.subplots()
        yield ax
        figure.canvas.draw()
        plt.close(figure)


@pytest.fixture
def runs():
    return pd.DataFrame(
        {
            "method": ["adapters 8"] * 2 + ["adapters 2"] * 2 + ["fine-tuning"] * 2,
            "value": [0.7, 0.9, 0.6, 0.7, 0.9, 1.0],
            "trained_weights": [800, 800, 200, 200, 9000, 9000],
        }
    )


def test_a_family_is_one_line_through_the_means_of_its_sizes(runs, ax):
    assert tradeoffs.accuracy_by_weights(runs, ax) is ax
    adapters, tuning, _ = ax.get_lines()
    assert adapters.get_label() == "adapters"
    assert adapters.get_xdata().tolist() == [200, 800]
    assert adapters.get_ydata() == pytest.approx([0.65, 0.8])
    assert adapters.get_color() == figures.COLOUR["adapters"]
    assert tuning.get_xdata().tolist() == [9000]
    assert [len(points.get_offsets()) for points in ax.collections] == [4, 2]
    assert ax.get_xscale() == "log"


def test_the_baseline_runs_through_the_whole_figure(runs, ax):
    tradeoffs.accuracy_by_weights(runs, ax)
    line = ax.get_lines()[-1]
    assert line.get_ydata() == pytest.approx([0.95, 0.95])
    assert line.get_linestyle() == "--"


def test_without_the_baseline_there_is_no_line_for_it(runs, ax):
    tradeoffs.accuracy_by_weights(runs[runs["method"] != "fine-tuning"], ax)
    assert len(ax.get_lines()) == 1


def test_another_column_can_be_the_price(runs, ax):
    tradeoffs.accuracy_by_weights(
        runs.assign(share=runs["trained_weights"] / 90), ax, weights="share"
    )
    assert ax.get_lines()[1].get_xdata().tolist() == [100]


def test_a_family_without_a_colour_is_an_error(runs, ax):
    with pytest.raises(KeyError, match="'magic' has no colour"):
        tradeoffs.accuracy_by_weights(runs.assign(method="magic 3"), ax)


def test_small_multiples_name_the_quantities_once_and_have_one_legend(runs):
    with plt.rc_context(figures.STYLE):
        figure, axes = plt.subplots(1, 2)
        tradeoffs.small_multiples({"one": runs, "two": runs}, axes)
        assert [ax.get_title(loc="left") for ax in axes] == ["one", "two"]
        assert [ax.get_xlabel() + ax.get_ylabel() for ax in axes] == ["", ""]
        assert [ax.get_legend() for ax in axes] == [None, None]
        assert len(figure.legends) == 1
        assert "accuracy" in figure.get_supylabel()
        figure.canvas.draw()
        plt.close(figure)


@pytest.mark.parametrize(
    ("percent", "best"), [(100, "fine-tuning, 0.950"), (10, "adapters 8, 0.800"), (1, "nothing")]
)
def test_a_budget_names_the_best_that_keeps_to_it(percent, best, runs, ax):
    tradeoffs.within_budget(runs, ax, percent)
    assert best in ax.get_title(loc="left")
    assert ax.get_lines()[-1].get_xdata() == pytest.approx([90 * percent] * 2)


def test_published_points_stand_beside_ours(runs, ax):
    published = pd.DataFrame({"share": [3.6], "points": [-0.4]})
    tradeoffs.beside_published(runs.assign(share=runs["trained_weights"] / 90), published, ax)
    assert ax.collections[-1].get_offsets().tolist() == [[3.6, -0.4]]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["adapters", "fine-tuning", "published"]


def test_several_panels_stand_beside_the_same_published_points(runs):
    runs = runs.assign(share=runs["trained_weights"] / 90)
    published = pd.DataFrame({"share": [3.6], "points": [-0.4]})
    with plt.rc_context(figures.STYLE):
        figure, axes = plt.subplots(1, 2)
    few = runs[runs["method"] != "adapters 2"].replace({"adapters 8": "head only"})
    tradeoffs.multiples_beside_published({"one": runs, "two": few}, published, axes)
    figure.canvas.draw()
    plt.close(figure)
    assert [ax.get_title() for ax in axes] == ["one", "two"]
    assert [ax.get_legend() for ax in axes] == [None, None]
    assert [ax.collections[-1].get_offsets().tolist() for ax in axes] == [[[3.6, -0.4]]] * 2
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["adapters", "fine-tuning", "published", "head only"]
    assert figure.get_supxlabel() == "trained share (%, log scale)"


def test_spans_number_the_layers_from_one_and_leave_impossible_ones_empty(ax):
    tradeoffs.spans([[-1.0, -2.0], [np.nan, -0.5]], ax)
    assert [text.get_text() for text in ax.texts] == ["-1.0", "-2.0", "-0.5"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2"]


def boxes(ax):
    names = [text.get_text() for text in ax.texts if text.get_text()]
    return list(zip(names, [box.get_facecolor() for box in ax.patches[: len(names)]], strict=True))


def test_a_layer_has_an_adapter_before_each_sum_and_only_green_is_trained(ax):
    tradeoffs.layer_plan(ax)
    assert [name for name, _ in boxes(ax)] == [
        *("attention", "adapter", "+", "norm", "feed-forward", "adapter", "+", "norm")
    ]
    green = {name for name, face in boxes(ax) if face == to_rgba(tradeoffs.TRAINED)}
    assert green == {"adapter", "norm"}


def test_with_one_adapter_the_norm_before_it_stays_frozen(ax):
    tradeoffs.layer_plan(ax, adapted=["feed-forward"])
    faces = [face for name, face in boxes(ax) if name == "norm"]
    assert faces == [to_rgba(tradeoffs.FROZEN), to_rgba(tradeoffs.TRAINED)]


def test_a_sub_layer_that_does_not_exist_is_an_error(ax):
    with pytest.raises(ValueError, match="there is no sub-layer pooler"):
        tradeoffs.layer_plan(ax, adapted=["pooler"])
