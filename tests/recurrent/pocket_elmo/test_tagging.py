"""Both sides of the comparison get the same rows, the same tuning and the same test."""

import pandas as pd
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value

from tlbook import corpora
from tlbook.encoders import sources
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.pocket_elmo import tagging
from tlbook.recurrent.pocket_elmo.tagging import GRID, METHODS, SEEDS, TUNING_SEED, Tagging, Task
from tlbook.training.ledger import KEY, Ledger, Outcome, TimeIsUp

SETTINGS = {"learning_rate": 0.01, "dropout": 0.3}
TASKS = [Task("tagged", "ner_tags", "F1"), Task("tagged", "upos", "accuracy")]
SHIPPED = sources.POCKET / "pocket-elmo"


@pytest.fixture
def bilm():
    torch.manual_seed(0)
    return BiLM(Settings(filters=((1, 4),), projection=3, cell=4)).eval()


@pytest.fixture
def added():
    return []


@pytest.fixture
def ledger(added):
    nothing = pd.DataFrame(columns=[*KEY, "value"])
    return Ledger(nothing, lambda **row: added.append(row))


def pairs(static, elmo, **more):
    sides = (("static", static), ("elmo", elmo))
    rows = [
        {"dataset": "names", "labels": 9, "metric": "F1", "method": name, "seed": n, "value": value}
        for name, values in sides
        for n, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(**more)


def test_sentences_are_drawn_with_their_tags_and_each_seed_draws_others():
    part = [[str(n)] for n in range(50)], [[n] for n in range(50)]
    sentences, tags = tagging.drawn(part, 9, seed=3)
    assert [int(word) for (word,) in sentences] == [tag for (tag,) in tags]
    assert tagging.drawn(part, 9, seed=3) == (sentences, tags) != tagging.drawn(part, 9, seed=4)
    assert sorted(tagging.drawn(part, 99, seed=3)[1]) == part[1]


def test_a_contraction_that_stands_there_taken_apart_as_well_is_left_out():
    names = ClassLabel(names=["AUX", "_", "PART"])
    rows = {"tokens": [["don't", "do", "n't"], ["Don't"]], "upos": [[1, 0, 2], [1]]}
    kinds = Features({"tokens": List(Value("string")), "upos": List(names)})
    part = Dataset.from_dict(rows, features=kinds)
    assert tagging.words_and_tags(part, "upos") == ([["do", "n't"]], [[0, 2]])


def test_both_sides_train_on_the_same_rows_and_one_of_them_reads_layers(bilm, monkeypatch):
    given = []
    monkeypatch.setattr(
        tagging, "train", lambda model, batches, **_: given.append((model, batches))
    )
    ready = Tagging(TASKS[0], bilm, rows=20)
    for method in METHODS:
        ready.run(method, "test", 1, **SETTINGS)
    (static, without), (elmo, layered) = given
    assert without.rows == layered.rows
    assert len(without.rows) == 20
    assert without.layers is None
    expected = bilm.embed([row["words"] for row in layered.rows])
    for found, layers in zip(layered.layers, expected, strict=True):
        torch.testing.assert_close(torch.tensor(found), torch.tensor(layers))
    widths = [model.reader.lstm.input_size for model in (static, elmo)]
    assert widths[1] - widths[0] == bilm.width
    assert static.reader.dropout.p == elmo.reader.dropout.p == elmo.reader.elmo.dropout.p == 0.3


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_run_scores_the_whole_split_and_comes_out_the_same_again(task, method, bilm, monkeypatch):
    monkeypatch.setattr(tagging, "EPOCHS", 1)
    ready = Tagging(task, bilm, rows=20)
    gold, score = [], ready.score
    monkeypatch.setattr(
        ready, "score", lambda logits, tags: gold.append(tags) or score(logits, tags)
    )
    first, second = (ready.run(method, "test", 1, **SETTINGS) for _ in range(2))
    assert first.value == second.value
    assert 0 <= first.value < 1
    assert gold[0] == corpora.load("tagged")["test"][task.tags][:]


def test_evaluated_splits_are_embedded_once_and_only_the_last_training_rows_are_kept(
    bilm, monkeypatch
):
    ready, counted = Tagging(TASKS[0], bilm, rows=5), []
    embed = bilm.embed
    monkeypatch.setattr(bilm, "embed", lambda given: counted.append(len(given)) or embed(given))
    for name, size in (("test", 3), ("train 0", 4), ("train 1", 5), ("test", 3), ("train 1", 5)):
        assert len(ready.layers(name, [["a"]] * size)) == size
    assert counted == [3, 4, 5]
    assert set(ready.embedded) == {"test", "train 1"}


def scored(self, method, split, seed, *, learning_rate, dropout):
    """Make the last setting best on the validation split, and the first one on the test split."""
    place = GRID.index({"learning_rate": learning_rate, "dropout": dropout})
    value = place / 10 if split == "validation" else 0.9 - place / 10 + seed / 1000
    return Outcome(value, 7, 0.1)


def test_each_side_is_tuned_on_the_validation_split_alone(bilm, ledger, added, monkeypatch):
    monkeypatch.setattr(Tagging, "run", scored)
    told = []
    tagging.measure(ledger, bilm, rows=20, tasks=TASKS[:1], tell=told.append)
    rows = pd.DataFrame(added)
    assert set(rows["labels"]) == {20}
    for method in METHODS:
        runs = rows[rows["method"] == method]
        assert runs["seed"].tolist() == [TUNING_SEED] * len(GRID) + list(SEEDS)
        reported = runs[runs["metric"] == "F1"]["value"]
        assert reported.tolist() == [0.9 - (len(GRID) - 1) / 10 + s / 1000 for s in SEEDS]
    assert [line.split(" on ")[0] for line in told] == list(METHODS)


def test_what_is_measured_is_not_measured_again(bilm, ledger, added, monkeypatch):
    monkeypatch.setattr(Tagging, "run", scored)
    for _ in range(2):
        tagging.measure(ledger, bilm, rows=20, tasks=TASKS[:1], tell=lambda line: None)
    assert len(added) == len(METHODS) * (len(GRID) + len(SEEDS))
    late = Ledger(pd.DataFrame(added), lambda **row: added.append(row), minutes=-1)
    tagging.measure(late, bilm, rows=20, tasks=TASKS[:1], tell=lambda line: None)
    with pytest.raises(TimeIsUp):
        tagging.measure(late, bilm, rows=21, tasks=TASKS[:1])


def test_a_set_that_cannot_be_had_is_skipped_with_the_reason(bilm, ledger, added, monkeypatch):
    monkeypatch.delenv("TLBOOK_MIRROR", raising=False)
    told = []
    lost = [Task("eriktks/conll2003", "ner_tags", "F1"), Task("wikigold", "ner_tags", "F1")]
    tagging.measure(ledger, bilm, tasks=lost, tell=told.append)
    assert [line.split(":")[0] for line in told] == [f"{t.dataset} is skipped" for t in lost]
    assert not added


def test_a_gain_is_the_mean_over_pairs_and_stands_beside_its_standard_error():
    (row,) = tagging.gains(pairs([0.5, 0.6, 0.7], [0.6, 0.8, 1.0])).to_dict("records")
    assert row["gain"] == pytest.approx(0.2)  # of 0.1, 0.2 and 0.3
    assert row["error"] == pytest.approx(0.1 / 3**0.5)
    assert row["clear"]
    assert (row["static"], row["static_spread"]) == pytest.approx((0.6, 0.1))
    assert (row["elmo"], row["elmo_spread"]) == pytest.approx((0.8, 0.2))


@pytest.mark.parametrize("elmo", [[0.4, 0.5, 0.6], [0.5, 0.6, 0.76], [0.5, 0.6, 0.7]])
def test_a_loss_a_gain_within_twice_its_error_and_none_at_all_are_not_clear(elmo):
    assert not tagging.gains(pairs([0.5, 0.6, 0.7], elmo))["clear"].any()


def test_tuning_runs_and_runs_without_a_partner_do_not_count():
    whole = pairs([0.5, 0.6], [0.7, 0.9])
    more = [
        pairs([0.1, 0.2], [0.3, 0.5], metric=tagging.TUNED.format(**SETTINGS)),
        whole.iloc[:1].assign(seed=7, value=0.0),
        pairs([0.5, 0.6], [], dataset="kinds"),
    ]
    both = tagging.gains(pd.concat([whole, *more]))
    pd.testing.assert_frame_equal(both, tagging.gains(whole))


@pytest.mark.skipif(not (SHIPPED / "tagged.csv").exists(), reason="not measured yet")
def test_the_shipped_model_helps_beyond_twice_the_error_on_two_sets_at_least():
    rows = pd.read_csv(SHIPPED / "tagged.csv")
    fingerprint = sources.sha256_of(SHIPPED / "model.safetensors")[:12]
    assert set(rows["lesson"]) == {f"{tagging.LESSON}-{fingerprint}"}
    gained = tagging.gains(rows)
    assert set(gained["dataset"]) == {task.dataset for task in tagging.TASKS}
    assert gained["clear"].sum() >= 2
