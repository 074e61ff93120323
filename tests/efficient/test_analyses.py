"""What is said of trained adapters is what they do."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

from tests.tiny_models import tiny_bert, tiny_rows, tiny_tokenizer
from tlbook import encoders
from tlbook.batches import Batches
from tlbook.efficient import adaptation, adapters, analyses, comparison
from tlbook.heads import Classifier, states_of


@pytest.fixture
def batch():
    return Batches(tiny_rows(5), 5).collated(range(5))


def loud(seed=0, **options):
    """Return a classifier of three layers with adapters that change a lot."""
    model = Classifier(tiny_bert(num_hidden_layers=3), 2)
    adapters.add(model, bottleneck=2, scale=1.0, seed=seed, **options)
    return model.eval()


def test_every_span_of_layers_is_left_out_once_and_nothing_stays_off(batch):
    model, seen = loud(name="task"), []

    def score(scored):
        with torch.no_grad():
            states = states_of(scored.encoder, batch)
        seen.append(states)
        return states[0, 0, 0].item()

    before = score(model)
    seen.clear()
    change = analyses.left_out(model, "task", score, whole=before)
    assert len(seen) == 6, "once for each span"
    assert np.isnan(change[np.tril_indices(3, -1)]).all()
    with adapters.without_layers(model, "task", [0, 1]):
        assert change[0, 1] == pytest.approx(100 * (score(model) - before))
    assert score(model) == before


def test_leaving_all_out_is_not_the_base_model_because_trained_norms_stay(batch):
    model, seen = loud(name="task"), []
    model.encoder.encoder.layer[2].output.LayerNorm.bias.data += 1.0

    def score(scored):
        seen.append(states_of(scored.encoder, batch))
        return 0.0

    analyses.left_out(model, "task", score, whole=0.0)
    adapters.activate(model, None)
    base = states_of(model.encoder, batch)
    everything_off = seen[2]  # layers 1, 1 to 2, 1 to 3
    torch.testing.assert_close(everything_off, base + 1.0)


def test_a_wider_start_moves_the_states_further_and_the_encoder_stays_as_it_was(batch):
    encoder = tiny_bert()
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    narrow, wide = (
        analyses.displacement(encoder, batch, bottleneck=2, scale=scale) for scale in (1e-3, 0.5)
    )
    assert 0 < narrow < 1e-3 < wide
    assert adapters.names(encoder) == []
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_starts_are_compared_by_displacement_and_accuracy(monkeypatch):
    task = adaptation.Task({"train": tiny_rows(12), "test": tiny_rows(9)}, ("no", "yes"))
    monkeypatch.setattr(adaptation, "task", lambda encoder, dataset: task)
    monkeypatch.setattr(encoders, "load", lambda name: (tiny_tokenizer(), tiny_bert()))
    monkeypatch.setattr(adaptation, "STEPS", 2)
    adaptation.pretrained.cache_clear()
    told, solve = [], adaptation.solve
    monkeypatch.setattr(
        adaptation,
        "solve",
        lambda *a, **knobs: told.append(knobs.get("steps")) or solve(*a, **knobs),
    )
    table = analyses.start_scales(
        "tiny", "films", [1e-3, 0.5], seed=0, learning_rate=1e-3, bottleneck=2, steps=1
    )
    assert [steps for steps in told if steps] == [1, 1], "of every run but that of the first head"
    adaptation.pretrained.cache_clear()
    assert table.index.tolist() == [1e-3, 0.5]
    assert table["moved"].is_monotonic_increasing
    assert table["accuracy"].between(0, 1).all()


def test_a_task_more_adds_a_file_to_one_trunk_and_a_model_to_the_copies():
    first = loud(name="one")
    other = Classifier(first.encoder, 3)
    adapters.add(other, bottleneck=4, name="two")
    table = analyses.disk({"one": first, "two": other}, counts=(1, 2, 3))
    weights = sum(weight.numel() for weight in tiny_bert(num_hidden_layers=3).parameters())
    assert table["copies"].tolist() == pytest.approx([n * weights * 4 / 2**20 for n in (1, 2, 3)])
    steps = table["one trunk"].diff().dropna()
    assert steps.tolist() == pytest.approx([steps.iloc[0]] * 2)
    trunk = table["one trunk"].iloc[0] - steps.iloc[0]
    assert trunk == pytest.approx(weights * 4 / 2**20)


def test_a_method_is_validated_at_its_best_rate_and_only_if_tuned_on_all_sets():
    tried = [("adapters 2", "a", 1e-3, 0.5), ("adapters 2", "b", 1e-3, 0.7)]
    tried += [("adapters 2", "a", 1e-2, 0.9), ("adapters 2", "b", 1e-2, 0.1)]
    tried += [("adapters 8", "a", 1e-3, 0.7), ("adapters 8", "b", 1e-3, 0.7)]
    tried += [("head only", "a", 1e-3, 1.0)]
    rows = pd.DataFrame(tried, columns=["method", "dataset", "metric", "value"])
    rows["metric"] = rows["metric"].map(comparison.TUNED.format)
    rows.loc[len(rows)] = ["adapters 2", "a", "accuracy", 1.0]
    found = analyses.validated(rows, ["a", "b"])
    assert found.index.tolist() == ["adapters 8", "adapters 2"]
    assert found.tolist() == pytest.approx([0.7, 0.6])


def test_the_method_that_validation_prefers_is_reported_with_its_test():
    """By test the narrow adapters would be best, by validation the wide ones are."""
    suite = comparison.Suite("tiny", ("a", "b"), seeds=(0, 1))
    scores = {"fine-tuning": (0.9, 0.9), "adapters 2": (0.5, 0.88), "adapters 8": (0.7, 0.85)}
    scores["adapters, by hand 8"] = (0.8, None)  # not scored on test
    rows = [
        {
            "method": method,
            "dataset": dataset,
            "seed": seed,
            "metric": metric,
            "value": value,
            "trained_weights": 100 if method == "fine-tuning" else 10,
            "seconds": 1.0,
        }
        for method, (validation, test) in scores.items()
        for dataset in suite.sets
        for metric, seeds, value in (
            (comparison.TUNED.format(0.1), (100,), validation),
            ("accuracy", suite.seeds, test),
        )
        for seed in seeds
        if value is not None
    ]
    found = analyses.preferred(pd.DataFrame(rows), {"both": suite}, "adapters")
    assert found.loc["both", "method"] == "adapters 8"
    assert found.loc["both", "behind"] == pytest.approx(5)
    assert found.loc["both", "share"] == pytest.approx(0.1)
    with pytest.raises(ValueError, match="no LoRA are measured in the suite 'both'"):
        analyses.preferred(pd.DataFrame(rows), {"both": suite}, "LoRA")


def test_answers_are_classes_in_the_order_of_the_rows(monkeypatch):
    task = adaptation.Task({"test": tiny_rows(9)}, ("no", "yes"))
    monkeypatch.setattr(adaptation, "task", lambda encoder, dataset: task)
    model = loud(name="task")
    found, accuracy = analyses.answers(model, "tiny", "films")
    for row, answer in zip(task.rows["test"], found, strict=True):
        with torch.no_grad():
            logits = model(**Batches([row], 1).collated([0]))
        assert logits.argmax().item() == answer
    assert accuracy == adaptation.score(model, "tiny", "films")


def test_a_trunk_is_unmoved_until_one_of_its_own_weights_changes():
    base, model = tiny_bert(num_hidden_layers=3), loud(name="task")
    model.encoder.load_state_dict(base.state_dict(), strict=False)
    adapters.activate(model, None)
    assert analyses.unmoved(model.encoder, base)
    model.encoder.encoder.layer[1].output.dense.weight.data[0, 0] += 1e-6
    assert not analyses.unmoved(model.encoder, base)


def test_the_quickest_epoch_counts_and_only_what_is_trained_moves():
    model = loud(name="task")
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    batches = Batches([row | {"labels": row["labels"] % 2} for row in tiny_rows(5)], 2)
    assert 0 < analyses.epoch_seconds(model, batches, learning_rate=1e-2, epochs=2) < 60
    assert batches.epoch == 2
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]) != weight.requires_grad, name


def test_published_figures_are_points_below_full_fine_tuning_by_share():
    table = analyses.PUBLISHED.set_index(["trained", "sets"])["points"]
    assert table["adapters, best size each", "GLUE"] == pytest.approx(-0.4)
    assert table["top layers, best number each", "17 more"] == pytest.approx(0.3)
    assert analyses.PUBLISHED["share"].between(0, 100).all()


def test_points_are_taken_from_fine_tuning_with_the_same_seed():
    rows = pd.DataFrame(
        [
            (method, dataset, seed, "accuracy", value + seed / 10, weights, 1.0)
            for method, value, weights in (("fine-tuning", 0.8, 1000), ("adapters 8", 0.7, 50))
            for dataset in "ab"
            for seed in (0, 1)
        ],
        columns=[*("method", "dataset", "seed", "metric", "value", "trained_weights", "seconds")],
    )
    points = analyses.by_share(rows, ["a", "b"]).set_index("method")
    assert points.loc["adapters 8", "value"].tolist() == pytest.approx([-10, -10])
    assert points.loc["fine-tuning", "value"].tolist() == [0, 0]
    assert points.loc["adapters 8", "share"].tolist() == pytest.approx([5, 5])


def test_works_are_timed_in_turn_and_the_best_counts():
    calls = []

    def slow():
        calls.append("slow")
        time.sleep(0.02)

    quick, waited = analyses.fastest(lambda: calls.append("quick"), slow, repeats=2)
    assert calls == ["quick", "slow"] * 2
    assert quick < 20 <= waited
