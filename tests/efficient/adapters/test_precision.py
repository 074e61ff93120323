"""Switching sets casts nothing; what is kept aside goes where its own place has gone meanwhile."""

import pytest
import torch
from torch import nn

from tests.efficient.adapters.test_bank import anatomy, bits, shaken
from tests.efficient.tiny_trunks import tiny_trunk
from tlbook.efficient import adapters
from tlbook.efficient.adapters import files
from tlbook.efficient.adapters.bottleneck import Bottleneck
from tlbook.efficient.adapters.precision import precision_of
from tlbook.efficient.adapters.serving import serve
from tlbook.heads import Classifier, states_of


def halved(trunk):
    """Let a trunk compute in bfloat16, with layer norms in float32."""
    trunk.bfloat16()
    for part in trunk.modules():
        if isinstance(part, nn.LayerNorm):
            part.float()
    return trunk


def kinds(part):
    return {name: weight.dtype for name, weight in part.state_dict().items()}


def trained_in_float32(model):
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()


def test_a_part_has_the_precisions_of_its_weights():
    pair = nn.Sequential(nn.Linear(2, 2).bfloat16(), nn.LayerNorm(2))
    assert precision_of(pair) == {torch.bfloat16, torch.float32}
    assert precision_of(nn.Parameter(torch.zeros(2).double())) == {torch.float64}
    assert precision_of(nn.Dropout()) == frozenset()


def test_a_base_of_two_precisions_comes_back_bit_for_bit(trunk):
    model = Classifier(halved(trunk), 2).eval()  # its head is float32
    structure, weights, dtypes = anatomy(model), bits(model), kinds(model)
    for name in ("one", "two"):
        adapters.add(model, bottleneck=2, name=name)
        shaken(model)
    adapters.activate(model, None)
    assert kinds(model) == dtypes
    adapters.remove(model, "one")
    adapters.remove(model, "two")
    assert anatomy(model) == structure
    assert kinds(model) == dtypes
    assert all(torch.equal(tensor, weights[name]) for name, tensor in bits(model).items())


def test_a_set_has_the_precisions_of_what_it_stands_beside(trunk, batch):
    model = Classifier(halved(trunk), 2)
    adapters.add(model, bottleneck=2)
    for part in model.modules():
        if isinstance(part, Bottleneck):
            assert precision_of(part) == {torch.bfloat16}
        elif isinstance(part, nn.LayerNorm) or part is model.head:
            assert precision_of(part) == {torch.float32}
    assert states_of(model.encoder, batch).isfinite().all()


def test_a_saved_set_fits_the_base_of_two_precisions_that_it_was_made_for(trunk, tmp_path):
    model = Classifier(halved(trunk), 2).eval()
    adapters.add(model, bottleneck=2, name="one")
    shaken(model)
    weights, dtypes = bits(model), kinds(model)
    adapters.save(model, "one", tmp_path)
    adapters.remove(model, "one")
    adapters.load(model, tmp_path)
    assert kinds(model) == dtypes
    assert all(torch.equal(tensor, weights[name]) for name, tensor in bits(model).items())


def test_what_is_trained_may_be_of_another_precision_than_the_base(model, batch, tmp_path):
    model.bfloat16()
    base = bits(model)
    adapters.add(model, bottleneck=2, name="one")
    trained_in_float32(model)
    shaken(model)
    weights, dtypes = bits(model), kinds(model)
    adapters.save(model, "one", tmp_path)
    adapters.activate(model, None)
    assert all(x.dtype == torch.bfloat16 for x in bits(model).values())
    assert all(torch.equal(tensor, base[name]) for name, tensor in bits(model).items())
    adapters.activate(model, "one")
    assert kinds(model) == dtypes
    adapters.remove(model, "one")
    adapters.load(model.encoder, tmp_path)
    for name, tensor in bits(model.encoder).items():
        assert torch.equal(tensor, weights[f"encoder.{name}"])
        assert tensor.dtype == dtypes[f"encoder.{name}"]


@pytest.mark.parametrize("last", ["one", "two", None])
def test_all_that_is_kept_aside_follows_the_model_there_and_back(model, batch, last):
    expected = {None: model(**batch)}
    for name in ("one", "two"):
        adapters.add(model, bottleneck=2, name=name)
        shaken(model)
        expected[name] = model(**batch)
    adapters.activate(model, last)
    for dtype in (torch.float64, torch.float32):
        model.to(dtype)
        for name, answer in expected.items():
            adapters.activate(model, name)
            assert set(kinds(model).values()) == {dtype}
            torch.testing.assert_close(model(**batch), answer, check_dtype=False)


def test_a_mixed_base_that_is_cast_as_a_whole_is_so_in_each_of_its_parts(trunk):
    model = Classifier(halved(trunk), 2)
    adapters.add(model, bottleneck=2)
    model.bfloat16()
    adapters.activate(model, None)
    assert set(kinds(model).values()) == {torch.bfloat16}


def test_norms_that_are_kept_in_float32_lose_no_bit_when_the_rest_is_halved(trunk):
    norms = {
        n: x.clone()
        for m, p in trunk.named_modules()
        if isinstance(p, nn.LayerNorm)
        for n, x in p.state_dict(prefix=f"{m}.").items()
    }
    adapters.add(trunk, bottleneck=2)
    inside = [part for part in trunk.modules() if isinstance(part, nn.LayerNorm)]
    kept = [bits(part) for part in inside]
    halved(trunk)
    for part, before in zip(inside, kept, strict=True):
        part.load_state_dict(before)
    adapters.activate(trunk, None)
    places = {spot.module for spot in adapters.places.flow(trunk) if spot.kind == "norm"}
    for name, before in norms.items():
        if name.rpartition(".")[0] in places:
            assert torch.equal(trunk.state_dict()[name], before)


def test_a_cast_model_has_the_hash_of_a_base_that_was_cast(trunk):
    adapters.add(trunk, bottleneck=2)
    trunk.double()
    found = files.base_hash(trunk)
    adapters.remove(trunk, "adapter")
    assert files.base_hash(trunk) == found
    assert set(kinds(trunk).values()) == {torch.float64}


def test_all_tasks_are_served_after_a_cast(model, batch):
    for name in ("one", "two"):
        adapters.add(model, bottleneck=2, name=name)
        shaken(model)
    before = serve(model, batch, ["one", "two"] * 3)
    model.double()
    for answer, other in zip(serve(model, batch, ["one", "two"] * 3), before, strict=True):
        assert answer.dtype == torch.float64
        torch.testing.assert_close(answer, other, check_dtype=False)


def test_a_base_of_another_precision_is_an_error_that_tells_both(tmp_path):
    model = Classifier(tiny_trunk(), 2)
    adapters.add(model, bottleneck=2, name="one")
    adapters.save(model, "one", tmp_path)
    for cast, told in ((halved, "bfloat16 and float32"), (nn.Module.double, "float64")):
        other = Classifier(cast(tiny_trunk()), 2)
        structure = anatomy(other)
        with pytest.raises(
            ValueError,
            match=f"wants the base model 'BertModel' in float32; this is 'BertModel' in {told}",
        ):
            adapters.load(other, tmp_path)
        assert anatomy(other) == structure
