"""A BiLSTM reads words, and the layers of a biLM where they are asked for."""

import pytest
import torch
from torch import nn

from tlbook.freezing import trained_weights
from tlbook.metrics import accuracy, tag_accuracy
from tlbook.recurrent.elmo import BiLM, ELMoFeatures
from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.tagger import (
    BiLSTMClassifier,
    BiLSTMTagger,
    WordReader,
    both_directions,
    train,
)
from tlbook.recurrent.word_batches import Vocabulary, WordBatches
from tlbook.training import evaluate, predict

TEXT = [["the", "ship", "left"], ["Ada", "saw", "the", "old", "ship"], ["Bo", "left"]]
TAGS = [[0, 1, 2], [1, 2, 0, 0, 1], [1, 2]]
SIZES = {"embedding": 6, "hidden": 5}


@pytest.fixture
def bilm():
    torch.manual_seed(0)
    return BiLM(Settings(filters=((1, 4),), projection=3, cell=4)).eval()


def batches(labels=TAGS, bilm=None, **options):
    vocabulary = Vocabulary(TEXT, at_least=1)
    layers = None if bilm is None else bilm.embed(TEXT)
    return WordBatches(vocabulary.rows(TEXT, labels), layers=layers, **options)


def reader(elmo=None, places=("input",), **options):
    torch.manual_seed(1)
    vocab = len(Vocabulary(TEXT, at_least=1))
    return WordReader(vocab, elmo=elmo, places=places, **SIZES | options)


def test_states_of_padding_are_zero_and_both_directions_read_real_tokens_only():
    torch.manual_seed(0)
    lstm = nn.LSTM(2, 3, bidirectional=True, batch_first=True)
    x, mask = torch.randn(2, 4, 2), torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    with torch.no_grad():
        found = both_directions(lstm, x, mask)
        torch.testing.assert_close(found[0, :2], lstm(x[:1, :2])[0][0])
        torch.testing.assert_close(found[1], lstm(x[1:])[0][0])
    assert not found[0, 2:].any()


@pytest.mark.parametrize("places", [(), ("input",), ("output",), ("input", "output")])
def test_neighbours_in_a_batch_do_not_matter(bilm, places):
    elmo = ELMoFeatures(bilm, mixes=len(places)) if places else None
    model = BiLSTMTagger(reader(elmo, places), 3).eval()
    together = predict(model, batches(bilm=bilm, size=3))
    alone = predict(model, batches(bilm=bilm, size=1))
    for one, other, words in zip(together, alone, TEXT, strict=True):
        assert one.shape == (len(words), 3)
        torch.testing.assert_close(torch.tensor(one), torch.tensor(other))


@pytest.mark.parametrize(
    ("places", "read", "width"),
    [((), 36, 10), (("input",), 42, 10), (("output",), 36, 16), (("output", "input"), 42, 16)],
)
def test_elmo_widens_what_is_read_or_what_comes_out(bilm, places, read, width):
    elmo = ELMoFeatures(bilm, mixes=len(places)) if places else None
    made = reader(elmo, places)
    assert (made.lstm.input_size, made.width) == (read, width)


def test_a_mix_belongs_to_its_place(bilm):
    made = reader(ELMoFeatures(bilm, mixes=2), ("output", "input")).eval()
    (batch,) = batches(bilm=bilm, size=3)
    before = made(**batch)
    made.elmo.mixes[0].gamma.data.zero_()
    after = made(**batch)
    assert torch.equal(after[..., :10], before[..., :10])
    assert not after[..., 10:].any()
    assert before[..., 10:].any()


def test_capitals_are_seen_by_the_spelling_alone():
    made = reader().eval()
    vocabulary = Vocabulary(TEXT, at_least=1)
    rows = vocabulary.rows([["ship"], ["SHIP"]], [[0], [0]])
    assert rows[0]["input_ids"] == rows[1]["input_ids"]
    lower, upper = made(**next(iter(WordBatches(rows, shuffle=False))))
    assert not torch.allclose(lower, upper)


@pytest.mark.parametrize("places", [("input",), ("input", "output")])
def test_tags_are_learned_and_the_bilm_stays_as_it_was(bilm, places):
    model = BiLSTMTagger(reader(ELMoFeatures(bilm, mixes=len(places)), places), 3)
    before = [weight.clone() for weight in bilm.parameters()]
    data = batches(bilm=bilm, size=3)
    train(model, data, learning_rate=0.03, epochs=40, progress=False)
    assert evaluate(model, data, metric=tag_accuracy) == 1
    assert all(torch.equal(old, new) for old, new in zip(before, bilm.parameters(), strict=True))
    assert all(mix.scores.any() for mix in model.reader.elmo.mixes)
    parts = [model.head, model.reader.lstm, model.reader.embedding, model.reader.spelling]
    own = sum(weight.numel() for part in parts for weight in part.parameters())
    assert trained_weights(model) == own + 4 * len(places)  # three scores and gamma of each mix


def test_classes_of_texts_are_learned_too():
    model, data = BiLSTMClassifier(reader(), 2), batches(labels=[0, 1, 0], size=3)
    train(model, data, learning_rate=0.03, epochs=40, progress=False)
    assert evaluate(model, data, metric=accuracy) == 1


def test_the_penalty_holds_the_layers_near_their_mean(bilm):
    def scores(penalty):
        model = BiLSTMTagger(reader(ELMoFeatures(bilm)), 3)
        data = batches(bilm=bilm, size=3)
        train(model, data, learning_rate=0.03, epochs=20, penalty=penalty, progress=False)
        return model.reader.elmo.mixes[0].scores.detach().abs().max()

    assert scores(penalty=10.0) < scores(penalty=0.0) / 2


@pytest.mark.parametrize("places", [(), ("input",), ("input", "input"), ("input", "middle")])
def test_places_that_do_not_fit_the_mixes_are_refused(bilm, places):
    with pytest.raises(ValueError, match="for each of 2 mixes"):
        reader(ELMoFeatures(bilm, mixes=2), places)


def test_a_batch_without_layers_is_refused_where_elmo_is_wanted(bilm):
    model = reader(ELMoFeatures(bilm))
    with pytest.raises(ValueError, match="give layers=bilm.embed"):
        model(**next(iter(batches())))
