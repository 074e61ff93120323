"""What the pre-training text promises as token ids: chunks have their sizes, and no gaps."""

from tlbook.transformer.pocket_bert import text


def test_chunks_are_consecutive_sentences_of_one_passage_within_the_limits():
    passages = [[[p, s] * (s % 80 + 1) for s in range(90)] for p in range(3)]
    longest = text.CHUNK_TOKENS[-1]
    chunks = list(text.chunks_of(passages, seed=0))
    assert all(text.SHORTEST <= len(chunk) <= longest for chunk in chunks)
    assert all(len(set(chunk[::2])) == 1 for chunk in chunks), "one passage each"
    spoken = [token for chunk in chunks for token in chunk]
    # All sentences in order, the long ones cut; what is missing are chunks below the shortest.
    whole = [token for passage in passages for s in passage for token in s[:longest]]
    assert len(whole) - len(spoken) < text.SHORTEST * len(passages) * 4
    assert text.CHUNK_TOKENS[0] < sum(map(len, chunks)) / len(chunks) < longest


def test_a_passage_of_three_tokens_gives_no_chunk():
    assert list(text.chunks_of([[[7, 8, 9]]], seed=0)) == []
    assert list(text.chunks_of([[[7, 8], [9, 10]]], seed=0)) == [[7, 8, 9, 10]]


def test_another_seed_cuts_elsewhere():
    passages = [[[s] * 9 for s in range(60)]]
    assert list(text.chunks_of(passages, seed=0)) != list(text.chunks_of(passages, seed=1))
