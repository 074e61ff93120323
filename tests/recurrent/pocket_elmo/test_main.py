"""The commands, one after another, make a model with a card; each does its work once."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.recurrent.pocket_elmo.conftest import PLAN, prose
from tlbook.encoders import sources
from tlbook.recurrent.elmo import shipped
from tlbook.recurrent.pocket_elmo import __main__ as command
from tlbook.recurrent.pocket_elmo import card, preparation, run, tagging
from tlbook.recurrent.pocket_elmo.measurement import NAMES
from tlbook.training import curve


@pytest.fixture
def folders(small_mirror, tmp_path, monkeypatch):
    """Return where work goes and where the model goes, with a mirror to read."""
    small_mirror("org/prose", text=prose())
    small_mirror("org/judged", "test", text=[prose()[40].upper()])
    pocket = tmp_path / "pocket"
    pocket.mkdir()
    monkeypatch.setattr(sources, "POCKET", pocket)
    monkeypatch.setattr(command, "MODEL", pocket / "pocket-elmo")
    monkeypatch.setattr(preparation, "SHARE", 0.2)
    plan = replace(PLAN, words=480)
    monkeypatch.setattr(run, "Plan", lambda: plan)
    monkeypatch.setattr(run.Plan, "words", plan.words, raising=False)
    monkeypatch.setattr(curve, "EVERY", 5)
    monkeypatch.setattr(tagging, "EPOCHS", 1)
    monkeypatch.setattr(tagging, "TASKS", [tagging.Task("tagged", "ner_tags", "F1")])
    return tmp_path / "work", pocket / "pocket-elmo"


def call(name, folder, *more):
    return command.main([name, "--folder", str(folder), "--device", "cpu", *more])


def test_the_commands_make_a_model_with_a_card(folders, capsys):
    work, model = folders
    prepare = ["--text", "org/prose=900", "--held-out", "org/judged", "--vocab", "12"]
    assert call("prepare", work, *prepare) == 0
    types = (work / "types.txt").read_text().split("\n")
    assert "red" in types
    assert call("train", work, "--save-every", "7") == 0
    assert pd.read_csv(work / "curve.csv")["step"].tolist() == [5, 10, 15, 20, 24]
    assert call("export", work, "--to", str(model)) == 0
    assert "Not measured yet" in (model / "CARD.md").read_text()
    assert shipped.load().depth == 3, "its checksums are there"
    assert call("measure", work, "--to", str(model)) == 0
    shown = capsys.readouterr().out
    assert shown.count("is prepared") == shown.count("is trained") == 1
    assert "pocket-elmo is written: 0.0 MB" in shown
    assert NAMES["trigram"] in shown
    told = (model / "CARD.md").read_text()
    assert card.figures_of(model / "measured.csv") in told
    shipped.load()
    tag(work, model, capsys)


def tag(work, model, capsys):
    """The last command goes on where it was stopped, and joins the rows of this model alone."""
    assert call("tag", work, "--rows", "20", "--minutes", "-1") == 1
    assert "the same command goes on" in capsys.readouterr().out
    assert call("tag", work, "--rows", "20") == 0
    rows = (model / "tagged.csv").read_bytes()
    told = (model / "CARD.md").read_text()
    assert card.gains_of(model / "tagged.csv") in told
    assert "| tagged | F1 |" in told
    fingerprint = sources.sha256_of(model / "model.safetensors")[:12]
    assert set(pd.read_csv(model / "tagged.csv")["lesson"]) == {f"pocket_elmo-{fingerprint}"}
    shipped.load()
    (work / "tagged" / f"pocket_elmo-{fingerprint}.csv").unlink()
    assert call("tag", work, "--rows", "20", "--minutes", "-1") == 0, "all is there"
    assert (model / "tagged.csv").read_bytes() == rows
    changed = rows.replace(fingerprint.encode(), b"another")
    (model / "tagged.csv").write_bytes(changed)
    assert call("tag", work, "--rows", "20", "--minutes", "-1") == 1, "of another model"


def test_a_sentence_of_a_judged_row_is_not_read(folders):
    work, _ = folders
    call("prepare", work, "--text", "org/prose=900", "--held-out", "org/judged")
    types = (work / "types.txt").read_text().split("\n")
    text = " ".join(types[word] for word in np.load(work / "words.npy"))
    read = [sentence.replace(".", " .") in text for sentence in prose()]
    assert not read[40]
    assert sum(read) > 40


def test_an_unknown_command_is_an_error(capsys):
    with pytest.raises(SystemExit):
        command.main(["dance"])
    assert "invalid choice" in capsys.readouterr().err
