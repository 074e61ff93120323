"""What the commands promise: one after the other they make, ship and measure a model."""

import dataclasses

import pytest

from tests.tiny_models import tiny_bert, tiny_tokenizer
from tests.transformer.pocket_bert.conftest import sentences
from tlbook import encoders
from tlbook.training import commands as shared
from tlbook.training.ledger import Outcome
from tlbook.transformer.pocket_bert import __main__ as commands
from tlbook.transformer.pocket_bert import measurement, methods
from tlbook.transformer.pocket_bert.methods import Task


@pytest.fixture
def call(small_mirror, tmp_path, monkeypatch):
    """Return the commands, with a tiny teacher and two short methods on one set."""
    small_mirror("org/prose", text=[" ".join(sentences(6, seed=s)) for s in range(20)])
    for split in ("train", "validation", "test"):
        small_mirror("org/films", split, text=["good", "bad"], label=[1, 0])
    tiny_tokenizer().backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setattr(commands.sources, "find", lambda name: tmp_path)
    monkeypatch.setattr(
        encoders,
        "load",
        lambda name: (tiny_tokenizer(), tiny_bert(num_hidden_layers=6, intermediate_size=1152)),
    )
    monkeypatch.setattr(shared, "CORPORA", ("posts",))  # all of them take seconds
    monkeypatch.setattr(commands, "MODEL", tmp_path / "model")
    monkeypatch.setattr(measurement, "TASKS", (Task("org/films", 2),))
    options = measurement.product(strength=(1, 2))

    def run(task, split, seed, *, strength):
        return Outcome(strength / 4, 1, 0.1)

    method = measurement.Method(run, options, options, tasks=("org/films",))
    trained = dataclasses.replace(method, trained=True)
    monkeypatch.setattr(measurement, "METHODS", {"tfidf": method, "features": trained})
    monkeypatch.setattr(commands.measurement, "measure_speed", lambda ledger: None)

    def called(*given):
        return commands.main([given[0], "--folder", str(tmp_path / "work"), *given[1:]])

    yield called
    methods.corpus.cache_clear()


def test_the_four_commands_make_a_measured_model(call, tmp_path, capsys):
    assert call("prepare", "--text", "org/prose=5000", "--size", "20") == 0
    assert call("train", "--tokens", "3000") == 0
    assert call("export", "--to", str(tmp_path / "model")) == 0
    assert call("measure", "--minutes", "0") == 1
    assert "the same command goes on" in capsys.readouterr().out
    assert call("measure", "--methods", "tfidf") == 0
    assert not (tmp_path / "model" / "measured.csv").exists(), "a part is no card"
    assert call("measure") == 0
    assert "| org/films" not in (tmp_path / "model" / "CARD.md").read_text()
    text = (tmp_path / "model" / "measured.csv").read_text()
    assert text.count("pocket_bert,tfidf") == text.count(",features,") == 2 * 2 + 5


def test_an_unknown_method_is_refused(call):
    with pytest.raises(SystemExit):
        call("measure", "--methods", "magic")
