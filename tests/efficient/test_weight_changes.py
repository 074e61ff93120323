"""Changes cut to a rank: the ends are the two models, and between them no rank is better."""

import copy

import pytest
import torch
from torch import nn

from tests.tiny_models import tiny_bert
from tlbook.efficient import lora
from tlbook.efficient.weight_changes import Change, after_cuts, by_matrix, changes, cut, share_kept
from tlbook.heads import Classifier

QUERY = "encoder.layer.0.attention.self.query"


def trained(scale=0.1):
    """Return a model, and the encoder from which it is as far as training might bring it."""
    base = tiny_bert()
    model = Classifier(copy.deepcopy(base), 2).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(scale * torch.randn_like(weight))
    return model, base


def weights_of(model, name=QUERY):
    return lora.encoder_of(model).get_submodule(name).weight


def test_every_linear_layer_of_the_encoder_is_there():
    assert len(changes(*trained())) == 2 * 6


def test_rank_zero_is_the_matrix_from_before_and_full_rank_the_one_after():
    model, base = trained()
    known = changes(model, base)
    torch.testing.assert_close(weights_of(cut(model, known, 0)), weights_of(base))
    torch.testing.assert_close(weights_of(cut(model, known, 8)), weights_of(model))


def test_what_is_no_matrix_stays_as_training_left_it():
    model, base = trained()
    rest = cut(model, changes(model, base), 0).state_dict()
    assert torch.equal(rest["head.weight"], model.head.weight)
    bias = f"encoder.{QUERY}.bias"
    assert torch.equal(rest[bias], model.state_dict()[bias])


def test_cutting_leaves_the_trained_model_alone():
    model, base = trained()
    before = weights_of(model).clone()
    cut(model, changes(model, base), 1)
    assert torch.equal(weights_of(model), before)


@pytest.mark.parametrize("rank", [1, 3])
def test_what_a_rank_misses_are_the_smaller_singular_values(rank):
    model, base = trained()
    known = changes(model, base)
    left = cut(model, known, rank)
    missed = (weights_of(model) - weights_of(left)).norm()
    torch.testing.assert_close(missed, known[QUERY].values[rank:].norm(), atol=1e-5, rtol=1e-4)
    change = weights_of(left) - weights_of(base)
    assert torch.linalg.matrix_rank(change, atol=1e-5) == rank


def test_a_change_of_rank_two_is_whole_at_rank_two():
    base = tiny_bert()
    model = copy.deepcopy(base)
    lora.add(model, rank=2, targets=["query"])
    for layer in lora.layers(model).values():
        nn.init.normal_(layer.up)
    lora.merge(model)
    lora_free = copy.deepcopy(base)
    with torch.no_grad():
        for name, layer in lora.layers(model).items():
            lora_free.get_submodule(name).weight.copy_(layer.frozen.weight)
    known = changes(lora_free, base)
    assert share_kept(known, 2) == pytest.approx(1.0)
    assert share_kept(known, 1) < 0.999
    torch.testing.assert_close(
        weights_of(cut(lora_free, known, 2)), weights_of(lora_free), atol=1e-5, rtol=1e-5
    )


def test_shares_by_hand():
    change = Change(torch.zeros(2, 2), torch.eye(2), torch.tensor([2.0, 1.0]), torch.eye(2))
    assert share_kept({"one": change}, 0) == 0.0
    assert share_kept({"one": change}, 1) == pytest.approx(4 / 5)
    assert share_kept({"one": change, "other": change}, 2) == pytest.approx(1.0)


def test_models_of_another_shape_are_an_error():
    with pytest.raises(ValueError, match=r"layer\.0\..* is not the same layer in both models"):
        changes(tiny_bert(), tiny_bert(intermediate_size=12))


def test_models_of_another_depth_are_an_error():
    with pytest.raises(ValueError, match=r"layer\.1\..* is not the same layer in both models"):
        changes(tiny_bert(num_hidden_layers=1), tiny_bert())


def test_a_rank_is_no_negative_number():
    model, base = trained()
    with pytest.raises(ValueError, match="rank must be 0 or more, got -1"):
        cut(model, changes(model, base), -1)


def test_without_a_change_there_are_no_shares():
    base = tiny_bert()
    with pytest.raises(ValueError, match="no matrix has changed"):
        share_kept(changes(base, base), 1)


def test_a_table_scores_the_model_cut_to_each_rank():
    model, base = trained()
    known = changes(model, base)
    table = after_cuts(model, known, [0, 8], lambda cut_model: weights_of(cut_model).sum().item())
    assert table.index.tolist() == [0, 8]
    sums = [weights_of(side).sum().item() for side in (base, model)]
    assert table["accuracy"].tolist() == pytest.approx(sums, abs=1e-4)
    assert table["kept"].tolist() == pytest.approx([0, 1])


def test_each_matrix_is_told_by_layer_and_name():
    told = by_matrix(changes(*trained()))
    assert told["layer"].tolist() == [1] * 6 + [2] * 6
    assert told["matrix"].tolist()[:4] == [
        *("attention.self.query", "attention.self.key", "attention.self.value"),
        "attention.output.dense",
    ]
    assert (told["of"] == 8).all()


def test_distance_and_directions_by_hand():
    before = torch.tensor([[0.0, 4.0], [3.0, 0.0]])  # norm 5
    change = Change(before, torch.eye(2), torch.tensor([2.0, 1.0]), torch.eye(2))
    known = {"encoder.layer.1.output.dense": change, "pooler.dense": change}
    told = by_matrix(known, share=0.8)  # 4 of 5
    assert told["layer"].tolist() == [2, 0]
    assert told["matrix"].tolist() == ["output.dense", "pooler.dense"]
    assert told["moved"].tolist() == pytest.approx([5**0.5 / 5] * 2)
    assert told["directions"].tolist() == [1, 1]
    assert by_matrix(known, share=0.81)["directions"].tolist() == [2, 2]
    assert by_matrix(known, share=1)["directions"].tolist() == [2, 2]


def test_a_matrix_that_did_not_move_has_no_directions():
    base = tiny_bert()
    told = by_matrix(changes(base, base))
    assert (told["moved"] == 0).all()
    assert (told["directions"] == 0).all()


@pytest.mark.parametrize("share", [0, 1.01])
def test_a_share_is_at_most_the_whole(share):
    with pytest.raises(ValueError, match="share must lie above 0"):
        by_matrix({}, share=share)
