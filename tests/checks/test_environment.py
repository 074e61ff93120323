"""The machine check says what it found, whether that will do, and what to do if not."""

import threading
import time

import psutil
import pytest

from tlbook import runtime
from tlbook.checks import environment as module
from tlbook.checks.environment import answers, environment
from tlbook.corpora import hub
from tlbook.encoders import sources


def row(what, profile="pocket"):
    return environment(profile).set_index("what").loc[what]


def test_every_row_says_what_to_do_if_it_fails():
    table = environment("pocket")
    assert list(table.columns) == module.COLUMNS
    assert table["if not"].str.len().min() > 20
    assert table["what"].is_unique


def test_what_the_tests_run_on_is_fine():
    fine = environment("pocket").set_index("what")["fine"]
    assert fine[["Python", "libraries", "shipped model", "shipped texts", "mirror", "Hub"]].all()


def test_the_pocket_profile_never_asks_the_hub(monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda endpoint: pytest.fail("it asked"))
    assert row("Hub").fine


@pytest.mark.parametrize(("there", "words"), [(True, " answers"), (False, "does not answer")])
def test_the_hub_profile_tells_whether_the_hub_answers(there, words, monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda endpoint: there)
    found = row("Hub", "hub")
    assert found.fine == there
    assert found.found.endswith(words)


def test_a_hub_that_hangs_counts_as_silent_in_time():
    released = threading.Event()
    begun = time.perf_counter()
    assert not answers(lambda: released.wait(30), within=0.05)
    assert time.perf_counter() - begun < 5
    released.set()


def test_little_memory_is_named(monkeypatch):
    there = psutil.virtual_memory()._replace(available=module.GIB // 2)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: there)
    found = row("free memory")
    assert (found.found, found.fine) == ("0.5 GiB", False)


def test_a_cache_that_is_not_there_yet_is_measured_where_it_will_be(tmp_path):
    assert module._existing(tmp_path / "not" / "yet") == tmp_path
    assert "GiB for the cache" in row("free disk").found


def test_a_single_core_runs_but_is_told_to_be_slow(monkeypatch):
    monkeypatch.setattr(module, "_cores", lambda: 1)
    found = row("processor")
    assert not found.fine
    assert "twice the seconds" in found["if not"]


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("torch>=2.0", ""),
        ('torch>=2.0; python_version >= "3.8"', ""),
        ("torch>=99.1", "is older than 99.1"),
        ("no-such-library-of-ours>=1", "no no-such-library-of-ours"),
    ],
)
def test_a_missing_or_old_library_is_named(requirement, problem):
    assert problem in module._lacking(requirement)
    assert bool(problem) == bool(module._lacking(requirement))


def test_a_damaged_model_is_named_and_stops_nothing(monkeypatch):
    def broken(name):
        raise ValueError("model.safetensors is truncated")

    monkeypatch.setattr(sources, "find", broken)
    found = row("shipped model")
    assert (found.found, found.fine) == ("model.safetensors is truncated", False)


def test_a_mirror_that_is_no_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBOOK_MIRROR", str(tmp_path / "nowhere"))
    found = row("mirror")
    assert not found.fine
    assert "nowhere" in found.found


def test_a_mirror_is_counted(mirror):
    assert row("mirror").found.endswith(" sets")


def test_it_takes_seconds_only():
    runtime.probe()
    begun = time.perf_counter()
    environment("pocket")
    assert time.perf_counter() - begun < 20
