"""Checks for the exercises of lesson 13, ELMo."""

import math

import numpy as np
from jaxtyping import Float, Int

from tlbook.checks import Tests, Verdict, close, judge
from tlbook.checks.asking import Replies, ask

Nats = list[list[float]]  # a list for each sentence


def check_touched(touched: object) -> Verdict:
    """Exercise 1: which half-vectors of a layer change when a word of a sentence is changed.

    Args:
        touched: Maps ``length`` and ``place`` to two lists of places, those whose forward half
            changes and those whose backward half does.
    """
    draw = np.random.default_rng()
    cases = [(length, int(draw.integers(1, length - 2))) for length in (6, 9)]
    replies = ask(touched, cases)
    tests = [
        (lambda: callable(touched), "write a function of length and place"),
        (
            lambda: all(len(reply) == 2 for reply in replies),
            "return two lists: places whose forward half changes, and whose backward half does",
        ),
    ]
    return judge(touched, tests + _about_touched(replies, cases))


def _about_touched(replies: Replies, cases: list[tuple[int, int]]) -> Tests:
    """Tests of pairs of lists; a case is the length of a sentence and the place of a word."""

    def gives(number: int, first: int, end: int) -> bool:
        """Whether a reply's list holds the places from the word + first to the end + end."""
        spans = ((p + first, n + end) if number == 0 else (end, p + 1 - first) for n, p in cases)
        found = [sorted({int(place) for place in reply[number]}) for reply in replies]
        return found == [list(range(start, stop)) for start, stop in spans]

    def crossed() -> bool:
        found = [[sorted(map(int, half)) for half in reply] for reply in replies]
        return found == [[[*range(p + 1)], [*range(p, n)]] for n, p in cases]

    def everywhere() -> bool:
        found = [[sorted(map(int, half)) for half in reply] for reply in replies]
        return found == [[[*range(n)]] * 2 for n, _ in cases]

    return [
        (
            lambda: not crossed(),
            "the lists changed places: the forward half of a word knows what stands before it",
        ),
        (lambda: not everywhere(), "each half sees one side of its word only"),
        (
            lambda: not (gives(0, 1, 0) or gives(1, 1, 0)),
            "a half knows its own word as well, not only the others",
        ),
        (lambda: not gives(0, 1, 1), "the first word has place 0"),
        (
            lambda: gives(0, 0, 0),
            "forward: a change is carried on from the word to the end of the sentence",
        ),
        (lambda: gives(1, 0, 0), "backward: the sentence is read from its end to its begin"),
    ]


def check_perplexity(perplexity: object) -> Verdict:
    """Exercise 2: the perplexity of a text, of the losses of its words.

    Args:
        perplexity: Maps a list of sentences, each a list of losses in nats per word, to a number.
    """
    draw = np.random.default_rng()
    texts = [
        ([draw.uniform(0.5, 6, size=count).tolist() for count in counts],)
        for counts in ((1, 9, 3), (12, 2))
    ]
    replies = ask(perplexity, texts)
    tests = [(lambda: callable(perplexity), "write a function of a list of lists of losses")]
    return judge(perplexity, tests + _about_perplexity(replies, [text for (text,) in texts]))


