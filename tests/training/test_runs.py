"""Each step of a run is done once, and a folder belongs to one plan."""

import json
from dataclasses import dataclass

import pytest

from tlbook import runtime
from tlbook.training import runs


@dataclass(frozen=True)
class Plan:
    """Two settings, one of them such as JSON has no word for."""

    rate: float = 0.5
    layers: tuple[int, ...] = (0, 2)


@pytest.fixture
def folder(tmp_path):
    runs.store(tmp_path, "text", {"settings": {"sizes": [1, 2]}, "words": 7})
    return tmp_path


def test_nothing_is_prepared_at_first(tmp_path):
    assert runs.prepared(tmp_path, {}) is None


def test_prepared_text_is_told_to_those_who_want_the_same(folder):
    assert runs.prepared(folder, {"sizes": (1, 2)})["words"] == 7


def test_text_prepared_otherwise_is_refused(folder):
    with pytest.raises(ValueError, match="was prepared with other settings; choose another folder"):
        runs.prepared(folder, {"sizes": (1, 3)})


def test_a_plan_is_noted_when_its_run_begins(folder):
    assert not runs.finished(folder, Plan())
    assert runs.read(folder, "plan") == {"rate": 0.5, "layers": [0, 2]}


def test_a_run_is_finished_once_it_has_told_what_came_of_it(folder):
    runs.finished(folder, Plan())
    told = runs.finish(folder, {"steps": 3, "seconds": 1.5}, precision="float32")
    assert runs.finished(folder, Plan())
    assert told == json.loads((folder / "run.json").read_text())
    assert list(told) == ["steps", "seconds", "device", "threads", "precision", "versions"]
    assert told["versions"] == runtime.versions()


def test_another_plan_needs_another_folder_and_is_told_what_differs(folder):
    runs.finished(folder, Plan())
    with pytest.raises(
        ValueError, match=r"of another plan: its rate is 0\.5, its layers is \[0, 2"
    ):
        runs.finished(folder, Plan(rate=1.0, layers=(1,)))
    assert runs.read(folder, "plan")["rate"] == 0.5


def test_without_text_it_says_what_to_run_first(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no prepared text; run prepare first"):
        runs.finished(tmp_path, Plan())
    assert not list(tmp_path.iterdir())
