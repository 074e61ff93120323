"""What the command promises: rows beside the lessons, a table, and a way to go on."""

from dataclasses import replace

import pytest

from tlbook import results
from tlbook.efficient import __main__ as command
from tlbook.efficient import comparison, outcomes
from tlbook.efficient.adaptation import Method, Task
from tlbook.efficient.comparison import Suite
from tlbook.training.ledger import Outcome

ACCURACY = {"fine-tuning": 0.9, "adapters 64": 0.8, "LoRA 4": 0.7}


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Return the command over two lessons with one training row, and runs that cost nothing."""

    def run(encoder, dataset, method, split, *, seed, learning_rate, steps):
        return Outcome(method.apply(None, seed), 10, 1.0)

    monkeypatch.setattr(comparison, "run", run)
    monkeypatch.setattr(comparison, "task", lambda encoder, dataset: Task({"train": [{}]}, ()))
    tiny = Suite("tiny", ("a", "b"), (0, 1))
    suites = {"workbook": tiny, "longer": replace(tiny, steps=7, mark=" after 7 steps")}
    suites["real"] = Suite("small", ("c",), (0,))
    for module in (comparison, outcomes):
        monkeypatch.setattr(module, "SUITES", suites)
    methods = {
        name: Method(lambda model, seed, value=value: value, (1e-5,))
        for name, value in ACCURACY.items()
    }
    lora = {"LoRA 4": methods.pop("LoRA 4")}
    monkeypatch.setattr(command, "LESSONS", {"31_adapters": methods, "33_lora": lora})

    def called(*given):
        return command.main(["measure", "--folder", str(tmp_path / "rows"), *given])

    return called


def methods_in(file):
    return set(results.load(file)["method"])


def test_the_rows_of_each_lesson_stand_in_its_own_file(call, tmp_path, capsys):
    assert call() == 0
    assert methods_in(tmp_path / "rows" / "31_adapters.csv") == {"fine-tuning", "adapters 64"}
    assert methods_in(tmp_path / "rows" / "33_lora.csv") == {"LoRA 4"}
    said = capsys.readouterr().out
    assert "tiny after about 300 steps, mean over 2 sets, 2 seeds each" in said
    assert "behind (points)" in said
    assert [line.split()[0] for line in said.splitlines()[-3:]] == [
        "fine-tuning",
        "adapters",
        "LoRA",
    ]


def test_the_real_sets_are_measured_with_what_the_claim_needs(call, tmp_path, capsys):
    assert call("--suite", "real") == 0
    rows = results.load(tmp_path / "rows" / "31_adapters.csv")
    assert set(rows["dataset"]) == {"c"}
    assert set(rows["method"]) == {"fine-tuning", "adapters 64"}
    assert not (tmp_path / "rows" / "33_lora.csv").exists()
    assert "small after about 300 steps, mean over 1 sets" in capsys.readouterr().out


def test_longer_trainings_have_a_table_of_their_own(call, tmp_path, capsys):
    assert call("--methods", "fine-tuning") == 0
    assert call("--suite", "longer") == 0
    rows = results.load(tmp_path / "rows" / "31_adapters.csv")
    long = rows[rows["metric"] == "accuracy after 7 steps"]
    assert set(long["method"]) == {"fine-tuning", "adapters 64"}
    assert set(rows[rows["metric"] == "accuracy"]["method"]) == {"fine-tuning"}
    said = capsys.readouterr().out
    assert "tiny after about 7 steps, mean over 2 sets, 2 seeds each" in said
    assert said.splitlines()[-1].startswith("adapters 64")


def test_a_part_can_be_asked_for(call, tmp_path, capsys):
    assert call("--methods", "adapters 64", "--sets", "b") == 0
    rows = results.load(tmp_path / "rows" / "31_adapters.csv")
    assert set(rows[rows["metric"] == "accuracy"]["dataset"]) == {"b"}
    assert "fine-tuning is not measured on a, b: nothing to compare" in capsys.readouterr().out
    assert call("--lessons", "33_lora") == 0
    assert methods_in(tmp_path / "rows" / "31_adapters.csv") == {"adapters 64"}


def test_when_time_is_up_it_says_how_to_go_on_and_then_goes_on(call, capsys):
    assert call("--minutes", "0") == 1
    assert "the same command goes on" in capsys.readouterr().out
    assert call() == 0
    assert "18 runs were added to the 0 in" in capsys.readouterr().out  # 3 (2 tuned + 2 * 2)
    assert call() == 0
    assert "0 runs were added to the 18 in" in capsys.readouterr().out


def test_without_the_sets_it_says_why_and_that_is_no_failure(call, monkeypatch, capsys):
    def task(encoder, dataset):
        raise ConnectionError("no mirror is named by TLBOOK_MIRROR")

    monkeypatch.setattr(comparison, "task", task)
    assert call("--suite", "real") == 0
    said = capsys.readouterr().out
    assert "c is skipped: no mirror is named by TLBOOK_MIRROR" in said
    assert "nothing to compare" in said


def test_rows_of_unfinished_methods_are_left_out_of_the_table(call, tmp_path, capsys):
    call("--methods", "fine-tuning")
    call("--methods", "adapters 64", "--sets", "a")
    said = capsys.readouterr().out
    assert "fine-tuning" in said.splitlines()[-1]


@pytest.mark.parametrize("given", [["--methods", "magic"], ["--sets", "z"], ["--lessons", "32"]])
def test_an_unknown_name_is_refused(given, call, capsys):
    with pytest.raises(SystemExit):
        call(*given)
    assert "invalid choice" in capsys.readouterr().err


def test_by_default_the_rows_go_beside_the_lessons():
    assert command.FOLDER.parts[-2:] == ("notebooks", "3_efficient")
    assert list(command.LESSONS) == ["31_adapters", "33_lora"]
