"""A page cut at its headings: what its outline lists and what the search looks through."""

import json
import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

HEADING = re.compile(r"<h([1-4])(?P<rest>[^>]*)>(?P<inside>.*?)</h\1>", re.DOTALL)
STARTS = {"h1": 1, "h2": 2, "h3": 3, "dt": 3}  # elements with an id that begin a section
NOT_READ = {"style", "script", "svg", "math", "button", "summary"}
VOID = {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
OUTPUT = "output"  # class of what a cell printed or drew


@dataclass
class Section:
    """A heading and the text below it.

    Attributes:
        level: 1 to 3.
        anchor: The heading's id.
        heading: Its words.
        text: What follows up to the next heading, without code, outputs and formulas.
        code: What its cells say.
    """

    level: int
    anchor: str
    heading: str = ""
    text: str = ""
    code: str = ""


def with_anchors(html: str) -> str:
    """Give every heading an id of its own and a link to itself.

    Example:
        >>> with_anchors("<h2>By <em>hand</em></h2>")[:17]
        '<h2 id="by-hand">'
    """
    used: set[str] = set()

    def anchored(found: re.Match) -> str:
        words = unescape(re.sub(r"<[^>]+>", "", found["inside"])).strip()
        anchor = plain = re.sub(r"\W+", "-", words.lower()).strip("-") or "section"
        number = 1
        while anchor in used:
            number += 1
            anchor = f"{plain}-{number}"
        used.add(anchor)
        level = found[1]
        return (
            f'<h{level} id="{anchor}"{found["rest"]}>{found["inside"]}'
            f'<a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a></h{level}>'
        )

    return HEADING.sub(anchored, html)


def sections(html: str) -> list[Section]:
    """Cut HTML at its headings with an id; what stands before the first one is left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    for one in reader.found:
        one.heading, one.text = (" ".join(part.split()) for part in (one.heading, one.text))
    return reader.found


@dataclass
class _Reader(HTMLParser):
    """Collects the sections of a page."""

    found: list[Section] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self._heading = ""  # the element whose words are a heading, while inside it
        self._skipped: list[str] = []  # open elements from one that is not read inwards
        self._code = False

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in VOID:
            return
        classes = (given.get("class") or "").split()
        if self._skipped or tag in NOT_READ or OUTPUT in classes or "anchor" in classes:
            self._skipped.append(tag)
        elif tag in STARTS and given.get("id"):
            self.found.append(Section(STARTS[tag], given["id"]))
            self._heading = tag
        elif tag == "pre":
            self._code = True
        elif self.found and tag in ("p", "li", "td", "th", "div", "dd"):
            self.found[-1].text += " "

    def handle_endtag(self, tag):
        if self._skipped:
            if tag in self._skipped:  # an element that was never closed ends with its parent
                while self._skipped.pop() != tag:
                    pass
        elif tag == self._heading:
            self._heading = ""
        elif tag == "pre":
            self._code = False

    def handle_data(self, data):
        if self.found and not self._skipped:
            if self._heading:
                self.found[-1].heading += data
            elif self._code:
                self.found[-1].code += data
            else:
                self.found[-1].text += data


def names_in(code: str) -> list[str]:
    """Return the names of four letters or more in a piece of code, once each.

    Example:
        >>> names_in("rank = model.rank; fit(model)")
        ['rank', 'model']
    """
    return list(dict.fromkeys(re.findall(r"[^\W\d]\w{3,}", code)))


def search_index(pages: list[tuple[str, str, str]]) -> str:
    """Return what the search looks through, as JSON that may stand in a script element.

    Args:
        pages: For each its file, its title, and its HTML.

    Returns:
        ``{"pages": [[file, title], ...], "sections": [[page, anchor, heading, text, names]]}``,
        a page by its place. Of code only the names are kept, once each: every page carries this.

    Example:
        >>> search_index([("a.html", "A", '<h1 id="a">A</h1><p>x</p>')])
        '{"pages":[["a.html","A"]],"sections":[[0,"a","A","x",""]]}'
    """
    index = {
        "pages": [[file, title] for file, title, _ in pages],
        "sections": [
            [number, one.anchor, one.heading, one.text, " ".join(names_in(one.code))]
            for number, (_, _, html) in enumerate(pages)
            for one in sections(html)
        ],
    }
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # "</script>" or "<!--" would end the element
