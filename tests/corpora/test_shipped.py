"""What is said of a corpus fits its rows."""

import pytest

from tlbook.corpora import embedded
from tlbook.corpora.shipped import CORPORA, NER_TAGS, UPOS


@pytest.mark.parametrize("name", CORPORA)
def test_every_column_that_is_named_exists(name):
    corpus, row = CORPORA[name], embedded.rows(name)[0]
    named = {corpus.text, corpus.pair, corpus.label, *corpus.tags, *corpus.strata, *corpus.together}
    assert named - {None, "polarity"} <= set(row)


@pytest.mark.parametrize("name", CORPORA)
def test_the_named_classes_are_those_of_the_rows(name):
    rows = embedded.rows(name)
    for column, classes in CORPORA[name].classes.items():
        assert len(set(classes)) == len(classes)
        if column in rows[0]:
            values = [row[column] for row in rows]
            seen = (
                {tag for tags in values for tag in tags} if column in CORPORA[name].tags else values
            )
            assert set(seen) == set(classes)


def test_tags_are_the_17_of_universal_dependencies_and_the_9_of_conll_2003():
    assert len(UPOS) == 17
    assert NER_TAGS[0] == "O"
    assert NER_TAGS[1::2] == tuple(tag.replace("I-", "B-") for tag in NER_TAGS[2::2])
    assert len(NER_TAGS) == 9


def test_every_source_is_used_once():
    assert len({corpus.source for corpus in CORPORA.values()}) == len(CORPORA)
