"""Tiny notebooks, made where a test wants them."""

import nbformat
import pytest
from nbformat import v4


@pytest.fixture
def make_notebook(tmp_path):
    """Return a function that writes a notebook: prose starts with a hash, the rest is code."""

    def make(name, *sources, tags=(), part=""):
        cells = [
            v4.new_markdown_cell(source) if source.startswith("#") else v4.new_code_cell(source)
            for source in sources
        ]
        cells[-1].metadata["tags"] = list(tags)
        notebook = v4.new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        path = tmp_path / "notebooks" / part / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return make
