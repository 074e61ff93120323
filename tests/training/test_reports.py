"""A training that is watched is the same training, tells each step, and can be stopped."""

import pytest
import torch
from torch import nn

from tlbook import runtime
from tlbook.training import fit
from tlbook.training.reports import Curve, Stopped, reporting


def squared_error(model, batch):
    return (model(batch["x"]) - batch["y"]).square().mean()


def batches(count=4):
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(count, 3, 1, generator=draw)
    return [{"x": one, "y": 2 * one} for one in x]


def trained(loss_of, *, epochs=3):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    options = {"optimizer": optimizer, "epochs": epochs, "progress": False}
    return model, fit(model, batches(), loss_of=loss_of, **options)


def test_a_curve_keeps_what_it_is_told_and_knows_how_far_it_is():
    curve = Curve()
    assert (curve.step, curve.steps, curve.last("loss")) == (0, 0, None)
    curve(1, 3, loss=0.7)
    curve(2, 3, loss=0.5, accuracy=0.75)
    curve(3, 3)
    assert (curve.step, curve.steps) == (3, 3)
    assert curve.last("loss") == 0.5
    assert curve.last("accuracy") == 0.75
    table = curve.table()
    assert table["step"].tolist() == [1, 2, 3]
    assert table["loss"].tolist()[:2] == [0.7, 0.5]
    assert table["accuracy"].isna().tolist() == [True, False, True]


def test_an_empty_curve_is_an_empty_table_of_numbers():
    table = Curve().table()
    assert list(table.columns) == ["step", "loss", "accuracy"]
    assert len(table) == 0
    assert table["accuracy"].dtype == float


@pytest.mark.parametrize("step", [0, 4])
def test_a_step_beyond_the_run_is_an_error(step):
    with pytest.raises(ValueError, match=rf"step must lie in 1..3, got {step}"):
        Curve()(step, 3)


def test_each_step_of_a_training_is_reported_with_its_loss():
    curve = Curve()
    _, history = trained(reporting(squared_error, curve, steps=12))
    table = curve.table()
    assert table["step"].tolist() == list(range(1, 13))
    for place, record in enumerate(history):
        mean = table["loss"][4 * place : 4 * place + 4].mean()
        assert mean == pytest.approx(record["train_loss"])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_watched_and_scored_training_is_the_same_training(precision, monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", precision)

    def score(model):
        model.eval()
        with torch.inference_mode(), runtime.autocast():
            return float(model(torch.ones(1, 1)) > 1)

    plain, _ = trained(squared_error)
    told = reporting(squared_error, Curve(), steps=12, score=score, every=1)
    watched, _ = trained(told)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_score_is_taken_now_and_then_and_at_the_end():
    curve, asked = Curve(), iter(range(10))
    trained(reporting(squared_error, curve, 12, score=lambda model: next(asked) / 10, every=5))
    scored = curve.table().dropna()
    assert scored["step"].tolist() == [5, 10, 12]
    assert scored["accuracy"].tolist() == [0.0, 0.1, 0.2]


def test_a_score_leaves_each_module_in_its_mode():
    model = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
    model.train()
    model[1].eval()  # frozen parts may stand in evaluation mode in the middle of a training
    told = reporting(squared_error, Curve(), 1, score=lambda m: float(m.train().training), every=1)
    told(model, batches(1)[0])
    assert [module.training for module in model.modules()] == [True, True, False]


def test_what_a_report_raises_ends_the_training_at_that_step():
    told = Curve()

    def report(step, steps, **numbers):
        told(step, steps, **numbers)
        if step == 5:
            raise Stopped("enough")

    with pytest.raises(Stopped, match="enough"):
        trained(reporting(squared_error, report, steps=12))
    assert told.step == 5


def test_no_except_exception_holds_a_stop_up():
    def careless():
        try:
            raise Stopped
        except Exception:
            return "held up"

    with pytest.raises(Stopped):
        careless()


@pytest.mark.parametrize(("steps", "every"), [(0, 1), (1, 0)])
def test_steps_below_one_are_an_error(steps, every):
    with pytest.raises(ValueError, match=f"1 or more, got {steps} and {every}"):
        reporting(squared_error, Curve(), steps, every=every)
