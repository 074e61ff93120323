"""Options of a wrong kind are named with their value, before anything has changed."""

import numpy as np
import pytest
import torch

from tests.efficient.adapters.test_bank import anatomy, bits
from tests.tiny_models import tiny_bert
from tlbook.efficient import adapters
from tlbook.efficient.adapters.bottleneck import Bottleneck
from tlbook.efficient.adapters.options import layer_numbers, set_name, whole_number
from tlbook.heads import Classifier

pytestmark = pytest.mark.usefixtures("unchecked")


def test_whole_numbers_of_any_library_become_pythons():
    for value in (3, np.int64(3), torch.tensor(3)):
        assert whole_number("seed", value) == 3
        assert type(whole_number("seed", value)) is int


@pytest.mark.parametrize("value", [2.5, 2.0, True, "4", None, [3]])
def test_what_is_no_whole_number_is_an_error(value):
    with pytest.raises(ValueError, match="seed must be a whole number, got ") as caught:
        whole_number("seed", value)
    assert str(caught.value).endswith(repr(value))


def test_layers_are_in_order_and_each_is_named_once():
    assert layer_numbers([1, 0, 1], 2) == (0, 1)
    assert layer_numbers(range(3), 3) == (0, 1, 2)
    assert layer_numbers(np.array([1, 0]), 2) == (0, 1)


@pytest.mark.parametrize("layers", [[0.5], [True], ["1"], [[0]], "01", 1, [], [2], [-1], [None]])
def test_layers_that_are_none_of_the_models_are_an_error(layers):
    with pytest.raises(ValueError, match=r"layers must be some of 0\.\.1, got ") as caught:
        layer_numbers(layers, 2)
    assert str(caught.value).endswith(repr(layers))


@pytest.mark.parametrize("name", [5, ["a"], None, True, b"a"])
def test_a_name_is_a_string(name):
    with pytest.raises(ValueError, match="name must be a string, got ") as caught:
        set_name(name)
    assert str(caught.value).endswith(repr(name))
    assert set_name("a") == "a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ["a"]}, r"name must be a string, got \['a'\]"),
        ({"name": 5}, "name must be a string, got 5"),
        ({"layers": [0.5]}, r"layers must be some of 0\.\.1, got \[0.5\]"),
        ({"layers": 1}, r"layers must be some of 0\.\.1, got 1"),
        ({"bottleneck": 2.5}, "bottleneck must be a whole number, got 2.5"),
        ({"bottleneck": True}, "bottleneck must be a whole number, got True"),
        ({"bottleneck": "4"}, "bottleneck must be a whole number, got '4'"),
        ({"scale": "1"}, "scale must be a number above 0, or None, got '1'"),
        ({"scale": True}, "scale must be a number above 0, or None, got True"),
        ({"seed": "x"}, "seed must be a whole number, got 'x'"),
        ({"placement": ["houlsby"]}, r"placement must be houlsby or pfeiffer, got \['houlsby'\]"),
    ],
)
def test_adding_with_a_wrong_kind_of_option_changes_nothing(options, message):
    model = Classifier(tiny_bert(), 2)
    structure, weights = anatomy(model), bits(model)
    with pytest.raises(ValueError, match=message):
        adapters.add(model, **{"bottleneck": 2} | options)
    assert anatomy(model) == structure
    assert all(torch.equal(tensor, weights[name]) for name, tensor in bits(model).items())


@pytest.mark.parametrize("value", [2.5, True, "4"])
def test_a_layer_of_its_own_asks_the_same(value):
    with pytest.raises(ValueError, match="bottleneck must be a whole number, got "):
        Bottleneck(8, value)


def test_numbers_of_numpy_are_saved_and_loaded(tmp_path):
    model = Classifier(tiny_bert(), 2)
    adapters.add(model, bottleneck=np.int64(2), layers=np.array([1]), name="a")
    adapters.save(model, "a", tmp_path)
    adapters.remove(model, "a")
    assert adapters.load(model, tmp_path) == "a"


def test_loading_under_what_is_no_name_changes_nothing(tmp_path):
    model = Classifier(tiny_bert(), 2)
    adapters.add(model, bottleneck=2, name="a")
    adapters.save(model, "a", tmp_path)
    structure = anatomy(model)
    with pytest.raises(ValueError, match="name must be a string, got 5"):
        adapters.load(model, tmp_path, name=5)
    assert anatomy(model) == structure


def test_leaving_out_what_is_no_layer_changes_nothing():
    model = Classifier(tiny_bert(), 2)
    adapters.add(model, bottleneck=2, name="a")
    structure = anatomy(model)
    for wrong in ([0.0], [True], ["0"]):
        with (
            pytest.raises(ValueError, match="layers must be a whole number, got "),
            adapters.without_layers(model, "a", wrong),
        ):
            pass
    assert anatomy(model) == structure
