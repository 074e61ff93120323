"""Settings that cannot be are refused, and those of a file are read as written."""

import pytest

from tests.recurrent.elmo.numpy_elmo import OPTIONS
from tlbook.recurrent.elmo.settings import Settings

FINE = {"filters": ((1, 2), (2, 3)), "projection": 4, "cell": 6}


def test_options_are_read_as_they_are_written():
    assert Settings.from_options(OPTIONS).to_options() == OPTIONS


def test_features_are_the_filters_of_all_widths():
    assert Settings(**FINE).features == 5


def test_a_state_as_wide_as_its_memory_needs_no_projection():
    assert Settings(**FINE).projected
    assert not Settings(**FINE | {"cell": 4}).projected


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"activation": "gelu"}, "activation must be relu or tanh, got 'gelu'"),
        ({"filters": ()}, "filters must be .width, count. pairs"),
        ({"filters": ((0, 2),)}, "filters must be .width, count. pairs"),
        ({"layers": 0}, "sizes must be 1 or more"),
        ({"highways": -1}, "highways 0 or more"),
        ({"cell": 3}, "cell must be 4 .projection. or more"),
        ({"longest": 2}, "longest must be 3 characters or more, got 2"),
        ({"filters": ((5, 2),), "longest": 4}, "longest must be 5 characters or more, got 4"),
    ],
)
def test_impossible_settings_are_refused(change, told):
    with pytest.raises(ValueError, match=told):
        Settings(**FINE | change)
