"""A head belongs to one set of one model, and never stands in for another's."""

import copy

import pytest
import torch
from safetensors.torch import load_file

from tests.efficient.adapters.test_bank import anatomy, bits, shaken
from tests.efficient.tiny_trunks import tiny_trunk
from tlbook.efficient import adapters
from tlbook.efficient.adapters.heads import head_of
from tlbook.efficient.adapters.serving import serve
from tlbook.heads import Classifier


@pytest.fixture
def pair():
    """Return two tasks on one trunk, of two and of five classes."""
    trunk, found = tiny_trunk(), {}
    for name, classes in (("a", 2), ("b", 5)):
        found[name] = Classifier(trunk, classes, dropout=0.0).eval()
        adapters.add(found[name], bottleneck=4, name=name)
        shaken(found[name])
    return found


def test_a_models_head_is_the_one_that_came_with_the_name(pair):
    assert head_of(pair["b"], "b")["head"] is pair["b"].head
    adapters.activate(pair["b"], None)
    assert head_of(pair["b"], "b")["head"] is not pair["b"].head


@pytest.mark.parametrize(("holder", "name"), [("b", "a"), ("a", "b")])
def test_another_models_head_is_not_saved_in_its_place(pair, holder, name, tmp_path):
    message = f"this Classifier holds no head for '{name}', only for '{holder}'; give the model"
    with pytest.raises(ValueError, match=message):
        adapters.save(pair[holder], name, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
    adapters.save(pair[name], name, tmp_path / "saved")
    stored = load_file(tmp_path / "saved" / adapters.files.FILE)
    assert len(stored["head.head.bias"]) == {"a": 2, "b": 5}[name]


def test_another_models_head_answers_no_row(pair, batch):
    structure = anatomy(pair["b"])
    with pytest.raises(ValueError, match="this Classifier holds no head for 'a', only for 'b'"):
        serve(pair["b"], batch, ["a", "b"] * 3)
    assert anatomy(pair["b"]) == structure
    assert [len(answer) for answer in serve(pair, batch, ["a", "b"] * 3)] == [2, 5] * 3


def test_without_a_head_of_its_own_a_set_is_saved_from_the_encoder(pair, tmp_path):
    encoder = pair["a"].encoder
    adapters.add(encoder, bottleneck=2, name="c")
    with pytest.raises(ValueError, match="no head for 'c', only for 'a'; give .* or the encoder"):
        adapters.save(pair["a"], "c", tmp_path)
    assert not any(
        key.startswith("head") for key in load_file(adapters.save(encoder, "c", tmp_path))
    )


def test_the_head_of_a_set_that_was_removed_does_not_come_back_with_its_name(model, batch):
    own, before = model.head, bits(model.head)
    adapters.add(model, bottleneck=2, name="a")
    shaken(model)
    adapters.remove(model.encoder, "a")
    adapters.add(model.encoder, bottleneck=2, name="a")
    adapters.activate(model, "a")
    assert model.head is own
    assert all(torch.equal(tensor, before[name]) for name, tensor in bits(model.head).items())
    assert model.head.weight.requires_grad


def test_nor_is_it_saved_or_served_with_the_new_set(model, batch, tmp_path):
    adapters.add(model, bottleneck=2, name="a")
    adapters.remove(model.encoder, "a")
    adapters.add(model.encoder, bottleneck=2, name="a")
    with pytest.raises(ValueError, match="this Classifier holds no head for 'a'; give the model"):
        adapters.save(model, "a", tmp_path)
    with pytest.raises(ValueError, match="this Classifier holds no head for 'a'; give the model"):
        serve(model, batch, ["a"] * 6)
    adapters.activate(model, "a")  # takes the old one off, so that the model's own is in place
    assert adapters.save(model, "a", tmp_path).exists()


def test_a_new_set_of_the_same_name_gets_a_new_head(model):
    before = bits(model.head)
    adapters.add(model, bottleneck=2, name="a")
    shaken(model)
    adapters.remove(model.encoder, "a")
    adapters.add(model, bottleneck=2, name="a")
    assert all(torch.equal(tensor, before[name]) for name, tensor in bits(model.head).items())


@pytest.mark.parametrize("whole", [True, False])
def test_heads_stay_with_a_copy_of_the_model_or_of_its_encoder(model, batch, whole):
    adapters.add(model, bottleneck=2, name="a")
    shaken(model)
    expected = model(**batch)
    if whole:
        model = copy.deepcopy(model)
    else:
        model.encoder = copy.deepcopy(model.encoder)
    adapters.activate(model, None)
    adapters.activate(model, "a")
    assert torch.equal(model(**batch), expected)
