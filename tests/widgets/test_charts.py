"""Pictures for widgets: pyplot never hears of them, their words say what they show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tlbook.widgets.charts import figure, live_curves

POINTS = pd.DataFrame(
    {"run": [1, 1, 2], "step": [1, 2, 1], "loss": [0.9, 0.5, 0.8], "accuracy": [np.nan] * 3}
)


@pytest.mark.parametrize("accuracy", [np.nan, 0.5], ids=["loss alone", "both"])
def test_the_words_name_what_is_drawn(accuracy):
    options = {"live": 2, "chosen": None, "title": "Run 2 running"}
    page = live_curves(POINTS.assign(accuracy=accuracy), **options)
    quantities = "loss against" if np.isnan(accuracy) else "loss and accuracy against"
    assert f'alt="{quantities} steps. Run 2 running. Thin lines are earlier runs: 1."' in page


def test_a_first_run_has_no_others_in_its_words():
    page = live_curves(POINTS[:2], live=1, chosen=None, title="Run 1 done")
    assert 'alt="loss against steps. Run 1 done."' in page


def test_pyplot_keeps_none_of_the_figures():
    before = plt.get_fignums()
    live_curves(POINTS, live=1, chosen=2, title="x")
    figure(2, 1).subplots()
    assert plt.get_fignums() == before


@pytest.mark.parametrize("accuracy", [np.nan, 0.5], ids=["loss alone", "both"])
def test_all_letters_lie_on_the_paper(accuracy, monkeypatch):
    drawn = []
    keep = lambda figure, alt: drawn.append(figure) or alt
    monkeypatch.setattr("tlbook.widgets.charts.picture", keep)
    title = "Run 12 stopped: step 1200 of 4000, took 12 min 15 s, loss 0.366, accuracy 0.812"
    points = POINTS.assign(accuracy=accuracy, loss=[0.7125, 0.6875, 0.7])
    live_curves(points, live=1, chosen=None, title=title)
    (paper,) = drawn
    paper.draw_without_rendering()
    words = [paper._suptitle]  # labels stand beyond the numbers of their axis
    words += [label for ax in paper.axes for label in (ax.xaxis.label, ax.yaxis.label)]
    edge = paper.bbox.padded(0.5)
    for text in words:
        box = text.get_window_extent()
        assert edge.containsx(box.x0), text
        assert edge.containsx(box.x1), text
        assert edge.containsy(box.y0), text
        assert edge.containsy(box.y1), text
    assert paper._suptitle.get_window_extent().y0 > max(ax.bbox.y1 for ax in paper.axes)
