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


LONG = "adapters of width 64 are 1.9 points behind full fine-tuning"


def titled(*titles, width=4):
    """Return a figure with a panel for each title, and their artists."""
    figure = Figure(figsize=(width, 2), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(titles), squeeze=False)[0]
    pairs = zip(panels, titles, strict=True)
    return figure, [ax.set_title(title, loc="left") for ax, title in pairs]


def test_a_title_that_fits_is_left_alone():
    figure, (title,) = titled(LONG, width=8)
    picture(figure, alt="a title")
    assert title.get_text() == LONG


@pytest.mark.parametrize("titles", [[LONG], ["short", LONG], [LONG, "short"], [LONG, LONG]])
def test_a_long_title_stays_in_its_panel(titles):
    figure, artists = titled(*titles)
    picture(figure, alt="titles")
    assert [" ".join(one.get_text().split()) for one in artists] == titles
    starts = [axes.get_tightbbox().x0 for axes in figure.axes[1:]]
    for artist, end in zip(artists, [*starts, figure.bbox.x1], strict=True):
        assert artist.get_window_extent().x1 < end


def test_a_long_title_of_the_whole_figure_is_wrapped_and_takes_its_place():
    figure, (small,) = titled("small")
    whole = figure.suptitle(LONG + LONG, x=0.01, ha="left")
    picture(figure, alt="a title")
    assert "\n" in whole.get_text()
    assert whole.get_window_extent().x1 < figure.bbox.x1
    assert whole.get_window_extent().y0 >= small.get_window_extent().y1


def test_lines_a_lesson_broke_itself_stay_broken():
    figure, (title,) = titled("first\n" + LONG)
    picture(figure, alt="a title")
    assert title.get_text().startswith("first\n")
