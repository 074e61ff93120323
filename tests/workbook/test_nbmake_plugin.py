"""Under nbmake an error inside a widget fails the lesson, as it does not without the plugin."""

import subprocess
import sys

import pytest


def nbmake(path, *options):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake"]
    command += [*options, "--rootdir", str(path.parent), str(path)]
    return subprocess.run(command, capture_output=True, text=True, cwd=path.parent)


@pytest.mark.slow
def test_an_error_inside_a_widget_fails_the_run(make_notebook):
    path = make_notebook(
        "24_b", "import ipywidgets", "ipywidgets.interact(lambda rank: 1 / 0, rank=(0, 4));"
    )
    assert nbmake(path).returncode == 0
    watched = nbmake(path, "-p", "tlbook.workbook.nbmake_plugin")
    assert watched.returncode == 1
    assert "ZeroDivisionError: division by zero" in watched.stdout
