"""The loop learns, leaves frozen weights alone, stops on a broken loss, goes on after a stop."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from torch import nn

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook import runtime
from tlbook.batches import Batches
from tlbook.freezing import freeze_below
from tlbook.heads import Classifier, SpanFinder, Tagger, classification_loss, tagging_loss
from tlbook.metrics import accuracy, tag_accuracy
from tlbook.schedules import linear
from tlbook.tokens import IGNORED
from tlbook.training import evaluate, fit, predict


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


def squared_error(model, batch):
    return (model(batch["x"]) - batch["y"]).square().mean()


@pytest.fixture
def line():
    x = torch.linspace(-1, 1, 16).unsqueeze(1)
    return [{"x": x[:8], "y": 2 * x[:8] + 1}, {"x": x[8:], "y": 2 * x[8:] + 1}]


def fitted(line, **settings):
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = settings.pop("optimizer", None) or torch.optim.SGD(model.parameters(), 0.1)
    settings = {"loss_of": squared_error, "epochs": 1, "progress": False} | settings
    return model, fit(model, line, optimizer=optimizer, **settings)


def test_the_loss_falls(line):
    model, history = fitted(line, epochs=50)
    assert history[-1]["train_loss"] < 0.01 * history[0]["train_loss"]
    assert [round(number.item(), 1) for number in (model.weight, model.bias)] == [2.0, 1.0]


def test_two_steps_by_hand():
    # loss (w - 3)², gradient 2 (w - 3): 0 -> 0.6 -> 1.08 at rate 0.1
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    one = [{"x": torch.ones(1, 1), "y": torch.full((1, 1), 3.0)}] * 2
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    settings = {"loss_of": squared_error, "epochs": 1, "clip_norm": None, "progress": False}
    (record,) = fit(model, one, optimizer=optimizer, **settings)
    assert model.weight.item() == pytest.approx(1.08)
    assert record["train_loss"] == pytest.approx((3.0**2 + 2.4**2) / 2)


def test_the_whole_gradient_is_clipped():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    far = [{"x": torch.ones(1, 1), "y": torch.full((1, 1), 100.0)}]
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    fit(model, far, loss_of=squared_error, optimizer=optimizer, epochs=1, clip_norm=0.5)
    assert model.weight.item() == pytest.approx(0.5)


def test_a_record_tells_epoch_loss_rate_seconds_and_what_was_measured_after_it(line):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    schedule = linear(optimizer, steps=4, warmup=0.0)
    scores = iter((0.25, 0.75))
    history = fit(
        model,
        line,
        loss_of=squared_error,
        optimizer=optimizer,
        epochs=2,
        schedule=schedule,
        after_epoch=lambda: {"accuracy": next(scores)},
    )
    assert [record["epoch"] for record in history] == [1, 2]
    assert [record["accuracy"] for record in history] == [0.25, 0.75]
    assert [record["learning_rate"] for record in history] == pytest.approx([0.05, 0.0])
    assert all(record["seconds"] > 0 for record in history)


def test_training_runs_in_training_mode_in_each_epoch_even_after_an_evaluation(line):
    modes = []

    def loss_of(model, batch):
        modes.append(model.training)
        return squared_error(model, batch)

    model = nn.Linear(1, 1).eval()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    asleep = lambda: model.eval() and {}
    fit(model, line, loss_of=loss_of, optimizer=optimizer, epochs=2, after_epoch=asleep)
    assert modes == [True] * 4


def test_frozen_weights_do_not_move_by_one_bit_and_the_others_do():
    encoder = freeze_below(tiny_bert(), 2)
    model = Classifier(encoder, 2)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), 0.01, weight_decay=0.1)
    batches = Batches(tiny_rows(7), size=3)
    fit(model, batches, loss_of=classification_loss, optimizer=optimizer, epochs=2)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]) is not weight.requires_grad, name


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_says_where(line, broken):
    steps = itertools.count(1)
    loss_of = lambda model, batch: squared_error(model, batch) * (broken if next(steps) == 4 else 1)
    with pytest.raises(
        ValueError, match=f"loss is {broken} at epoch 2, step 2; lower the learning"
    ):
        fitted(line, epochs=3, loss_of=loss_of)


def test_a_gradient_that_is_not_finite_says_where_and_moves_nothing(line):
    model = nn.Linear(1, 1)
    before = model.weight.clone()
    # the square root of 0 is finite, its slope is not
    loss_of = lambda model, batch: (model(batch["x"]) * 0).sum().sqrt()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="norm of the gradient is nan at epoch 1, step 1"):
        fit(model, line, loss_of=loss_of, optimizer=optimizer, epochs=1)
    assert torch.equal(model.weight, before)


def breaking(*, at):
    """A loss whose gradient, and nothing else, is no number at one step (from 1)."""
    steps = itertools.count(1)

    def loss_of(model, batch):
        loss = squared_error(model, batch)
        return loss + (model.weight * 0).sum().sqrt() if next(steps) == at else loss

    return loss_of


@pytest.mark.parametrize(("at", "place"), [(1, "epoch 1, step 1"), (4, "epoch 2, step 2")])
def test_without_clipping_too_no_broken_weights_are_returned(line, at, place):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    options = {"loss_of": breaking(at=at), "clip_norm": None, "epochs": 2}
    if at == 1:
        line = line[:1]  # the next loss would tell
    with pytest.raises(ValueError, match=f"weight is no longer finite at {place}; lower the learn"):
        fit(model, line, optimizer=optimizer, **options)


def test_weights_that_are_broken_reach_neither_a_checkpoint_nor_a_measurement(line, tmp_path):
    def run(loss_of, name, **more):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        settings = {"clip_norm": None, "epochs": 2, "save_every": 1, "checkpoint": tmp_path / name}
        history = fit(model, line, loss_of=loss_of, optimizer=optimizer, **settings, **more)
        return model.weight.item(), untimed(history)

    whole, seen = run(squared_error, "whole"), []
    measure = lambda: seen.append("measured") or {}
    for at, step in ((3, 1), (2, 2)):  # the third step of all; then the last, by the checkpoint
        with pytest.raises(ValueError, match=f"no longer finite at epoch 2, step {step}"):
            run(breaking(at=at), "broken", after_epoch=measure)
    assert seen == ["measured"], "after the first epoch, which was sound"
    assert run(squared_error, "broken") == whole, "it goes on from the last sound step"


def test_large_weights_are_not_broken_ones(line):
    model = nn.Linear(1, 1)
    model.register_parameter("large", nn.Parameter(torch.full((4,), 3e38)))  # of no finite sum
    optimizer = torch.optim.SGD([model.weight, model.bias], 0.1)
    options = {"loss_of": squared_error, "optimizer": optimizer, "clip_norm": None}
    assert len(fit(model, line, epochs=1, **options)) == 1


def test_a_frozen_weight_may_hold_anything(line):
    model = nn.Sequential(nn.Linear(1, 1))
    model.register_parameter("mask", nn.Parameter(torch.tensor([-torch.inf]), requires_grad=False))
    optimizer = torch.optim.SGD(model[0].parameters(), 0.1)
    options = {"loss_of": squared_error, "optimizer": optimizer, "clip_norm": None}
    assert len(fit(model, line, epochs=1, **options)) == 1


def labelled(*labels):
    return [
        row | {"labels": label} for row, label in zip(tiny_rows(len(labels)), labels, strict=True)
    ]


def trained_on(labels, *, head=Classifier, loss_of=classification_loss):
    model = head(tiny_bert(), 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    batches = Batches(labelled(*labels), size=len(labels))
    return fit(model, batches, loss_of=loss_of, optimizer=optimizer, epochs=1, progress=False)


def test_hidden_labels_stop_a_training_that_cannot_use_them():
    with pytest.raises(
        ValueError, match=r"epoch 1, step 1: 2 of 4 rows have a hidden label .* of the batch; leave"
    ):
        trained_on([0, 1, -1, -1])


def test_hidden_tags_do_too_and_ignored_ones_do_not():
    rows = tiny_rows(2)
    tags = [[IGNORED] + [0] * (len(row["input_ids"]) - 1) for row in rows]
    assert trained_on(tags, head=Tagger, loss_of=tagging_loss)
    tags[1][2] = -1
    with pytest.raises(ValueError, match="1 of 2 rows have a hidden label"):
        trained_on(tags, head=Tagger, loss_of=tagging_loss)


def test_a_loss_that_knows_what_to_do_with_hidden_labels_is_left_alone():
    def known_only(model, batch):
        known = batch["labels"] >= 0
        logits = model(**batch)
        return nn.functional.cross_entropy(logits[known], batch["labels"][known])

    assert trained_on([0, -1, 1, -1], loss_of=known_only)
    assert trained_on([0, IGNORED, 1, 0]), "cross-entropy skips it"


def test_an_error_of_another_kind_stays_what_it_was():
    def broken(model, batch):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        trained_on([0, -1], loss_of=broken)
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        trained_on([0, 7])


def test_a_model_that_is_all_frozen_is_an_error(line):
    model = nn.Linear(1, 1).requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="the loss depends on no trained weight; unfreeze"):
        fit(model, line, loss_of=squared_error, optimizer=optimizer, epochs=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"epochs": 0}, "epochs must be 1 or more, got 0"), ({"save_every": 0}, "save_every must be")],
)
def test_impossible_sizes_are_errors(line, settings, message):
    with pytest.raises(ValueError, match=message):
        fitted(line, **settings)


def test_no_batches_are_an_error():
    with pytest.raises(ValueError, match="0 batches are too few"):
        fitted([])


def test_batches_that_can_be_read_only_once_are_an_error(line):
    class Once:
        left = iter(line)

        def __len__(self):
            return len(line)

        def __iter__(self):
            return self.left

    with pytest.raises(ValueError, match="epoch 2 gave 0 of 2 batches"):
        fitted(Once(), epochs=2)


@pytest.mark.parametrize("wished", ["float32", "bfloat16"])
def test_products_run_in_the_precision_wished_and_weights_stay_in_full(monkeypatch, line, wished):
    monkeypatch.setenv("TLBOOK_PRECISION", wished)
    kinds = []

    def loss_of(model, batch):
        found = model(batch["x"])
        kinds.append(found.dtype)
        return (found.float() - batch["y"]).square().mean()

    model, history = fitted(line, epochs=30, loss_of=loss_of)
    assert set(kinds) == {getattr(torch, wished)}
    assert model.weight.dtype is torch.float32
    assert history[-1]["train_loss"] < 0.05 * history[0]["train_loss"]


# A run that is stopped and goes on


class Stopped(Exception):
    """Stands for a crash, a closed laptop, a time limit."""


class Drawing(nn.Module):
    """A classifier with dropout that also draws from NumPy's generator."""

    def __init__(self):  # noqa: D107
        super().__init__()
        torch.manual_seed(7)
        self.classifier = Classifier(tiny_bert(hidden_dropout_prob=0.2), 2, dropout=0.3)

    def forward(self, **batch):
        noise = np.random.rand()  # noqa: NPY002 -- the generator that `seed_all` seeds
        return self.classifier(**batch) * (1 + noise)


