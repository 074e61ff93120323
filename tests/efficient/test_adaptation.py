"""One run: the encoder is copied, only what the method trains moves, rows are bounded."""

import datasets
import pytest
import torch

from tests.tiny_models import tiny_bert, tiny_tokenizer
from tlbook import encoders
from tlbook.efficient import adaptation
from tlbook.efficient.adaptation import Method
from tlbook.freezing import freeze, unfreeze
from tlbook.heads import Classifier
from tlbook.training.reports import Curve

GOOD, BAD = "the good film .", "the bad film in paris ."


def frozen(model, seed):
    freeze(model.encoder)


def everything(model, seed):
    unfreeze(model)


@pytest.fixture
def films(tmp_path, monkeypatch):
    """A set of two words that decide, on a tiny encoder; returns a function that writes a split."""

    def write(split, count, name="org/films"):
        file = tmp_path / name / f"{split}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = {"text": [GOOD, BAD] * (count // 2), "label": [1, 0] * (count // 2)}
        features = datasets.Features(
            {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
        )
        datasets.Dataset.from_dict(rows, features=features).to_parquet(file)

    monkeypatch.setenv("TLBOOK_MIRROR", str(tmp_path))
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")
    monkeypatch.setattr(encoders, "load", lambda name: (tiny_tokenizer(), tiny_bert()))
    monkeypatch.setattr(adaptation, "STEPS", 30)
    for split, count in (("train", 12), ("validation", 4), ("test", 6)):
        write(split, count)
    kept = (adaptation.pretrained, adaptation.task, adaptation.vectors, adaptation.first_head)
    for function in kept:
        function.cache_clear()
    yield write
    for function in kept:
        function.cache_clear()


def solve(method, **options):
    options = {"seed": 0, "learning_rate": 0.01} | options
    return adaptation.solve("tiny", "org/films", method, **options)


def test_a_task_has_its_three_splits_and_its_classes(films):
    task = adaptation.task("tiny", "org/films")
    assert {split: len(rows) for split, rows in task.rows.items()} == {
        "train": 12,
        "validation": 4,
        "test": 6,
    }
    assert task.names == ("no", "yes")


def test_no_split_has_more_rows_than_are_granted_and_they_are_always_the_same(films, monkeypatch):
    monkeypatch.setattr(adaptation, "MOST", {"train": 5, "validation": 3, "test": 2})
    first = adaptation.task("tiny", "org/films").rows
    assert [len(rows) for rows in first.values()] == [5, 3, 2]
    adaptation.task.cache_clear()
    assert adaptation.task("tiny", "org/films").rows == first


@pytest.mark.parametrize("there", [("train",), ("train", "test")])
def test_what_a_set_lacks_is_lent_by_training_rows_that_are_not_trained_on(
    there, films, monkeypatch
):
    for split in there:
        films(split, 20, name="org/two")
    monkeypatch.setattr(adaptation, "MOST", {"train": 6, "validation": 4, "test": 4})
    rows = adaptation.task("tiny", "org/two").rows
    assert {split: len(part) for split, part in rows.items()} == adaptation.MOST
    adaptation.task.cache_clear()
    monkeypatch.setattr(adaptation, "MOST", {"train": 100, "validation": 100, "test": 4})
    rows = adaptation.task("tiny", "org/two").rows
    lent = sum(len(rows[split]) for split in rows if split not in there)
    assert len(rows["train"]) + lent == 20


def test_a_solved_task_is_solved_and_the_pretrained_encoder_stays_as_it_was(films):
    before = {k: x.clone() for k, x in adaptation.pretrained("tiny")[1].state_dict().items()}
    model, seconds = solve(Method(everything, (0.01,)))
    assert adaptation.score(model, "tiny", "org/films") == 1.0
    assert seconds > 0
    after = adaptation.pretrained("tiny")[1].state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    moved = model.encoder.state_dict()
    assert not all(torch.equal(before[key], moved[key]) for key in before)


def test_with_stored_vectors_the_head_is_trained_as_on_the_encoder_itself(films, monkeypatch):
    stored, _ = solve(adaptation.HEAD)
    monkeypatch.setattr(adaptation, "first_head", lambda *_: untrained(seed=0))
    through, _ = solve(Method(frozen, (0.01,)))
    assert isinstance(stored, Classifier)
    torch.testing.assert_close(stored.head.weight, through.head.weight, rtol=1e-3, atol=1e-4)
    before = adaptation.pretrained("tiny")[1].state_dict()
    assert all(
        torch.equal(before[key], value) for key, value in stored.encoder.state_dict().items()
    )


def untrained(seed):
    """The head that a classifier is made with."""
    encoder = tiny_bert()
    torch.manual_seed(seed)
    return Classifier(encoder, 2).head.state_dict()


def test_all_methods_begin_with_the_head_that_frozen_vectors_taught(films, monkeypatch):
    begun = []

    def note(model, seed):
        begun.append({key: x.clone() for key, x in model.head.state_dict().items()})

    solve(Method(note, (0.01,)), seed=5)
    solve(adaptation.Method(lambda model, seed: note(model, seed), (0.02,)), seed=5)
    taught, _ = solve(adaptation.HEAD, seed=5, learning_rate=adaptation.HEAD_RATE)
    for head in begun:
        assert torch.equal(head["weight"], taught.head.weight)
        assert torch.equal(head["bias"], taught.head.bias)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(films):
    method = Method(frozen, (0.01,), stored=True)
    one, same, other = (solve(method, seed=seed)[0].head.weight for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_an_encoder_that_was_trained_can_be_trained_on_in_place(films):
    first, _ = solve(Method(everything, (0.01,)))
    before = first.encoder.embeddings.word_embeddings.weight.clone()
    second, _ = solve(Method(everything, (0.01,)), start=first.encoder)
    assert second.encoder is first.encoder
    assert not torch.equal(before, first.encoder.embeddings.word_embeddings.weight)


def test_a_run_tells_accuracy_weights_that_moved_and_seconds(films):
    outcome = adaptation.run(
        "tiny",
        "org/films",
        Method(frozen, (0.01,), stored=True),
        "validation",
        seed=0,
        learning_rate=0.01,
    )
    assert 0 <= outcome.value <= 1
    assert outcome.trained_weights == 2 * 8 + 2
    assert outcome.seconds > 0


def test_about_as_many_steps_are_taken_whatever_the_size_of_the_set(films, monkeypatch):
    taken = []
    monkeypatch.setattr(
        adaptation.recipe,
        "train",
        lambda model, batches, *, epochs, **_: taken.append(epochs) or [],
    )
    monkeypatch.setattr(adaptation, "BATCH", 4)  # three batches
    for steps, epochs in ((30, 10), (7, 2), (8, 3), (1, 1)):
        monkeypatch.setattr(adaptation, "STEPS", steps)
        solve(Method(everything, (0.01,)))
        assert taken[-1] == epochs
        monkeypatch.setattr(adaptation, "STEPS", 30)
        solve(Method(everything, (0.01,)), steps=steps)
        assert taken[-1] == epochs


@pytest.mark.parametrize("steps", [0, -1])
def test_a_training_without_a_step_is_an_error(films, steps):
    with pytest.raises(ValueError, match=f"steps must be 1 or more, got {steps}"):
        solve(Method(everything, (0.01,)), steps=steps)


def test_a_shorter_training_begins_with_the_same_head_as_a_longer_one(films):
    begun = []

    def note(model, seed):
        begun.append(model.head.weight.clone())

    for steps in (1, 30):
        adaptation.first_head.cache_clear()
        solve(Method(note, (0.01,)), steps=steps)
    assert torch.equal(*begun)


def test_a_training_that_is_watched_ends_as_one_that_is_not(films, monkeypatch):
    monkeypatch.setattr(adaptation, "WATCHED", 4)
    curve, method = Curve(), Method(everything, (0.01,))
    plain, watched = solve(method)[0], solve(method, report=curve)[0]
    before, after = plain.state_dict(), watched.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert curve.step == curve.steps == 30  # one batch in each of 30 epochs
    told = curve.table().set_index("step")["accuracy"].dropna()
    assert told.index.tolist() == [4, 8, 12, 16, 20, 24, 28, 30]
    assert told.between(0, 1).all()


def test_what_is_watched_is_the_accuracy_on_validation_rows(films, monkeypatch):
    asked = []
    monkeypatch.setattr(
        adaptation, "score", lambda model, *, split, **_: asked.append(split) or 0.25
    )
    curve = Curve()
    solve(Method(everything, (0.01,)), steps=2, report=curve)
    assert asked == ["validation"]
    assert curve.last("accuracy") == 0.25


def test_on_stored_vectors_only_the_loss_is_told(films):
    curve = Curve()
    solve(adaptation.HEAD, report=curve)
    assert curve.steps == 30
    assert curve.table()["loss"].notna().all()
    assert curve.table()["accuracy"].isna().all()


def test_a_task_can_be_repeated_and_described(films):
    method = Method(frozen, (0.01,), stored=True)
    models, rows = adaptation.repeat("tiny", "org/films", method, seeds=(0, 1), learning_rate=0.01)
    assert len(models) == len(rows) == 2
    assert rows["seed"].tolist() == [0, 1]
    assert rows["labels"].tolist() == [12, 12]
    assert rows["value"][0] == adaptation.score(models[0], "tiny", "org/films")
    described = adaptation.task("tiny", "org/films").described(tiny_tokenizer())
    assert (described["classes"], described["train"], described["test"]) == (2, 12, 6)
    assert described["its label"] == ("yes" if "good" in described["a text"] else "no")
