"""Renew constraints.txt, the lock: the newest versions that resolve together, by exact number.

Needs nothing but Python, so that it runs where tlbook is not installed yet.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tlbook.files import write

HEADER = """\
# The lock: exact versions that were resolved and tested together. `make lock` renews it.
# Ranges stand in pyproject.toml. `torch==X` admits its CPU and its CUDA builds alike.
"""
OLDEST = "3.11.0"  # the first release that ``requires-python`` of pyproject.toml admits
# Parts of torch's CUDA build and of single operating systems: whoever needs one gets the
# version that the pinned package asks for.
UNPINNED = re.compile(r"^(nvidia-|cuda-|triton$|appnope$|colorama$|pywin|tlbook$|pip$)")


def canonical(name: str) -> str:
    """Return the one spelling of a distribution's name.

    Example:
        >>> canonical("Jupyter_Server.X")
        'jupyter-server-x'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(report: dict) -> list[str]:
    """Turn pip's installation report into sorted ``name==version`` lines.

    Local tags such as ``+cpu`` are cut off: the pin must fit every build of a version.

    Args:
        report: What ``pip install --report`` writes.
    """
    found = {
        canonical(item["metadata"]["name"]): item["metadata"]["version"].split("+")[0]
        for item in report["install"]
    }
    return [f"{name}=={found[name]}" for name in sorted(found) if not UNPINNED.match(name)]


def pinned(lock: Path) -> dict[str, str]:
    """Read a lock as a mapping from canonical name to exact version.

    Raises:
        ValueError: If a line is no exact pin; names the line.
    """
    found = {}
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        name, equals, version = line.partition("==")
        if not equals or not re.fullmatch(r"[\w.!]+", version):
            raise ValueError(f"{lock.name}, line {number}: expected name==version, got {line!r}")
        found[canonical(name)] = version
    return found


def renew(root: Path, *, hold: list[str], pip_options: tuple[str, ...] = ()) -> Path:
    """Resolve pyproject.toml anew, in a fresh environment, and replace the lock in one step.

    torch keeps the version it has unless `hold` names another, for its newest release may have
    no CPU build yet.

    Args:
        root: The checkout.
        hold: Requirements to keep to, such as ``["torch==2.13.0"]``.
        pip_options: More options for pip, such as an index with CPU builds of torch.

    Raises:
        subprocess.CalledProcessError: If pip finds no versions that fit; the old lock stays.
    """
    lock = root / "constraints.txt"
    wanted = list(hold)
    if not any(re.match(r"torch\b", requirement) for requirement in wanted):
        wanted.append(f"torch=={pinned(lock)['torch']}")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python"
        report = Path(folder) / "report.json"
        command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--report", report]
        # Wheels only, and such as the oldest Python takes: a lock must install on every machine.
        command += ["--python-version", OLDEST, "--only-binary", ":all:", "--target", folder]
        command += [*pip_options, *wanted, f"{root}[browser,dev,minilm]"]
        subprocess.run(command, check=True, stdout=sys.stderr)
        lines = pins(json.loads(report.read_text(encoding="utf-8")))
    write(lock, HEADER + "\n".join(lines) + "\n")
    return lock
