"""Every paper can be found and says what the lesson follows."""

import re

import pytest

from tlbook.papers import PAPERS


@pytest.mark.parametrize("slug", PAPERS)
def test_a_paper_has_a_slug_a_link_and_a_place_to_read(slug):
    paper = PAPERS[slug]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", slug)
    assert re.match(
        r"https://(arxiv\.org/abs|aclanthology\.org|doi\.org|openreview\.net)/", paper.url
    )
    assert 1990 < paper.year < 2100
    assert paper.authors
    assert paper.title
    assert "section" in paper.where
