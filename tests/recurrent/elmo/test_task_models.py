"""A task model reads what it is asked to read, where it is asked to, and nothing else."""

import numpy as np
import pytest
import torch

from tlbook import freezing, training
from tlbook.recurrent.elmo import task_models
from tlbook.recurrent.elmo.layers import LayerBatches
from tlbook.recurrent.elmo.task_models import TaskModel

PLACES = [(), ("input",), ("output",), ("input", "output")]
every_place = pytest.mark.parametrize("elmo", PLACES, ids="+".join)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    layers = torch.randn(3, 2, 4, 6) * mask[None, ..., None]
    return {"layers": layers, "attention_mask": mask}


def model(elmo=(), per_token=True):
    torch.manual_seed(1)
    return TaskModel(3, 6, 2, elmo=elmo, per_token=per_token, recurrent=5).eval()


@every_place
def test_a_tagger_answers_for_every_word_and_a_classifier_for_every_text(elmo, batch):
    assert model(elmo)(**batch).shape == (2, 4, 2)
    assert model(elmo, per_token=False)(**batch).shape == (2, 2)


@every_place
@pytest.mark.parametrize("per_token", [True, False])
def test_padding_does_not_matter(elmo, per_token, batch):
    reader = model(elmo, per_token)
    alone = reader(batch["layers"][:, 1:, :2], torch.ones(1, 2, dtype=torch.long))
    batch["layers"][:, 1, 2:] = 7.0
    found = reader(**batch)[1:]
    torch.testing.assert_close(found[:, :2] if per_token else found, alone)


@every_place
def test_only_with_elmo_do_the_upper_layers_count(elmo, batch):
    before = model(elmo)(**batch)
    batch["layers"][1:] += 1.0
    assert torch.equal(model(elmo)(**batch), before) == (not elmo)


def test_static_vectors_are_the_first_half_of_layer_0(batch):
    before = model()(**batch)
    batch["layers"][0, ..., 3:] += 1.0
    assert torch.equal(model()(**batch), before)
    batch["layers"][0, ..., :3] += 1.0
    assert not torch.equal(model()(**batch), before)


def test_elmo_at_the_output_goes_past_the_lstm_to_its_own_word(batch):
    reader = model(("output",))
    before = reader(**batch)
    batch["layers"][1:, 0, 2] += 1.0
    moved = (reader(**batch) - before).abs().sum(-1) > 1e-6
    assert moved[0].tolist() == [False, False, True, False]


def test_elmo_at_the_input_is_read_by_the_lstm(batch):
    reader = model(("input",))
    before = reader(**batch)
    batch["layers"][1:, 0, 2] += 1.0
    assert ((reader(**batch) - before).abs().sum(-1) > 1e-6)[0].all()


def test_each_place_has_a_mix_of_its_own_that_starts_as_the_mean():
    both = model(("input", "output"))
    assert both.shares() == {"input": pytest.approx([1 / 3] * 3)} | {
        "output": pytest.approx([1 / 3] * 3)
    }
    both.mixes["input"].scores.data[0] = 2.0
    assert both.shares()["input"][0] > both.shares()["output"][0]
    assert both.penalty() == 4.0
    assert model().penalty() == 0.0


def test_the_loss_is_the_cross_entropy_and_the_penalty(batch):
    both = model(("input", "output"), per_token=False)
    both.mixes["output"].scores.data[:] = torch.tensor([1.0, 2.0, 0.0])
    batch["labels"] = torch.tensor([0, 1])
    logits = both(**batch)
    wanted = torch.nn.functional.cross_entropy(logits, batch["labels"]) + 0.1 * 5.0
    torch.testing.assert_close(task_models.loss_with(0.1)(both, batch), wanted)


def test_an_unknown_place_is_told():
    with pytest.raises(ValueError, match=r"at 'input' or 'output', not at \['top'\]"):
        TaskModel(3, 6, 2, elmo=("top",), per_token=True)


def told_by_the_upper_layer(count=40):
    """Sentences whose label stands in layer 2 alone, and the same label as their tags."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, count)
    layers = [draw.normal(size=(3, 3, 6)).astype(np.float32) for _ in labels]
    for sentence, label in zip(layers, labels, strict=True):
        sentence[2, :, 0] = 4.0 * label - 2.0
    return layers, labels.tolist()


@pytest.mark.parametrize("per_token", [True, False])
def test_learning_finds_what_only_an_upper_layer_tells(per_token):
    layers, labels = told_by_the_upper_layer()
    given = [[label] * 3 for label in labels] if per_token else labels
    batches = LayerBatches(layers, given, 8)
    scores = {}
    for elmo in ((), ("input",)):
        learned, seconds = task_models.learn(
            batches, 2, elmo=elmo, epochs=6, seed=0, learning_rate=0.02, dropout=0.0
        )
        logits = training.predict(learned, batches)
        found = np.array([row.reshape(-1, 2).mean(0).argmax() for row in logits])
        scores[elmo] = (found == labels).mean()
        assert seconds > 0
    assert scores["input",] == 1.0
    assert scores[()] < 0.9


def test_the_same_seed_learns_the_same():
    layers, labels = told_by_the_upper_layer(12)
    shares = [
        task_models.learn(
            LayerBatches(layers, labels, 4), 2, elmo=("output",), epochs=2, seed=seed
        )[0].shares()
        for seed in (3, 3, 4)
    ]
    assert shares[0] == shares[1] != shares[2]


def test_a_large_penalty_keeps_the_mix_a_mean():
    layers, labels = told_by_the_upper_layer()
    spread = []
    for strength in (0.0, 10.0):
        learned, _ = task_models.learn(
            LayerBatches(layers, labels, 8),
            2,
            elmo=("input",),
            epochs=6,
            seed=0,
            learning_rate=0.02,
            strength=strength,
        )
        spread.append(np.std(learned.shares()["input"]))
    assert spread[1] < 0.2 * spread[0]


def test_few_weights_are_trained_for_a_mix():
    plain, above = (freezing.trained_weights(model(elmo)) for elmo in ((), ("output",)))
    assert above - plain == 6 * 2 + 3 + 1, "columns of the head, a score a layer, gamma"
