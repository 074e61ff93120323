"""The trigram's shares are those of the formula, and always a whole."""

import numpy as np
import pytest

from tlbook.recurrent.pocket_elmo.trigram import Trigram

TEXT = np.random.default_rng(0).integers(0, 6, 400) % 5  # 0 twice as often


def by_hand(text, vocab, u, v, w):
    """Modified Kneser-Ney by the book, with sets and loops."""
    threes = {}
    for gram in zip(text[:-2], text[1:-1], text[2:], strict=True):
        threes[gram] = threes.get(gram, 0) + 1
    twos, ones = {}, {}
    for gram in threes:
        twos[gram[1:]] = twos.get(gram[1:], 0) + 1
    for gram in twos:
        ones[gram[1:]] = ones.get(gram[1:], 0) + 1

    def share(counts, context, word, below):
        n = [sum(c == k for c in counts.values()) for k in range(5)]
        y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0
        raw = [k - (k + 1) * y * n[k + 1] / n[k] if n[k] and n[1] else 0 for k in (1, 2, 3)]
        discounts = [d if 0 < d < k else k / 2 for k, d in zip((1, 2, 3), raw, strict=True)]
        here = {g[-1]: c for g, c in counts.items() if g[:-1] == context}
        if not here:
            return below
        total = sum(here.values())
        freed = sum(discounts[min(c, 3) - 1] for c in here.values())
        kept = here.get(word, 0) - discounts[min(here[word], 3) - 1] if word in here else 0
        return kept / total + freed / total * below

    found = share(ones, (), w, 1 / vocab)
    found = share(twos, (v,), w, found)
    return share(threes, (u, v), w, found)


@pytest.mark.parametrize("length", [9, 60, 400])
def test_shares_are_those_of_the_formula(length):
    text = TEXT[:length]
    model = Trigram(text, vocab=7)
    grams = np.array([(u, v, w) for u in (0, 3, 6) for v in range(7) for w in range(7)])
    expected = [by_hand(text.tolist(), 7, *gram) for gram in grams.tolist()]
    np.testing.assert_allclose(model.probabilities(grams), expected, rtol=1e-12)


def test_shares_of_all_words_are_a_whole_also_behind_words_never_seen():
    model = Trigram(TEXT, vocab=9)
    for u, v in ((0, 1), (3, 2), (8, 1), (7, 8)):
        shares = model.probabilities(np.array([(u, v, w) for w in range(9)]))
        assert shares.sum() == pytest.approx(1)
        assert (shares > 0).all()


def test_text_that_was_seen_is_less_perplexing_than_chance():
    pattern = np.tile([0, 2, 4, 1, 3], 60)
    assert Trigram(pattern, vocab=5).perplexity(pattern) < 2
    assert Trigram(TEXT, vocab=5).perplexity(pattern) > 2


def test_too_large_a_vocabulary_is_refused():
    with pytest.raises(ValueError, match="at most 2,000,000 words, got 2000001"):
        Trigram(TEXT, vocab=2_000_001)
