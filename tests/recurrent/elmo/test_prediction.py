"""The language model predicts each word from one side, and its losses are what they say."""

import math

import pytest
import torch

from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.prediction import NAMES, LanguageModel, sampled_loss
from tlbook.recurrent.elmo.settings import Settings

SETTINGS = Settings(filters=((1, 4), (2, 3)), projection=3, cell=5, longest=10)
SENTENCES = [["a", "b", "zzz"], ["b"], []]
VOCABULARY = [*NAMES, "a", "b", "c"]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LanguageModel(BiLM(SETTINGS), VOCABULARY)


def test_each_word_is_predicted_from_the_state_beside_it(model):
    types = ["<S>", "a", "b", "zzz", "</S>"]
    vectors = model.bilm.word_vectors(types)[None]
    layers, _ = model.bilm.contexts(vectors, torch.tensor([5]), model.bilm.blank_state(1))
    there, back = layers[-1, 0].chunk(2, dim=-1)
    wanted = [0, 2, 3, 1, 0]
    forward = sum(-model.softmax(there[k]).log_softmax(0)[wanted[k + 1]] for k in range(4))
    backward = sum(-model.softmax(back[k]).log_softmax(0)[wanted[k - 1]] for k in range(1, 5))
    found = model.sums([["a", "b", "zzz"]])
    torch.testing.assert_close(found, {"forward": forward, "backward": backward})


def test_sentences_of_a_batch_do_not_touch_one_another(model):
    together = model.sums(SENTENCES)
    apart = [model.sums([sentence]) for sentence in SENTENCES]
    for name, total in together.items():
        torch.testing.assert_close(total, sum(part[name] for part in apart))


def test_losses_are_per_word_and_perplexity_is_their_exponential(model):
    losses = model.losses(SENTENCES)
    assert losses["forward"].requires_grad
    found = model.perplexity(SENTENCES, batch_size=2)
    for name, loss in losses.items():
        assert found[name] == pytest.approx(math.exp(loss.item()), rel=1e-5)
        assert loss.item() == pytest.approx(model.sums(SENTENCES)[name].item() / 7)


def test_a_model_that_knows_nothing_is_perplexed_by_every_word_alike(model):
    with torch.no_grad():
        model.softmax.weight.zero_()
        model.softmax.bias.zero_()
    assert model.perplexity(SENTENCES) == pytest.approx({"forward": 5, "backward": 5})


def test_it_learns_a_sentence_in_both_directions(model):
    optimizer = torch.optim.AdamW(model.parameters(), 0.03)
    for _ in range(60):
        optimizer.zero_grad()
        sum(model.losses(SENTENCES[:2]).values()).backward()
        optimizer.step()
    assert max(model.perplexity(SENTENCES[:2]).values()) < 1.6


def test_a_vocabulary_begins_with_its_special_words():
    with pytest.raises(ValueError, match="a vocabulary begins with .*, not with .*'a'"):
        LanguageModel(BiLM(SETTINGS), ["a", "b"])


def test_with_all_words_as_candidates_the_sampled_loss_is_the_whole_one(model):
    states, targets = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 4, 4])
    found = sampled_loss(model.softmax, states, targets, torch.arange(5), torch.zeros(5))
    torch.testing.assert_close(found, model.loss(states, targets) / 6)


def test_the_estimated_sum_is_right_on_average(model):
    torch.manual_seed(1)
    state, target = torch.randn(1, 3), torch.tensor([2])
    shares = torch.tensor([0.1, 0.2, 0.3, 0.25, 0.15])
    right = model.softmax(state)[0, 2]
    sums = []
    for _ in range(300):
        drawn = torch.multinomial(shares, 40, replacement=True)
        loss = sampled_loss(model.softmax, state, target, drawn, -(40 * shares[drawn]).log())
        sums.append((loss + right).exp().item())
    expected = model.softmax(state).exp().sum().item()
    assert sum(sums) / len(sums) == pytest.approx(expected, rel=0.03)
