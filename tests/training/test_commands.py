"""What the command lines share: where work goes, what is read, and what must not be."""

import os
from pathlib import Path

import pytest

from tlbook.training import commands


@pytest.fixture
def parse():
    whole, command = commands.command_line("python -m example", "Make it.", Path("build/example"))
    commands.read_options(command("prepare", "read"))
    command("train", "learn")
    return lambda *given: whole.parse_args(given)


@pytest.fixture(autouse=True)
def corpora(monkeypatch):
    monkeypatch.setattr(commands, "CORPORA", ("posts", "reviews"))


def test_every_command_says_where_work_goes(parse):
    assert parse("train").folder == parse("prepare").folder == Path("build/example")
    assert parse("train", "--folder", "there").folder == Path("there")


def test_only_prepare_reads_text(parse, capsys):
    assert parse("prepare", "--text", "a=5", "b").text == ["a=5", "b"]
    with pytest.raises(SystemExit):
        parse("train", "--text", "a")
    assert "unrecognized arguments" in capsys.readouterr().err


def test_the_mirror_and_the_device_are_those_asked_for(parse, monkeypatch):
    monkeypatch.setattr(commands.runtime, "start", lambda seed: None)
    for name in ("TLBOOK_MIRROR", "TLBOOK_DEVICE"):
        monkeypatch.setenv(name, "before")
    commands.begin(parse("train"))
    assert os.environ["TLBOOK_MIRROR"] == os.environ["TLBOOK_DEVICE"] == "before"
    commands.begin(parse("train", "--mirror", "sets", "--device", "cpu"))
    assert os.environ["TLBOOK_MIRROR"] == "sets"
    assert os.environ["TLBOOK_DEVICE"] == "cpu"


def test_a_source_may_say_how_much_of_it_is_read():
    assert commands.source("org/a=70", 5).words == 70
    assert commands.source("org/a", 5).words == 5
    assert commands.source("org/a=70", 5).name == "org/a"


def test_sets_that_ship_are_held_out_with_those_that_are_named():
    assert commands.held_out_sets(["org/a", "reviews"], ["b"]) == ["org/a", "reviews", "posts"]


def test_all_sets_of_a_mirror_are_held_out_if_none_are_named(small_mirror):
    assert commands.held_out_sets(None, ["b"])[0] == "b", "there is no set in it yet"
    small_mirror("org/judged", "test", text=["a"])
    assert commands.held_out_sets(None, ["b"]) == ["org/judged", "posts", "reviews"]


def test_a_written_model_is_told_with_its_size(tmp_path):
    (tmp_path / "model").write_bytes(b"0" * 1_200_000)
    assert commands.written(tmp_path) == f"{tmp_path} is written: 1.2 MB"
