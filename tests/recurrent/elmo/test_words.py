"""Words and punctuation come apart as in the Penn Treebank."""

import pytest

from tlbook.recurrent.elmo.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The ship sails.", "The ship sails ."),
        ("They don't; she can’t, he’s late", "They do n't ; she ca n't , he 's late"),
        ("I'll say WE'RE 'fine'", "I 'll say WE 'RE ' fine '"),
        ("Mr. Hill of the U.S. Navy", "Mr. Hill of the U.S. Navy"),
        ("2,000.50 at 10:30, or 7.", "2,000.50 at 10:30 , or 7 ."),
        ("a well-known four o'clock", "a well-known four o'clock"),
        ("“Stop...” -- he _really_ said", '" Stop ... " -- he really said'),
        ("Ça coûte 5€", "Ça coûte 5 €"),
        (" \n ", ""),
    ],
)
def test_a_text_is_split(text, words):
    assert words_of(text) == words.split()
