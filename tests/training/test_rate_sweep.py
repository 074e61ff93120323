"""A sweep tries rate after rate, sees where the loss breaks out, and leaves no trace."""

import pytest
import torch
from torch import nn

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.batches import Batches
from tlbook.heads import Classifier, classification_loss
from tlbook.training.rate_sweep import learning_rate_sweep, suggested_rate


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


def distance(model, batch):
    return (model.weight - batch["goal"]).square().mean()


def weight_at(value):
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


GOAL = [{"goal": torch.tensor(3.0)}]
SGD = {"loss_of": distance, "optimizer_of": torch.optim.SGD}


def test_rates_grow_by_a_constant_factor_from_the_lowest_to_the_highest():
    found = learning_rate_sweep(weight_at(0.0), GOAL, lowest=1e-4, highest=1e-2, steps=5, **SGD)
    wanted = [1e-4, 10**-3.5, 1e-3, 10**-2.5, 1e-2]
    assert found["rate"].tolist() == pytest.approx(wanted)


def test_losses_by_hand():
    # w -> w - rate * 2 (w - 3), clipped to a gradient of norm 1: 0 -> 0.1 -> 0.3
    options = {"lowest": 0.1, "highest": 0.4, "steps": 3, "momentum": 0.5}
    found = learning_rate_sweep(weight_at(0.0), GOAL, **options, **SGD)
    losses = [3.0**2, 2.9**2, 2.7**2]
    assert found["loss"].tolist() == pytest.approx(losses)
    second = (0.25 * losses[0] + 0.5 * losses[1]) / 0.75  # weights made to sum to 1
    assert found["smoothed"].tolist()[:2] == pytest.approx([losses[0], second])


def test_it_ends_when_the_loss_has_blown_up():
    options = {"lowest": 1e-3, "highest": 1e6, "steps": 50}
    found = learning_rate_sweep(weight_at(0.0), GOAL, **options, **SGD)
    assert len(found) < 50
    assert found["smoothed"].iloc[-1] > found["smoothed"].min() < found["smoothed"].iloc[0]
    assert (found["smoothed"] <= 4 * found["smoothed"].cummin()).all()


def test_a_loss_that_is_no_number_any_more_ends_it_too():
    def fragile(model, batch):
        loss = distance(model, batch)
        return loss if loss < 9.5 else loss * float("nan")

    found = learning_rate_sweep(
        weight_at(0.0),
        GOAL,
        loss_of=fragile,
        optimizer_of=torch.optim.SGD,
        lowest=0.01,
        highest=1e4,
    )
    assert 1 < len(found) < 60
    assert found["loss"].notna().all()


def test_a_gradient_that_is_no_number_any_more_ends_it_too():
    def steep(model, batch):
        loss = distance(model, batch)
        far = (model.weight.detach() - 0.0).abs().max() > 0.5
        return loss + (model.weight * 0).sqrt().sum() if far else loss  # slope 0 * inf

    options = {"lowest": 0.1, "highest": 1.0, "steps": 20, "optimizer_of": torch.optim.SGD}
    found = learning_rate_sweep(weight_at(0.0), GOAL, loss_of=steep, **options)
    assert 1 < len(found) < 20


def test_nothing_is_left_of_it():
    torch.manual_seed(0)
    model = Classifier(tiny_bert(), 2).train()
    model.encoder.eval()
    model.register_buffer("mean", torch.ones(2))
    model.head.bias.grad = torch.full((2,), 7.0)
    batches = Batches(tiny_rows(6), 2)
    next(iter(batches))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()

    def restless(model, batch):
        model.mean += 1
        return classification_loss(model, batch)

    found = learning_rate_sweep(model, batches, loss_of=restless, steps=7, highest=1e-2)
    assert len(found) == 7
    assert found["loss"].nunique() == 7, "the weights moved in between"
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.head.bias.grad.tolist() == [7.0, 7.0]
    assert (model.training, model.encoder.training) == (True, False)
    assert batches.epoch == 1
    assert torch.equal(torch.get_rng_state(), state)


def test_all_is_put_back_after_an_exception_too():
    model = weight_at(1.0)

    def broken(model, batch):
        if model.weight.item() != 1.0:
            raise KeyError("no such column")
        return distance(model, batch)

    with pytest.raises(KeyError, match="no such column"):
        learning_rate_sweep(model, GOAL, loss_of=broken)
    assert model.weight.item() == 1.0


def test_the_same_sweep_twice_gives_the_same():
    model, batches = Classifier(tiny_bert(), 2), Batches(tiny_rows(6), 2)
    options = {"loss_of": classification_loss, "steps": 8}
    one, other = (learning_rate_sweep(model, batches, **options) for _ in range(2))
    assert one.equals(other)


def test_frozen_weights_stay_out_of_it():
    model = Classifier(tiny_bert(), 2)
    model.encoder.requires_grad_(False)
    held = []

    def optimizer_of(weights, lr):
        held.extend(weights)
        return torch.optim.SGD(weights, lr)

    options = {"loss_of": classification_loss, "optimizer_of": optimizer_of, "steps": 2}
    learning_rate_sweep(model, Batches(tiny_rows(4), 2), **options)
    assert [tuple(weight.shape) for weight in held] == [(2, 8), (2,)]


def test_a_loss_of_no_trained_weight_is_told():
    constant = lambda model, batch: torch.tensor(1.0)
    with pytest.raises(ValueError, match="the loss depends on no trained weight"):
        learning_rate_sweep(weight_at(0.0), GOAL, loss_of=constant)


@pytest.mark.parametrize(
    "wrong", [{"lowest": 0.0}, {"lowest": 2.0}, {"steps": 1}, {"momentum": 1.0}], ids=str
)
def test_settings_outside_their_range_are_an_error(wrong):
    with pytest.raises(ValueError, match="lowest must lie above 0 and below highest"):
        learning_rate_sweep(weight_at(0.0), GOAL, loss_of=distance, **wrong)


def test_the_suggested_rate_makes_a_parabola_converge():
    def steep(model, batch):
        return 50 * distance(model, batch)  # of curvature 100: rates above 0.02 diverge

    options = {"optimizer_of": torch.optim.SGD, "lowest": 1e-5, "highest": 10.0, "steps": 100}
    model = weight_at(2.9)
    rate = suggested_rate(learning_rate_sweep(model, GOAL, loss_of=steep, **options))
    assert 1e-4 < rate < 0.02


def test_a_loss_that_only_rose_suggests_nothing():
    found = learning_rate_sweep(weight_at(0.0), GOAL, lowest=1e-4, steps=5, **SGD)
    with pytest.raises(ValueError, match="the loss rose from the first rate on, 0.0001"):
        suggested_rate(found.assign(smoothed=[1.0, 2.0, 3.0, 4.0, 5.0][: len(found)]))
