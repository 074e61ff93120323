"""Mixes and rates a reader chooses are scored and read off, beside those that were measured."""

import html
import re

import pandas as pd
import pytest

from tlbook.widgets import measurements

LEARNED = pd.DataFrame([[0.25, 0.75], [0.5, 0.5]], index=["20 labels", "all"], columns=[0, 1])
SWEEP = pd.DataFrame(
    {"rate": [1e-4, 1e-3, 1e-2], "loss": [0.7, 0.4, 0.9], "smoothed": [0.7, 0.5, 0.8]}
)


def alt(picture):
    return html.unescape(re.search(r'alt="([^"]*)"', picture.value)[1])


def test_weights_become_shares_that_are_scored_beside_the_learned_ones():
    asked = []

    def score_of(shares):
        asked.append(shares)
        return shares[1]

    beside, sliders, picture = measurements.layer_mix(LEARNED, score_of).children
    assert asked == [[0.5, 0.5], [0.25, 0.75]]
    asked.clear()
    sliders.children[0].value = 0.25
    assert asked == [[0.2, 0.8], [0.25, 0.75]]
    assert "yours 0.800, 20 labels 0.750" in alt(picture)
    beside.value = "all"
    assert asked[-1] == [0.5, 0.5]
    assert "all: 0.50 0.50" in alt(picture)


def test_no_weight_at_all_is_no_mix():
    _, sliders, picture = measurements.layer_mix(LEARNED, lambda shares: 0.5).children
    for slider in sliders.children:
        slider.value = 0.0
    assert "give one layer some" in picture.value
    sliders.children[1].value = 0.5
    assert "yours: 0.00 1.00" in alt(picture)


def test_a_score_that_fails_is_told():
    def broken(shares):
        raise RuntimeError("no rows")

    with pytest.raises(RuntimeError, match="no rows"):
        measurements.layer_mix(LEARNED, broken)


def test_the_loss_is_read_off_at_the_rate_of_the_slider():
    controls, picture = measurements.learning_rates({"all layers": SWEEP}).children
    _, rate = controls.children
    assert "all layers: loss 0.50 at 0.001" in alt(picture)
    assert "Lowest 0.50 at 0.001" in alt(picture)
    rate.value = 1e-2
    assert "loss 0.80 at 0.01" in alt(picture)


def test_the_slider_starts_at_the_rate_nearest_on_the_logarithmic_scale():
    panel = measurements.learning_rates({"all layers": SWEEP}, start=4e-3)
    assert panel.children[0].children[1].value == 1e-2


def test_another_setting_is_read_off_at_its_own_nearest_rate():
    other = SWEEP.assign(rate=[2e-4, 2e-3, 2e-2], smoothed=[0.1, 0.2, 0.3])
    panel = measurements.learning_rates({"all layers": SWEEP, "head only": other}, start=1e-3)
    controls, picture = panel.children
    name, rate = controls.children
    name.value = "head only"
    assert "head only: loss 0.20 at 0.002" in alt(picture)
    assert rate.value == 1e-3
    assert len(rate.options) == 6


def test_no_sweep_is_an_error():
    with pytest.raises(ValueError, match="give at least one sweep"):
        measurements.learning_rates({})
