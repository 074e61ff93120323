"""What the card promises: its numbers are those of the files beside it, also in the shipped one."""

import json
import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from tests.transformer.pocket_bert.conftest import SHORT
from tests.transformer.pocket_bert.test_bars import rows  # noqa: F401 -- a fixture
from tlbook.encoders import sources
from tlbook.training import curve
from tlbook.transformer.pocket_bert import bars, card, export, measurement, run

SHIPPED = sources.POCKET / "pocket-bert"


@pytest.fixture
def model(prepared, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(curve, "EVERY", 2)
    run.run(prepared, teacher, SHORT, progress=False)
    return export.export(prepared, tmp_path / "tiny-bert")


def test_training_is_told_as_it_was(model):
    told = json.loads((model / "training.json").read_text())
    text = (model / "CARD.md").read_text()
    whole = sum(told["text"]["tokens"]) + 2 * told["text"]["chunks"]  # [CLS] and [SEP]
    seen = told["run"]["tokens"]
    assert f"| tokens seen | {seen:,}: {seen / whole:.2f} passes over the text below |" in text
    assert f"| batches | {told['run']['steps']}, each of about 90 tokens" in text
    assert f"at most {told['run']['seconds'] / 3600 * told['run']['threads']:.2f} core h" in text
    assert "| org/prose | invented |" in text
    assert f"| {told['text']['tokens'][0]:,} |" in text
    last = pd.read_csv(model / "curve.csv").iloc[-1]
    assert f"| {last['tokens']:,.0f} | {last['token']:.3f} |" in text


def test_the_teacher_is_credited_with_its_licence(model):
    text = (model / "CARD.md").read_text()
    assert f"base_model: {sources.MINILM}" in text
    assert "Apache License 2.0" in text
    assert "sentence-transformers" in text
    assert "Microsoft" in text


def test_without_figures_it_says_how_to_get_them(model):
    assert f"Not measured yet: `{card.COMMAND} measure`." in (model / "CARD.md").read_text()


def test_figures_are_computed_from_the_rows(model, rows):  # noqa: F811
    named = rows.assign(versions="torch 9", device="cpu", lesson="pocket_bert")
    named.to_csv(model / "measured.csv", index=False)
    card.write(model)
    text = (model / "CARD.md").read_text()
    expected = rows[(rows["method"] == "features") & (rows["labels"] == 100)]
    expected = expected[expected["dataset"] == measurement.OURS]["value"]
    spread = np.sqrt(np.sum((expected - expected.mean()) ** 2))  # of two runs
    assert f"| reviews | 100 | features | {expected.mean():.3f} | {spread:.3f} | 2 |" in text
    assert "lead over scratch | 0.1 | 0.250 | reached |" in text
    assert "lead over tfidf | 0.02 | 0.010 | missed |" in text
    assert "(torch 9; cpu)" in text


def test_a_card_has_no_gaps(model):
    assert not re.search(r"\{\w*\}|nan", (model / "CARD.md").read_text())


needs_card = pytest.mark.skipif(
    not (SHIPPED / "measured.csv").exists(), reason="pocket-bert is not measured yet"
)


@needs_card
def test_the_shipped_card_is_what_the_shipped_rows_give():
    assert (SHIPPED / "CARD.md").read_text() == card.render(SHIPPED)


@needs_card
def test_the_shipped_figures_were_measured_on_the_shipped_weights():
    lessons = set(pd.read_csv(SHIPPED / "measured.csv")["lesson"])
    fingerprint = sources.sha256_of(SHIPPED / "model.safetensors")[:12]
    assert lessons == {measurement.LESSON, f"{measurement.LESSON}-{fingerprint}"}


@needs_card
def test_the_shipped_model_reaches_what_was_asked_for_but_for_one_lead():
    asked = bars.bars(pd.read_csv(SHIPPED / "measured.csv"))
    missed = {bar.promise for bar in asked if bar.binding and not bar.met}
    # With all labels the same architecture from scratch comes within 5 points.
    assert missed == {f"{measurement.OURS}, all labels: lead over scratch"}


@needs_card
def test_the_commands_of_the_card_make_this_very_run():
    told = json.loads((SHIPPED / "training.json").read_text(encoding="utf-8"))
    assert told["plan"] == json.loads(json.dumps(asdict(run.Plan())))
