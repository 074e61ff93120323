"""Every page of the book in a real browser, as a reader opens it: from disk, wide and narrow.

The pages are made with kept outputs, and one lesson holds all that is wide or strange. To check
the executed pages of ``make book`` as well, name their folder: ``TLBOOK_BOOK=build/book``.
"""

import os
from pathlib import Path

import pytest

from tests.chromium import LOOK
from tlbook.workbook import lessons
from tlbook.workbook.book import binding

ROOT = Path(__file__).parents[3]
VIEWS = [(1280, "light"), (390, "dark")]  # pixels, colours

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lessons_bound(tmp_path_factory):
    """Return the folder of a book of all lessons."""
    if os.environ.get("TLBOOK_BOOK"):
        return Path(os.environ["TLBOOK_BOOK"]).resolve()
    chosen = lessons.find([ROOT / "notebooks"])
    return binding.bind(chosen, out=tmp_path_factory.mktemp("book") / "book", runs={}).parent


@pytest.fixture(scope="module")
def seen(browser, lessons_bound):
    return visit(browser, lessons_bound)


@pytest.fixture(scope="module")
def strange_bound(strange_for_all, tmp_path_factory):
    """Return the folder of a book of one lesson, in which everything is wide or strange."""
    out = tmp_path_factory.mktemp("book") / "book"
    return binding.bind([strange_for_all], out=out, runs={}).parent


@pytest.fixture(scope="module")
def strange_seen(browser, strange_bound):
    return visit(browser, strange_bound)


@pytest.fixture
def opened(browser, strange_bound):
    """Return a function that opens a page of the strange lesson's book."""
    context = browser.new_context()

    def open_page(file, width=1280):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.goto((strange_bound / file).as_uri())
        return page

    yield open_page
    context.close()


def visit(browser, folder):
    """Open every page in every view; return what each shows, says and asks for."""
    shown = {}
    for path in sorted(folder.glob("*.html")):
        for width, colours in VIEWS:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
            said, asked = [], []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri(), wait_until="load")
            outside = [url for url in asked if not url.startswith((path.as_uri(), "data:"))]
            shown[f"{path.name} at {width}, {colours}"] = page.evaluate(LOOK, "body") | {
                "said": said,
                "outside": outside,
            }
            page.close()
    return shown


def faults(shown, kind):
    """Return the pages that show something of a kind that none may show."""
    return {view: page[kind] for view, page in shown.items() if page[kind]}


def test_no_page_reports_an_error(seen):
    assert not faults(seen, "said")


def test_no_page_asks_for_anything_but_itself(seen):
    assert not faults(seen, "outside")


def test_every_picture_is_shown_and_told_in_words(seen):
    assert not faults(seen, "unread")
    assert not faults(seen, "broken")


def test_no_page_is_wider_than_the_screen(seen):
    assert not faults(seen, "wider")


def test_all_text_stands_out_from_its_ground_in_both_colours(seen):
    assert not faults(seen, "faint")


def test_every_control_has_a_name(seen):
    assert not faults(seen, "unnamed")


def test_every_page_has_one_title_and_its_landmarks(seen):
    assert {page["titles"] for page in seen.values()} == {1}
    assert min(page["landmarks"] for page in seen.values()) >= 5


@pytest.mark.parametrize(
    "kind", ["said", "outside", "unread", "broken", "wider", "faint", "unnamed"]
)
def test_the_strangest_lesson_keeps_all_of_this(kind, strange_seen):
    assert not faults(strange_seen, kind)


def ground(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def wait_for_ground(page, colour):
    """Wait for a colour: what one page stores reaches another when the browser gets round to it."""
    page.wait_for_function(
        "colour => getComputedStyle(document.body).backgroundColor === colour", arg=colour
    )


def test_search_finds_by_keyboard_what_stands_on_another_page(opened):
    page = opened("index.html")
    page.keyboard.press("/")
    page.keyboard.type("warm optimizer")
    assert page.locator("#count").inner_text() == "1 section"
    assert page.locator("#hits mark").all_inner_texts()[0] == "warm"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary.html#warm-up")


def test_search_finds_names_in_code_and_words_in_chinese_and_says_when_there_is_nothing(opened):
    page = opened("index.html")
    page.click(".find")
    for words, hit in (("explore", "24 · A < B"), ("编码器 XYZ", None), ("基线", "Glossary")):
        page.fill("#query", words)
        titles = page.locator("#hits").inner_text()
        assert (hit in titles) if hit else page.locator("#count").inner_text() == "0 sections"
    page.keyboard.press("Escape")
    assert not page.locator("#search").is_visible()


def test_the_reader_may_choose_the_colours_and_the_book_remembers(opened):
    page = opened("index.html")
    light = ground(page)
    page.click(".theme")
    assert ground(page) == light, "the first choice is light"
    page.click(".theme")
    dark = ground(page)
    assert dark != light
    assert "dark" in page.locator(".theme").get_attribute("aria-label")
    page.goto(page.url.replace("index.html", "glossary.html"))
    wait_for_ground(page, dark)
    other = opened("index.html")
    wait_for_ground(other, dark)
    page.click(".theme")
    assert ground(page) == light, "the third is the system's"
    wait_for_ground(other, light)  # a page that is open already follows


def test_a_cell_can_be_copied_as_it_is(opened):
    page = opened("24_bert_finetuning.html")
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    cell = page.locator(".code", has_text="from tlbook.widgets import explore")
    cell.hover()
    cell.locator(".copy").click()
    cell.get_by_text("Copied").wait_for()
    assert page.evaluate("window.copied") == "from tlbook.widgets import explore\n"


def test_every_cell_has_its_copy_button(opened):
    page = opened("24_bert_finetuning.html")
    assert page.locator(".code").count() == page.locator(".code .copy").count() > 4


def test_on_a_phone_the_contents_open_and_close(opened):
    page = opened("24_bert_finetuning.html", width=390)
    contents, menu = page.locator("#contents"), page.locator(".menu")
    assert not contents.is_visible()
    menu.click()
    assert contents.is_visible()
    assert menu.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not contents.is_visible()


def test_the_first_key_offers_to_skip_to_the_content(opened):
    page = opened("24_bert_finetuning.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_results_are_sorted_by_number_and_back(opened):
    page = opened("results.html")
    labels = page.locator("tbody tr td:nth-child(3)")
    assert labels.all_inner_texts() == ["1,500", "20"]
    page.get_by_role("button", name="Labels").click()
    assert labels.all_inner_texts() == ["20", "1,500"]
    page.get_by_role("button", name="Labels").click()
    assert labels.all_inner_texts() == ["1,500", "20"]


def test_what_is_wider_than_its_box_can_be_scrolled_by_keyboard(opened):
    page = opened("24_bert_finetuning.html", width=390)
    for box in (".scroll", ".formula", ".output pre", ".code pre"):
        wide = page.locator(f"{box}[tabindex='0']").first
        wide.focus()
        page.keyboard.press("ArrowRight")
        for _ in range(50):  # scrolling takes a moment; the page forbids waiting inside of it
            if page.evaluate("document.activeElement.scrollLeft") > 0:
                break
            page.wait_for_timeout(100)
        else:
            pytest.fail(f"{box} does not scroll")


def test_without_a_script_the_book_can_still_be_read(browser, strange_bound):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto((strange_bound / "24_bert_finetuning.html").as_uri())
    assert page.locator("#contents").is_visible()
    assert not page.locator(".find").is_visible()
    assert page.locator("h1").is_visible()
    context.close()