EPOCHS, STEPS = 3, 4  # 10 rows in batches of 3


def run(folder, *, stop_at=None, save_every=None, rate=0.01, **changes):
    """Train anew, as a new process would; return weights and history."""
    model = Drawing()
    runtime.seed_all(1 if stop_at else 2)  # where a run goes on, the generators may be anywhere
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    schedule = linear(optimizer, steps=EPOCHS * STEPS, warmup=0.25)
    done = itertools.count(1)

    def loss_of(model, batch):
        if next(done) == stop_at:
            raise Stopped
        return classification_loss(model, batch)

    settings = {"epochs": EPOCHS, "save_every": save_every, "checkpoint": folder} | changes
    history = fit(
        model,
        Batches(tiny_rows(10), size=3, seed=4),
        loss_of=loss_of,
        optimizer=optimizer,
        schedule=schedule,
        progress=False,
        **settings,
    )
    return model.state_dict(), optimizer.state_dict(), schedule.get_last_lr(), history


def untimed(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


def same(one, other):
    torch.testing.assert_close(one[0], other[0], rtol=0, atol=0)
    torch.testing.assert_close(one[1]["state"], other[1]["state"], rtol=0, atol=0)
    assert one[2] == other[2]
    assert untimed(one[3]) == untimed(other[3])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nothing stopped, as it is after a stop at the very first step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLBOOK_PRECISION", "float32")
        path = tmp_path_factory.mktemp("whole") / "run.safetensors"
        return run(path, stop_at=1000), path


@pytest.mark.parametrize(
    ("stop_at", "save_every"),
    [(5, None), (7, None), (7, 1), (8, 2), (12, 3)],
    ids=["epoch's end", "epoch again", "mid-epoch", "a step lost", "last step"],
)
def test_a_stopped_run_goes_on_bit_for_bit(whole, tmp_path, stop_at, save_every):
    path = tmp_path / "deep" / "run.safetensors"
    with pytest.raises(Stopped):
        run(path, stop_at=stop_at, save_every=save_every)
    same(run(path, save_every=save_every), whole[0])
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_run_stopped_twice_goes_on_bit_for_bit(whole, tmp_path):
    for stop_at in (3, 4):  # the second stop is at step 6 of the whole
        with pytest.raises(Stopped):
            run(tmp_path / "run", stop_at=stop_at, save_every=1)
    same(run(tmp_path / "run"), whole[0])


def test_a_finished_run_is_not_run_again(whole, tmp_path):
    path = shutil.copy(whole[1], tmp_path / "run")
    found = run(path, stop_at=None)
    same(found, whole[0])
    assert found[3] == whole[0][3], "the seconds are those of the training"


def test_saving_does_not_change_the_run(whole):
    same(run(None, stop_at=1000), whole[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 4}, "it differs in epochs: 3 there, 4 here"),
        ({"rate": 0.02}, r"it differs in groups: .*0\.01.* there, .*0\.02.* here"),
    ],
)
def test_the_checkpoint_of_another_run_is_an_error(whole, tmp_path, change, message):
    path = shutil.copy(whole[1], tmp_path / "run")
    with pytest.raises(ValueError, match=f"is of another run, {message}; delete it"):
        run(path, **change)


