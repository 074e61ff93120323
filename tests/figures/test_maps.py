"""A map shows every word where it is, in the look of its kind."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tlbook.figures import maps


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


POINTS = pd.DataFrame({"x": [0, 1, 2], "y": [3, 4, 5], "kind": ["river", "money", "river"]})


def test_each_kind_has_its_points_a_colour_and_a_marker(ax):
    maps.word_map(POINTS, ax)
    money, river = ax.collections
    assert [money.get_label(), river.get_label()] == ["money", "river"]
    np.testing.assert_array_equal(money.get_offsets(), [[1, 4]])
    np.testing.assert_array_equal(river.get_offsets(), [[0, 3], [2, 5]])
    assert (money.get_facecolor() != river.get_facecolor()).any()
    assert len(money.get_paths()[0].vertices) != len(river.get_paths()[0].vertices)


def test_the_word_asked_about_is_a_star(ax):
    maps.word_map(POINTS, ax, asked=(7, 8))
    (star,) = ax.get_lines()
    assert (star.get_marker(), *star.get_xydata()[0]) == ("*", 7, 8)
    assert [text.get_text() for text in ax.get_legend().get_texts()][-1] == "asked about"


def test_more_kinds_than_looks_are_an_error(ax):
    with pytest.raises(ValueError, match="5 kinds are more than the 4"):
        maps.word_map(pd.DataFrame({"x": range(5), "y": 0, "kind": list("abcde")}), ax)


def test_words_on_one_spot_are_shown_on_one_spot(ax):
    maps.word_map(pd.DataFrame({"x": [5, 5 + 1e-6], "y": [1e-6, 0], "kind": "river"}), ax)
    assert ax.get_xlim() == pytest.approx((4, 6))
    assert ax.get_ylim() == pytest.approx((-1, 1))
