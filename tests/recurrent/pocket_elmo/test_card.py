"""The card tells what its files hold, and nothing that was typed."""

import json
import re
from dataclasses import asdict

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from tests.recurrent.pocket_elmo.conftest import PLAN, SOURCES
from tlbook.encoders import sources
from tlbook.recurrent.pocket_elmo import card, run
from tlbook.recurrent.pocket_elmo.measurement import NAMES

SHIPPED = sources.POCKET / "pocket-elmo"


@pytest.fixture
def folder(tmp_path):
    told = {
        "plan": asdict(PLAN),
        "run": {
            "steps": 24,
            "words": 480,
            "seconds": 7200.0,
            "device": "cpu",
            "threads": 2,
            "versions": "torch 9",
        },
        "text": {
            "settings": {"sources": SOURCES, "sets": ["a", "b"], "vocab": 12, "held_out": 0.05},
            "types": 14,
            "words": 200,
            "sentences": 40,
            "known": 0.96,
            "held_out_words": 33,
            "held_out_known": 0.9,
        },
    }
    (tmp_path / "training.json").write_text(json.dumps(told))
    save_file({"one": torch.zeros(1000, 3)}, tmp_path / "model.safetensors")
    curve = {"step": [1, 2], "tokens": [20, 40], "forward": [3.0, 2.0], "backward": [3.5, 2.5]}
    pd.DataFrame(curve).to_csv(tmp_path / "curve.csv", index=False)
    return tmp_path


def test_it_tells_sizes_run_and_text(folder):
    told = card.render(folder)
    for part in (
        "3,000 weights",
        "| filters (width x count) | 1 x 4, 2 x 3 |",
        "| memory cells | 6 |",
        "| words read in each direction | 480: 2.00 passes over the text below |",
        "| time | 2.00 hours on cpu |",
        "| cost | at most 4.00 core hours (2 threads all the time) |",
        "| org/prose | invented | 900 |",
        "any of 2 sets",
        "96.0% are among",
        "| 40 | 2.000 | 2.500 |",
        "Not measured yet: `python -m tlbook.recurrent.pocket_elmo measure`.",
    ):
        assert part in told
    assert not re.search(r"[{}]", told)


def test_it_tells_perplexities_once_they_are_measured(folder):
    rows = [
        {"model": name, "direction": direction, "perplexity": value}
        for name, values in zip(NAMES.values(), ((50, 200), (70, 80), (400, 100)), strict=True)
        for direction, value in zip(("forward", "backward"), values, strict=True)
    ]
    pd.DataFrame(rows).to_csv(folder / "measured.csv", index=False)
    card.write_card(folder)
    told = (folder / "CARD.md").read_text()
    assert f"| {NAMES['carried']} | 50.0 | 200.0 |" in told
    assert f"| {NAMES['trigram']} | 400.0 | 100.0 |" in told
    assert "the trigram is 2.00 times as perplexed" in told  # sqrt(400 * 100) / sqrt(50 * 200)


def test_it_tells_what_a_tagger_gains_once_that_is_measured(folder):
    assert f"Not measured yet: `{card.COMMAND} tag`." in card.render(folder)
    rows = [
        {"dataset": "names", "labels": 500, "metric": "F1", "method": m, "seed": s, "value": value}
        for m, values in (("static", (0.5, 0.6)), ("elmo", (0.7, 0.9)))
        for s, value in enumerate(values)
    ]
    pd.DataFrame(rows).to_csv(folder / "tagged.csv", index=False)
    told = card.render(folder)
    assert "| names | F1 | 0.550 (0.071) | 0.800 (0.141) | +0.250 | 0.050 | yes |" in told
    assert "500 training sentences, drawn anew for\neach of 2 seeds" in told
    assert not re.search(r"[{}]|Not measured yet: `\S+ \S+ \S+ tag", told)


@pytest.mark.parametrize(
    ("sampled", "expected"),
    [(0, "against the whole vocabulary."), (3, "5 commonest words and 3 others drawn by")],
)
def test_it_tells_what_a_target_is_held_against(folder, sampled, expected):
    told = json.loads((folder / "training.json").read_text())
    told["plan"] |= {"common": 5, "sampled": sampled}
    (folder / "training.json").write_text(json.dumps(told))
    assert expected in card.render(folder)


def test_the_shipped_model_is_less_perplexed_than_was_asked_for_and_than_a_trigram():
    rows = pd.read_csv(SHIPPED / "measured.csv")
    worst = rows.groupby("model")["perplexity"].max()
    assert worst[[NAMES["carried"], NAMES["anew"]]].max() < card.WANTED
    assert 1.4 * worst[NAMES["carried"]] < worst[NAMES["trigram"]]


def test_the_commands_of_the_card_make_this_very_run():
    told = json.loads((SHIPPED / "training.json").read_text(encoding="utf-8"))
    assert told["plan"] == json.loads(json.dumps(asdict(run.Plan())))


def test_the_shipped_card_is_what_the_shipped_files_give():
    assert (SHIPPED / "CARD.md").read_text() == card.render(SHIPPED)
