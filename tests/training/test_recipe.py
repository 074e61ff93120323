"""The usual recipe moves every weight that is not frozen, at a rate that rises and falls."""

import torch

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.batches import Batches
from tlbook.freezing import freeze
from tlbook.heads import Classifier, classification_loss
from tlbook.training import fit, recipe


def trained(**changes):
    torch.manual_seed(0)
    model = Classifier(tiny_bert(), 2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    options = {"learning_rate": 0.01, "epochs": 5} | changes
    batches = Batches(tiny_rows(6), size=3)
    history = recipe.train(model, batches, loss_of=classification_loss, progress=False, **options)
    return model, before, history


def test_every_weight_moves():
    model, before, _ = trained()
    used = {n for n in before if "position" not in n and "token_type" not in n}
    still = {n for n in used if torch.equal(before[n], model.state_dict()[n])}
    assert all("key.bias" in name for name in still), "softmax does not feel a shift of all keys"


def test_the_loss_falls_and_the_rate_ends_near_zero():
    _, _, history = trained()
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[-1]["learning_rate"] < 0.1 * 0.01


def test_without_decay_the_rate_stays():
    _, _, history = trained(decays=False)
    assert {record["learning_rate"] for record in history} == {0.01}


def test_what_is_frozen_stays_and_is_not_decayed():
    model = Classifier(tiny_bert(), 2)
    freeze(model.encoder)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    options = {"learning_rate": 0.1, "epochs": 1, "weight_decay": 0.5, "progress": False}
    recipe.train(model, Batches(tiny_rows(6), 3), loss_of=classification_loss, **options)
    moved = {n for n, weight in model.state_dict().items() if not torch.equal(weight, before[n])}
    assert moved == {"head.weight", "head.bias"}


def test_without_weight_decay_it_is_adam():
    model, same = (Classifier(tiny_bert(), 2, dropout=0.0) for _ in range(2))
    same.load_state_dict(model.state_dict())
    for one in (model, same):
        freeze(one.encoder)  # which has a dropout of its own
    batches = [Batches(tiny_rows(6), 3) for _ in range(2)]
    options = {"loss_of": classification_loss, "epochs": 2, "progress": False}
    torch.manual_seed(0)
    recipe.train(model, batches[0], learning_rate=0.01, decays=False, weight_decay=0.0, **options)
    torch.manual_seed(0)
    adam = torch.optim.Adam(same.head.parameters(), 0.01)
    fit(same, batches[1], optimizer=adam, **options)
    torch.testing.assert_close(model.head.weight, same.head.weight)
