"""A model is published whole, with its story, its card and its checksums, or not at all."""

import json

import pytest

from tlbook.encoders import sources
from tlbook.training import publishing, runs


@pytest.fixture
def run(tmp_path):
    """Return the folder of a finished run."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("plan", "run", "text"):
        runs.store(folder, name, {"of": name})
    (folder / "curve.csv").write_text("step\n1\n")
    return folder


def fill(fresh):
    (fresh / "model.safetensors").write_bytes(b"0" * 50)
    (fresh / "model.safetensors").chmod(0o600)


def card(fresh):
    told = json.loads((fresh / "training.json").read_text())
    (fresh / "CARD.md").write_text(f"{told['plan']['of']} {(fresh / 'curve.csv').name}")


def publish(run, *, most_bytes=1000, fill=fill):
    target = run.parent / "pocket" / "tiny"
    return publishing.publish(run, target, fill=fill, card=card, most_bytes=most_bytes)


def test_it_tells_plan_run_and_text_and_the_card_can_read_them(run):
    target = publish(run)
    assert {path.name for path in target.iterdir()} == {
        *("model.safetensors", "training.json", "curve.csv", "CARD.md")
    }
    assert list(json.loads((target / "training.json").read_text())) == ["plan", "run", "text"]
    assert (target / "CARD.md").read_text() == "plan curve.csv"
    assert publishing.size_of(target) == sum(len(p.read_bytes()) for p in target.iterdir())


def test_everyone_may_read_it(run):
    assert {path.stat().st_mode & 0o777 for path in publish(run).iterdir()} == {0o644}


def test_checksums_name_what_was_written_and_leave_other_models_alone(run):
    sums = run.parent / "pocket" / sources.SUMS
    sums.parent.mkdir()
    sums.write_text(f"{'0' * 64}  another/model.safetensors\n{'1' * 64}  tiny/gone.json\n")
    target = publish(run)
    told = dict(reversed(line.split(maxsplit=1)) for line in sums.read_text().splitlines())
    assert told.pop("another/model.safetensors") == "0" * 64
    assert "tiny/gone.json" not in told
    assert {f"tiny/{p.name}" for p in target.iterdir()} - set(told) == {"tiny/CARD.md"}
    for name, published in told.items():
        sources.verify(target.parent / name, published)


def test_a_second_one_replaces_the_first(run):
    (publish(run) / "stale.txt").write_text("old")
    target = publish(run)
    assert not (target / "stale.txt").exists()
    assert {path.name for path in target.parent.iterdir()} == {"tiny", sources.SUMS}


def test_what_is_too_large_is_refused_and_the_old_one_stays(run):
    before = {path.name: path.read_bytes() for path in publish(run).iterdir()}
    with pytest.raises(ValueError, match="bytes, more than 60; nothing written"):
        publish(run, most_bytes=60)
    target = run.parent / "pocket" / "tiny"
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before
    assert not list(target.parent.glob("*.partial"))


def test_what_an_attempt_that_was_killed_left_is_not_published(run):
    def killed(fresh):
        (fresh / "half").write_text("")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(run, fill=killed)
    assert not (publish(run) / "half").exists()


def test_a_run_must_be_finished(run):
    (run / "run.json").unlink()
    with pytest.raises(FileNotFoundError, match="holds no finished run; run train first"):
        publish(run)
