"""Embedding a corpus: words once, batches that do not matter, results found again on disk."""

import numpy as np
import pytest
import torch

from tlbook import runtime
from tlbook.recurrent.elmo import BiLM, embedding
from tlbook.recurrent.elmo.settings import Settings

SETTINGS = Settings(filters=((1, 4), (2, 3)), projection=3, cell=5, longest=10)
SENTENCES = [["a", "b"], ["b"], [], ["c", "a", "b", "a"], ["a", "bb", "a"]]
CLOSE = {"rtol": 0, "atol": 1e-6}


@pytest.fixture
def bilm():
    torch.manual_seed(0)
    return BiLM(SETTINGS)


@pytest.fixture
def counted(bilm):
    """Count the words that the character CNN reads."""
    read = []
    bilm.characters.register_forward_pre_hook(lambda _, given: read.append(len(given[0])))
    return read


@pytest.mark.parametrize("size", [1, 2, 64])
def test_rows_come_back_in_order_whatever_the_batches(bilm, size):
    found = bilm.embed(SENTENCES, batch_size=size)
    assert [vectors.shape for vectors in found] == [(3, len(s), 6) for s in SENTENCES]
    for vectors, sentence in zip(found, SENTENCES, strict=True):
        np.testing.assert_allclose(vectors, bilm.embed([sentence])[0], **CLOSE)


def test_each_distinct_word_is_read_once(bilm, counted):
    bilm.embed(SENTENCES, batch_size=2)
    assert sum(counted) == 2 + len({"a", "b", "c", "bb"})  # and the ends of a sentence


def test_many_words_are_read_in_turns(bilm, counted, monkeypatch):
    whole = bilm.embed(SENTENCES)
    counted.clear()
    monkeypatch.setattr(embedding, "TYPES", 4)
    np.testing.assert_allclose(bilm.embed(SENTENCES)[3], whole[3], **CLOSE)
    assert counted == [4, 2]


def test_no_sentences_have_no_vectors(bilm):
    assert bilm.embed([]) == []
    assert bilm.embed([], cache=True) == []


def test_a_larger_batch_begins_new_rows_from_zero_and_a_smaller_leaves_old_ones(bilm):
    bilm.embed([["a"]], stateful=True)
    two = bilm.embed([["b"], ["a", "b"]], stateful=True)
    np.testing.assert_allclose(two[1], bilm.embed([["a", "b"]])[0], **CLOSE)
    kept = bilm.carried[0][:, :, 1].clone()
    bilm.embed([["c"]], stateful=True)
    torch.testing.assert_close(bilm.carried[0][:, :, 1], kept)


def test_one_stateful_call_may_hold_several_batches(bilm):
    apart = [bilm.embed(SENTENCES[i : i + 2], stateful=True) for i in (0, 2, 4)]
    bilm.reset_state()
    together = bilm.embed(SENTENCES, stateful=True, batch_size=2)
    for one, other in zip(sum(apart, []), together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_was_embedded_once_is_found_on_disk(bilm, counted):
    first = bilm.embed(SENTENCES, cache=True)
    counted.clear()
    second = bilm.embed(SENTENCES, cache=True)
    assert not counted
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype == np.float32


def test_other_weights_or_words_are_computed_anew(bilm, counted):
    bilm.embed(SENTENCES, cache=True)
    for sentences in (SENTENCES[:2], [["ab"], ["b"]]):
        counted.clear()
        bilm.embed(sentences, cache=True)
        assert counted
    with torch.no_grad():
        bilm.characters.projection.bias += 1
    counted.clear()
    bilm.embed(SENTENCES, cache=True)
    assert counted


def test_words_cannot_run_into_one_another_in_the_key(bilm):
    keys = {embedding.key_of(bilm, s) for s in ([["a", "b"]], [["ab"]], [["a"], ["b"]], [["a,b"]])}
    assert len(keys) == 4


def test_a_word_that_utf_8_has_no_bytes_for_has_a_key(bilm):
    assert embedding.key_of(bilm, [["\ud800"]]) != embedding.key_of(bilm, [["\ud801"]])


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-9], lambda content: b"", lambda content: b"PK\x03\x04" + content],
    ids=["cut off", "empty", "of another kind"],
)
def test_a_damaged_file_is_made_anew(bilm, counted, damage):
    first = bilm.embed(SENTENCES, cache=True)
    (path,) = (runtime.cache_folder() / "elmo").iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    np.testing.assert_array_equal(bilm.embed(SENTENCES, cache=True)[3], first[3])
    assert path.read_bytes() == whole
    counted.clear()
    np.testing.assert_array_equal(bilm.embed(SENTENCES, cache=True)[3], first[3])
    assert not counted


def test_layers_of_other_words_are_not_taken_for_these(bilm, monkeypatch):
    monkeypatch.setattr(embedding, "key_of", lambda *given: "same")
    bilm.embed(SENTENCES, cache=True)
    assert bilm.embed([["a"]], cache=True)[0].shape == (3, 1, 6)


def test_what_is_done_to_the_layers_does_not_reach_the_disk(bilm):
    bilm.embed(SENTENCES, cache=True)
    found = bilm.embed(SENTENCES, cache=True)[0]
    before = found.copy()
    found += 1
    np.testing.assert_array_equal(bilm.embed(SENTENCES, cache=True)[0], before)


def test_a_folder_that_cannot_be_written_to_is_let_be(bilm, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path / "file"))
    assert len(bilm.embed(SENTENCES, cache=True)) == len(SENTENCES)


def test_a_stateful_result_cannot_be_cached(bilm):
    with pytest.raises(ValueError, match="a stateful result depends on earlier batches"):
        bilm.embed(SENTENCES, cache=True, stateful=True)


@pytest.mark.parametrize("cache", [False, True])
def test_a_text_is_no_list_of_words(bilm, cache):
    with pytest.raises(TypeError, match="sentence 1 is the text 'The red ship'; split it into"):
        bilm.embed([["a"], "The red ship"], cache=cache)


def test_a_number_is_no_word():
    class Odd(list):
        """Looks like a list of words to beartype, which looks at one place of it."""

        def __iter__(self):
            yield 7

    for compute in (embedding.indexed, lambda given: embedding.key_of(BiLM(SETTINGS), given)):
        with pytest.raises(TypeError, match="sentence 0 has 7 where a word should be"):
            compute([Odd(["a"])])


def test_batches_hold_one_sentence_at_least(bilm):
    with pytest.raises(ValueError, match="batch_size must be 1 or more, got 0"):
        bilm.embed(SENTENCES, batch_size=0)