def test_a_truncated_checkpoint_is_named_and_the_model_left_alone(whole, tmp_path):
    path = tmp_path / "run"
    path.write_bytes(whole[1].read_bytes()[:-100])
    with pytest.raises(ValueError, match="run is damaged or none of ours .*; delete it"):
        run(path)


def seen_by(batches, checkpoint, *, stop_at=None):
    """The ids of the batches that one epoch trains on."""
    model, seen = Classifier(tiny_bert(), 2), []
    optimizer = torch.optim.SGD(model.parameters(), 0.01)

    def loss_of(model, batch):
        if len(seen) == stop_at:
            raise Stopped
        seen.append(batch["input_ids"].tolist())
        return classification_loss(model, batch)

    settings = {"checkpoint": checkpoint, "save_every": 1, "progress": False}
    with contextlib.suppress(Stopped):
        fit(model, batches, loss_of=loss_of, optimizer=optimizer, epochs=1, **settings)
    return seen


def test_the_order_of_the_batches_goes_on_after_a_stop(tmp_path):
    new = lambda: Batches(tiny_rows(10), size=3, seed=4)
    whole, stopped = new(), new()
    for batches in (whole, stopped):
        list(batches)  # an earlier stage took the first epoch, as in gradual unfreezing
    expected = seen_by(whole, tmp_path / "whole")
    found = seen_by(stopped, tmp_path / "stopped", stop_at=2)
    found += seen_by(new(), tmp_path / "stopped")  # a new process, which begins at its first epoch
    assert found == expected


