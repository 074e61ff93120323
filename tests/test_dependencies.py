"""One truth about dependencies: pyproject.toml, the lock, environment.yml and Makefile agree."""

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tlbook.workbook import lock
from tlbook.workbook.course import gradebook
from tlbook.workbook.lock import pinned

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    Requirement(line) for line in PROJECT["dependencies"] + [x for e in EXTRAS.values() for x in e]
]
PINS = pinned(ROOT / "constraints.txt")
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("wanted", REQUIREMENTS, ids=lambda r: r.name)
def test_the_lock_holds_every_dependency_at_a_version_within_its_bounds(wanted):
    assert PINS[canonicalize_name(wanted.name)] in wanted.specifier


@pytest.mark.parametrize("wanted", REQUIREMENTS, ids=lambda r: r.name)
def test_dependencies_have_lower_bounds_and_no_other(wanted):
    assert [bound.operator for bound in wanted.specifier] == [">="]


def test_no_dependency_stands_twice():
    names = [canonicalize_name(wanted.name) for wanted in REQUIREMENTS]
    assert sorted(names) == sorted(set(names))


def test_the_lock_admits_every_build_of_torch_and_pins_no_part_of_cuda():
    assert "+" not in PINS["torch"]
    assert not [name for name in PINS if name.startswith(("nvidia-", "cuda-", "triton"))]


@pytest.mark.parametrize("name", PINS)
def test_the_oldest_python_that_the_project_admits_takes_every_version_of_the_lock(name):
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    assert oldest == lock.OLDEST
    try:
        needs = metadata(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed here")
    assert oldest in SpecifierSet(needs["Requires-Python"] or "")


def test_conda_and_make_install_from_the_same_lock_the_same_extras():
    (pip,) = [entry["pip"] for entry in CONDA if isinstance(entry, dict)]
    assert "-c constraints.txt" in pip
    installs = re.findall(r"install .*-c constraints\.txt -e '\.\[(.+)\]'", MAKEFILE)
    browser, usual = sorted(installs)
    assert f"-e .[{usual}]" in pip
    assert {browser, *usual.split(",")} == set(EXTRAS), "the tests in a browser bring their own"


def test_conda_brings_a_python_that_the_project_admits_and_nothing_that_the_lock_pins():
    plain = [entry for entry in CONDA if isinstance(entry, str)]
    (python,) = [entry for entry in plain if entry.startswith("python=")]
    assert python.split("=")[1] in SpecifierSet(PROJECT["requires-python"])
    assert [entry for entry in plain if entry != python] == ["pip"]


def test_make_and_pyproject_ask_for_the_same_python():
    oldest = re.search(r"version_info < \((\d+), (\d+)\)", MAKEFILE)
    assert PROJECT["requires-python"] == f">={oldest[1]}.{oldest[2]}"


def test_conda_and_make_take_the_same_cpu_build_of_torch():
    (pip,) = [entry["pip"] for entry in CONDA if isinstance(entry, dict)]
    index = re.search(r"TORCH_INDEX \?= (\S+)", MAKEFILE)[1]
    assert f"--extra-index-url {index}" in pip


def test_whatever_tlbook_imports_is_a_declared_dependency():
    declared = {canonicalize_name(wanted.name) for wanted in REQUIREMENTS}
    declared.add(gradebook.NBGRADER.split("==")[0])  # `make course` gives it a place of its own
    known, missing = packages_distributions(), {}
    for module in (ROOT / "tlbook").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for top in {name.split(".")[0] for name in names} - {"tlbook"}:
                owners = {canonicalize_name(owner) for owner in known.get(top, [top])}
                if top not in sys.stdlib_module_names and not owners & declared:
                    missing.setdefault(top, []).append(module.relative_to(ROOT).as_posix())
    assert not missing
