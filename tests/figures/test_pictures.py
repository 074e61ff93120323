"""A picture carries itself and its words, on white paper, from any thread."""

import base64
import re
import threading

import pytest
from matplotlib.figure import Figure

from tlbook.figures.pictures import picture


def drawn():
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([1, 2])
    return figure


def test_a_picture_is_a_png_with_its_words_escaped():
    page = picture(drawn(), alt='a "bar" & a <line>')
    assert 'alt="a &quot;bar&quot; &amp; a &lt;line&gt;"' in page
    data = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"


def test_its_paper_is_white_in_a_dark_notebook():
    assert "background:white" in picture(drawn(), alt="a line")


def test_the_same_figure_is_the_same_picture_in_any_thread():
    pages = [picture(drawn(), alt="a line")]
    thread = threading.Thread(target=lambda: pages.append(picture(drawn(), alt="a line")))
    thread.start()
    thread.join()
    assert pages[0] == pages[1]


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_picture_without_words_is_an_error(alt):
    with pytest.raises(ValueError, match="alt must describe the figure"):
        picture(drawn(), alt=alt)