def _about_perplexity(replies: Replies, texts: list[Nats]) -> Tests:
    """Tests of one number for each text."""

    def mean(text: Nats) -> float:
        """Nats per word."""
        return float(np.concatenate(text).mean())

    def of_means(text: Nats) -> float:
        """The mean over sentences of their nats per word."""
        return float(np.mean([np.mean(sentence) for sentence in text]))

    def gives(number_of) -> bool:
        wanted = [number_of(text) for text in texts]
        return close(list(replies), wanted, within=1e-6 * max(wanted))

    return [
        (lambda: np.shape(list(replies)) == (len(texts),), "return one number for the whole text"),
        (lambda: not gives(mean), "that is the loss in nats; the perplexity is e to this power"),
        (lambda: not gives(lambda t: 2 ** mean(t)), "losses in nats belong to e, not to 2"),
        (
            lambda: not gives(lambda t: math.exp(sum(map(sum, t)))),
            "divide by the number of words before you raise e to it",
        ),
        (
            lambda: not gives(lambda t: float(np.mean([math.exp(np.mean(s)) for s in t]))),
            "mean losses first, exponents last: a mean of perplexities is larger",
        ),
        (
            lambda: not gives(lambda t: math.exp(of_means(t))),
            "every word counts the same, so a long sentence counts more than a short one",
        ),
        (
            lambda: not gives(lambda t: float(np.exp(np.concatenate(t)).mean())),
            "mean losses first, exponents last: that is the mean of 1 / p",
        ),
        (lambda: gives(lambda t: math.exp(mean(t))), "e to the mean loss of all words"),
    ]


def check_sense(nearest_sense: object) -> Verdict:
    """Exercise 3: the sense of a word in context, the paper's way.

    Args:
        nearest_sense: Maps ``states`` (words, features), their ``senses`` (words) and ``asked``
            (others, features) to one sense for each asked: that whose mean state is nearest by
            cosine.
    """
    draw = np.random.default_rng()
    senses = np.array([4] * 8 + [7] * 3 + [9] * 3)
    centres = {sense: draw.normal(size=8) for sense in (4, 7, 9)}
    states = np.stack([centres[s] for s in senses]) + draw.normal(size=(14, 8))
    states[senses == 7] *= 20  # the longest win a dot product, but no cosine
    order, asked = draw.permutation(14), draw.normal(size=(60, 8))
    states, senses = states[order], senses[order]
    replies = ask(nearest_sense, [(states, senses, asked)])
    tests = [
        (lambda: callable(nearest_sense), "write a function of states, senses and asked"),
        (lambda: np.shape(replies[0]) == (60,), "return one sense for each word that is asked for"),
    ]
    return judge(nearest_sense, tests + _about_sense(replies, states, senses, asked))


def _about_sense(
    replies: Replies,
    states: Float[np.ndarray, "words features"],
    senses: Int[np.ndarray, " words"],
    asked: Float[np.ndarray, "others features"],
) -> Tests:
    """Tests of the only reply, one sense for each asked."""
    names, close_by = np.unique(senses), _unit(asked) @ _unit(states).T
    means, sums = (
        np.stack([how(states[senses == name], axis=0) for name in names])
        for how in (np.mean, np.sum)
    )
    cosines = _unit(asked) @ _unit(means).T
    distances = np.linalg.norm(asked[:, None] - means[None], axis=2)
    by_length = "a long vector must not win by its length: divide by the norms"
    slips = [
        (
            senses[close_by.argmax(1)],
            "that is the nearest single word; first a mean per sense",
        ),
        (names[(asked @ means.T).argmax(1)], by_length),
        (names[(asked @ sums.T).argmax(1)], by_length),
        (
            names[distances.argmin(1)],
            "lengths change a distance: only the direction counts",
        ),
        (names[cosines.argmin(1)], "a small cosine means far away"),
    ]

    def gives(wanted: np.ndarray) -> bool:
        return np.array_equal(replies[0], wanted)

    def right() -> bool:
        """Whether no other sense is nearer by more than rounding can make."""
        place = np.searchsorted(names, replies[0])
        return bool((cosines[np.arange(len(asked)), place] >= cosines.max(1) - 1e-9).all())

    return [
        (lambda: not gives(cosines.argmax(1)), "return the sense itself, not its place in a list"),
        (lambda: bool(np.isin(replies[0], names).all()), "return numbers that stand in senses"),
        *((lambda wrong=wrong: not gives(wrong), hint) for wrong, hint in slips),
        (right, "the mean state of each sense, then the largest cosine"),
    ]


def _unit(vectors: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows features"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
