"""Each control says what it is, in which unit, and takes only what it offers."""

import pytest
import traitlets

from tlbook.widgets.controls import choice, ladder, rate, seed, whole

ALL = {
    "model": choice(["pocket-bert", "minilm"], tooltip="The encoder."),
    "labels": ladder([20, 100, 500], tooltip="Labelled rows.", unit="count", start=100),
    "epochs": whole(1, 5, tooltip="Passes over the rows.", start=3),
    "learning_rate": rate(1e-5, 1e-2, start=5e-4),
    "seed": seed(7),
}
STARTS = ["pocket-bert", 100, 3, 5e-4, 7]


@pytest.mark.parametrize("name", ALL)
def test_a_control_has_a_caption_and_a_tooltip_and_can_be_reached_by_keyboard(name):
    widget = ALL[name].named(name)
    assert widget.description.startswith(name.replace("_", " "))
    assert widget.tooltip
    assert widget.tabbable is not False


def test_a_caption_carries_its_unit():
    assert ALL["labels"].named("labels").description == "labels (count)"
    assert ALL["learning_rate"].named("learning_rate").description == "learning rate (per step)"
    named = whole(1, 2, tooltip="x", caption="passes", unit="count").named("epochs")
    assert named.description == "passes (count)"


def test_a_control_starts_where_it_is_told():
    assert [control.named(name).value for name, control in ALL.items()] == STARTS
    assert whole(2, 4, tooltip="x").named("n").value == 2
    assert rate(1e-4, 1e-2).named("n").value == 1e-4


def test_a_learning_rate_moves_by_about_a_factor_of_two():
    values = [value for _, value in ALL["learning_rate"].named("r").options]
    assert values[0] == 1e-5
    assert values[-1] == 1e-2
    assert {1e-4, 2e-4, 3e-4, 5e-4, 1e-3} <= set(values)
    steps = [after / before for before, after in zip(values, values[1:], strict=False)]
    assert 1.4 < min(steps) <= max(steps) < 2.1


def test_a_rate_between_the_round_ones_joins_them():
    values = [value for _, value in rate(1e-4, 1e-3, start=4e-4).named("r").options]
    assert values == [1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 1e-3]


def test_rates_are_written_short():
    labels = [label for label, _ in rate(2e-5, 1e-3).named("r").options]
    assert labels[0] == "2e-05"
    assert labels[-1] == "0.001"


def test_two_panels_do_not_share_a_widget():
    one, other = ALL["epochs"].named("a"), ALL["epochs"].named("b")
    one.value = 5
    assert other.value == 3


def test_a_control_refuses_what_it_does_not_offer():
    with pytest.raises(traitlets.TraitError, match="value not found"):
        ALL["labels"].named("labels").value = 21


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: choice([], tooltip="x"), "there are no values to choose from"),
        (lambda: choice([None, "a"], tooltip="x"), "None cannot be chosen: .* name it"),
        (lambda: whole(3, 2, tooltip="x"), "there are no values to choose from"),
        (lambda: choice(["a"], tooltip="x", start="b"), r"one of \['a'\], got 'b'"),
        (lambda: whole(1, 3, tooltip="x", start=4), r"one of \[1, 2, 3\], got 4"),
        (lambda: rate(0.0, 1.0), "rise from above 0, got 0.0 to 1.0"),
        (lambda: rate(1e-3, 1e-4), "rise from above 0"),
        (lambda: rate(1e-4, 1e-3, start=0.1), "in 0.0001..0.001, got 0.1"),
    ],
)
def test_a_range_that_makes_no_sense_is_an_error(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