# Prediction


@pytest.mark.parametrize(
    ("head", "per_token"),
    [
        (lambda encoder: Classifier(encoder, 3), False),
        (lambda encoder: Tagger(encoder, 3), True),
        (SpanFinder, True),
    ],
    ids=["classes", "tags", "spans"],
)
def test_predictions_come_in_the_order_of_the_rows_without_padding(head, per_token):
    model, rows = head(tiny_bert()).train(), tiny_rows(7)
    found = predict(model, Batches(rows, size=3))
    for row, logits in zip(rows, found, strict=True):
        alone = predict(model, Batches([row]))[0]
        np.testing.assert_allclose(logits, alone, atol=1e-5)
        assert logits.dtype == np.float32
        assert len(logits) == (len(row["input_ids"]) if per_token else 3)
        assert np.isfinite(logits).all()


def test_predicting_uses_no_dropout_and_computes_no_gradients():
    model = Classifier(tiny_bert(hidden_dropout_prob=0.5), 2, dropout=0.5).train()
    batches = Batches(tiny_rows(5))
    np.testing.assert_array_equal(predict(model, batches), predict(model, batches))
    assert all(weight.grad is None for weight in model.parameters())


def test_an_evaluation_gives_the_metric_the_logits_and_labels_of_the_same_rows():
    model, batches = Classifier(tiny_bert(), 2), Batches(tiny_rows(7), size=3)
    score = evaluate(model, batches, metric=accuracy)
    right = [row.argmax() == place % 2 for place, row in enumerate(predict(model, batches))]
    assert score == sum(right) / 7


