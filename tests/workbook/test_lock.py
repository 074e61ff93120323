"""The lock holds exact versions that fit every machine, and is replaced whole or not at all."""

import json
import subprocess

import pytest

from tlbook.workbook import lock


def report(**versions):
    return {
        "install": [
            {"metadata": {"name": name, "version": version}} for name, version in versions.items()
        ]
    }


def test_pins_are_sorted_spelled_alike_and_free_of_builds():
    assert lock.pins(report(torch="2.13.0+cpu", Jupyter_Client="8.1", aiohttp="3.0")) == [
        "aiohttp==3.0",
        "jupyter-client==8.1",
        "torch==2.13.0",
    ]


def test_what_only_some_machines_need_is_not_pinned():
    names = {"nvidia-cublas": "13.0", "triton": "3.4", "colorama": "0.4", "tlbook": "0.1"}
    assert lock.pins(report(**names)) == []


def test_a_lock_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text(lock.HEADER + "jupyter-client==8.1\ntorch==2.13.0\n")
    assert lock.pinned(path) == {"jupyter-client": "8.1", "torch": "2.13.0"}


def test_a_line_that_is_no_exact_pin_is_named(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text("# the lock\nnumpy>=2\n")
    with pytest.raises(ValueError, match="line 2: expected name==version, got 'numpy>=2'"):
        lock.pinned(path)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return a checkout with a lock, where pip only notes what it was asked for."""
    (tmp_path / "constraints.txt").write_text("torch==2.0.0\n")
    asked = []

    def pip(command, **settings):
        asked.extend(map(str, command))
        if "broken==1" in asked:
            raise subprocess.CalledProcessError(1, command)
        place = asked[asked.index("--report") + 1]
        with open(place, "w") as file:
            json.dump(report(torch="2.0.0+cpu", numpy="2.4"), file)

    monkeypatch.setattr(lock.venv, "create", lambda folder, with_pip: None)
    monkeypatch.setattr(lock.subprocess, "run", pip)
    return tmp_path, asked


def test_renewing_keeps_the_version_of_torch(checkout):
    root, asked = checkout
    assert lock.pinned(lock.renew(root, hold=[])) == {"numpy": "2.4", "torch": "2.0.0"}
    assert "torch==2.0.0" in asked
    assert f"{root}[browser,dev,minilm]" in asked
    assert asked[asked.index("--python-version") + 1] == "3.11.0"


def test_another_version_of_torch_can_be_named(checkout):
    root, asked = checkout
    lock.renew(root, hold=["torch==2.1.0"])
    assert "torch==2.1.0" in asked
    assert "torch==2.0.0" not in asked


def test_a_lock_that_cannot_be_renewed_stays(checkout):
    root, _ = checkout
    with pytest.raises(subprocess.CalledProcessError):
        lock.renew(root, hold=["broken==1"])
    assert (root / "constraints.txt").read_text() == "torch==2.0.0\n"
    assert [path.name for path in root.iterdir()] == ["constraints.txt"]
