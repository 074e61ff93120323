"""A long run in a folder of its own: each step is done once, and never mixed with another's.

==================  ===============================================================
file in the folder  what it holds
==================  ===============================================================
``text.json``       what was prepared and from which ``settings``
``plan.json``       everything that decides the result of the run
``run.json``        what came of it
==================  ===============================================================

The first and the last are written when all the rest of their step is there.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from tlbook import runtime
from tlbook.files import write


def read(folder: Path, name: str) -> dict:
    """Return what ``name.json`` holds."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def store(folder: Path, name: str, told: dict) -> None:
    """Write ``name.json``, whole or not at all."""
    write(folder / f"{name}.json", json.dumps(told, indent=1))


def prepared(folder: Path, settings: dict) -> dict | None:
    """Return what ``text.json`` holds, or None if the text is still to be prepared.

    Args:
        folder: Where the run is.
        settings: What decides how the text comes out, as JSON takes it.

    Raises:
        ValueError: If the folder was prepared with other settings.
    """
    if not (folder / "text.json").exists():
        return None
    told = read(folder, "text")
    if told["settings"] != json.loads(json.dumps(settings)):
        raise ValueError(f"{folder} was prepared with other settings; choose another folder")
    return told


def require_text(folder: Path) -> None:
    """Raise a `FileNotFoundError` if the text of a run is not prepared."""
    if not (folder / "text.json").exists():
        raise FileNotFoundError(f"{folder} holds no prepared text; run prepare first")


def finished(folder: Path, plan: object) -> bool:
    """Tell whether the run is done; note its plan if it is not yet begun.

    Args:
        folder: Where the run is.
        plan: A dataclass.

    Raises:
        FileNotFoundError: If the text is not prepared.
        ValueError: If the folder holds a run of another plan; says what differs.
    """
    require_text(folder)
    mine = json.loads(json.dumps(asdict(plan)))
    if (folder / "plan.json").exists():
        theirs = read(folder, "plan")
        other = [f"{name} is {theirs.get(name)}" for name in mine if theirs.get(name) != mine[name]]
        if other:
            raise ValueError(f"{folder} holds a run of another plan: its {', its '.join(other)}")
    store(folder, "plan", mine)
    return (folder / "run.json").exists()


def finish(folder: Path, counts: dict, **more: object) -> dict:
    """Write ``run.json``: counts of the run, and the machine that it ran on.

    Args:
        folder: Where the run is; everything else of it is there.
        counts: Such as steps and seconds.
        **more: What else is to be told of the machine.

    Returns:
        What was written.
    """
    machine = {"device": str(runtime.device()), "threads": torch.get_num_threads()}
    told = counts | machine | more | {"versions": runtime.versions()}
    store(folder, "run", told)
    return told
