"""Words are spelt as the published models spell them; padding beyond a word changes nothing."""

import numpy as np
import pytest
import torch

from tlbook.recurrent.elmo.characters import (
    BEGIN,
    END,
    PADDING,
    CharacterCNN,
    Highway,
    ids_of,
    largest,
)
from tlbook.recurrent.elmo.settings import Settings

SETTINGS = Settings(
    filters=((1, 3), (3, 2), (4, 2)), projection=2, cell=3, character_width=3, longest=12
)


def test_a_word_is_its_bytes_between_begin_and_end_of_word():
    assert ids_of(["Aé"], 7).tolist() == [[259, 66, 196, 170, 260, 261, 261]]


def test_the_ends_of_a_sentence_are_words_of_one_character():
    assert ids_of([BEGIN, END], 4).tolist() == [[259, 257, 260, 261], [259, 258, 260, 261]]


def test_a_long_word_keeps_its_first_bytes_and_its_end():
    assert ids_of(["abcdef", ""], 5).tolist() == [
        [259, 98, 99, 100, 260],
        [259, 260, 261, 261, 261],
    ]


def test_a_letter_that_utf_8_cannot_write_is_left_out():
    assert ids_of(["a\udc80b"], 5).tolist() == ids_of(["ab"], 5).tolist()


def test_a_highway_lets_through_what_it_does_not_transform():
    highway = Highway(2)
    with torch.no_grad():
        highway.gates.weight.zero_()
        highway.gates.bias.copy_(torch.tensor([4.0, -4.0, 0.0, -100.0]))
    # carry is 1/2 and 0: (4 + 2) / 2 and, although relu(-4) is 0, all of x
    torch.testing.assert_close(highway(torch.tensor([[2.0, 3.0]])), torch.tensor([[3.0, 3.0]]))


def test_a_highway_first_lets_most_through():
    torch.manual_seed(0)
    x = torch.rand(5, 4)
    assert (Highway(4)(x) - x).abs().mean() < 0.25


@pytest.mark.parametrize("words", [["a"], ["ship", "a"], ["twelvetwelve", "a"], [""]])
def test_padding_that_is_cut_off_does_not_matter(words):
    torch.manual_seed(0)
    cnn = CharacterCNN(SETTINGS)
    ids = torch.from_numpy(ids_of(words, SETTINGS.longest)).long()
    letters = cnn.embedding(ids).transpose(1, 2)
    whole = torch.cat([look(letters).amax(-1).relu() for look in cnn.filters], dim=-1)
    for highway in cnn.highways:
        whole = highway(whole)
    torch.testing.assert_close(cnn(ids), cnn.projection(whole), rtol=0, atol=1e-6)


def test_with_derivatives_filters_give_what_a_convolution_gives_and_the_same_gradients():
    torch.manual_seed(0)
    letters = torch.rand(5, 9, 3, requires_grad=True)
    for look in CharacterCNN(SETTINGS).filters:
        inputs = letters, look.weight, look.bias
        convolved = look(letters.transpose(1, 2)).amax(-1)
        found = largest(look, letters)
        torch.testing.assert_close(found, convolved, rtol=0, atol=1e-6)
        with torch.no_grad():
            torch.testing.assert_close(largest(look, letters), convolved, rtol=0, atol=1e-6)
        weights = torch.rand_like(found)
        wanted = torch.autograd.grad(convolved, inputs, weights)
        torch.testing.assert_close(torch.autograd.grad(found, inputs, weights), wanted)


def test_a_word_has_the_same_vector_whatever_words_stand_beside_it():
    torch.manual_seed(0)
    cnn = CharacterCNN(SETTINGS)
    alone, beside = (
        cnn(torch.from_numpy(ids_of(words, SETTINGS.longest)).long())
        for words in (["ab"], ["ab", "abcdefghij"])
    )
    torch.testing.assert_close(alone[0], beside[0], rtol=0, atol=1e-6)


def test_the_row_for_no_word_stays_zero():
    cnn = CharacterCNN(SETTINGS)
    assert not cnn.embedding.weight[0].any()
    assert cnn.embedding.weight.shape == (PADDING + 1, 3)
    cnn(torch.from_numpy(ids_of(["ab"], 12)).long()).sum().backward()
    assert not np.any(cnn.embedding.weight.grad[0].numpy())