@pytest.mark.parametrize("wrap", [int, np.int64])
def test_hidden_labels_are_not_scored_as_mistakes(wrap):
    batches = Batches(labelled(*map(wrap, (0, -1, 1))), size=2)
    with pytest.raises(
        ValueError, match=r"1 of 3 rows have a hidden label \(below 0\), the first is row 1; leave"
    ):
        evaluate(Classifier(tiny_bert(), 2), batches, metric=accuracy)


def test_tags_that_no_word_has_are_no_hidden_labels():
    tags = [[IGNORED] + [0] * (len(row["input_ids"]) - 1) for row in tiny_rows(2)]
    assert 0 <= evaluate(Tagger(tiny_bert(), 2), Batches(labelled(*tags)), metric=tag_accuracy) <= 1
    tags[1][1] = -1
    with pytest.raises(ValueError, match="1 of 2 rows have a hidden label .*, the first is row 1"):
        evaluate(Tagger(tiny_bert(), 2), Batches(labelled(*tags)), metric=tag_accuracy)


@pytest.mark.parametrize("scores", [(-0.5, -1.0, 2.0), (-1, 0, -2)])
def test_scores_below_0_are_no_hidden_labels(scores):
    model = Classifier(tiny_bert(), 2)
    model.head = nn.Linear(model.head.in_features, 1)
    distance = lambda found, wanted: float(np.abs(np.concatenate(found) - wanted).mean())
    assert evaluate(model, Batches(labelled(*scores)), metric=distance) > 0


def test_rows_without_labels_cannot_be_scored():
    rows = [{"input_ids": [2, 3]}]
    with pytest.raises(
        KeyError, match=r"rows need 'labels' to be scored; they have \['input_ids'\]"
    ):
        evaluate(Classifier(tiny_bert(), 2), Batches(rows), metric=accuracy)


# Several processes

TOGETHER = """
import json, sys
import torch
from torch import nn
from accelerate import PartialState
from tlbook.training import fit
model = nn.Linear(1, 1, bias=False)
nn.init.zeros_(model.weight)
batches = [{"x": torch.full((1, 1), float(n)), "y": torch.zeros(1, 1)} for n in (1, 2, 3, 4, 5)]
seen = []
def loss_of(model, batch):
    seen.append(batch["x"].item())
    return (model(batch["x"]) - batch["x"]).sum()  # its gradient is x
optimizer = torch.optim.SGD(model.parameters(), 0.1)
history = fit(model, batches, loss_of=loss_of, optimizer=optimizer, epochs=1, clip_norm=None,
              checkpoint=sys.argv[1] + "/run", save_every=1)
told = {"seen": seen, "weight": model.weight.item(), "loss": history[0]["train_loss"]}
rank = PartialState().process_index
open(f"{sys.argv[1]}/{rank}.json", "w").write(json.dumps(told))
PartialState().destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_share_the_batches_and_end_with_the_same_weights(tmp_path):
    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    # accelerate launch starts processes on CPUs through MPI alone; this is what it uses on GPUs
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*launch, "--nproc_per_node", "2", str(script), str(tmp_path)],
        env=os.environ | {"TLBOOK_DEVICE": "cpu"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert (first["seen"], second["seen"]) == ([1.0, 3.0], [2.0, 4.0]), "the fifth is left out"
    # the mean gradients are 1.5 and 3.5
    assert first["weight"] == second["weight"] == pytest.approx(-0.1 * (1.5 + 3.5))
    # w is 0 in the first step, -0.15 in the second: mean of -1, -2, -3 * 1.15, -4 * 1.15
    assert first["loss"] == second["loss"] == pytest.approx(-(1 + 2 + 7 * 1.15) / 4)
    assert (tmp_path / "run").exists()


def test_what_accelerate_was_configured_to_does_not_decide_the_precision(monkeypatch, line):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    AcceleratorState._reset_state(reset_partial_state=True)
    kinds = []

    def loss_of(model, batch):
        kinds.append(model(batch["x"]).dtype)
        return squared_error(model, batch)

    fitted(line, loss_of=loss_of)
    assert set(kinds) == {torch.float32}
