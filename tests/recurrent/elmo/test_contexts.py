"""Both directions meet at each word again, and words may be given once with their places."""

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.settings import Settings

ROWS = 40  # enough for the faster way without derivatives
CLOSE = {"rtol": 0, "atol": 1e-6}


def bilm(clip=None):
    torch.manual_seed(0)
    return BiLM(Settings(((1, 2),), projection=3, cell=5, cell_clip=clip, projection_clip=clip))


def given(rows):
    """Return vectors of words, lengths, a state and the places of the words of each row."""
    torch.manual_seed(1)
    lengths = torch.randint(2, 7, (rows,))
    state = torch.randn(2, 2, rows, 3) / 9, torch.randn(2, 2, rows, 5) / 9
    return torch.randn(7, 3), lengths, state, torch.randint(7, (rows, int(lengths.max())))


@pytest.mark.parametrize("rows", [3, ROWS])
def test_each_row_is_what_its_stacks_make_of_it_alone(rows):
    model = bilm()
    vectors, lengths, state, ids = given(rows)
    with torch.no_grad():
        layers, ends = model.contexts(vectors, lengths, state, ids)
        for row, length in enumerate(lengths.tolist()):
            x, one = vectors[ids[row, :length]], torch.ones(length, dtype=torch.long)
            for direction, stack in enumerate((model.forwards, model.backwards)):
                turned = x.flip(0) if direction else x
                begun = tuple(part[direction, :, row : row + 1].contiguous() for part in state)
                outputs, ended = stack(PackedSequence(turned, one), begun)
                half = layers[1:, row, :length, direction * 3 : direction * 3 + 3]
                for y, layer in zip(outputs, half, strict=True):
                    expected = y.data.flip(0) if direction else y.data
                    torch.testing.assert_close(layer, expected, **CLOSE)
                for part, end in zip(ends, ended, strict=True):
                    torch.testing.assert_close(part[direction, :, row], end[:, 0], **CLOSE)
            torch.testing.assert_close(layers[0, row, :length], torch.cat([x, x], dim=-1))
            assert not layers[1:, row, length:].any(), "padding"


@pytest.mark.parametrize("clip", [None, 0.1], ids=["free", "clipped"])
@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize("rows", [3, ROWS])
def test_words_given_once_have_the_layers_of_words_given_each_time(clip, learns, rows):
    model = bilm(clip).requires_grad_(learns)
    vectors, lengths, state, ids = given(rows)
    one, one_end = model.contexts(vectors, lengths, state, ids)
    other, other_end = model.contexts(vectors[ids], lengths, state)
    torch.testing.assert_close(one, other, **CLOSE)
    torch.testing.assert_close(one_end, other_end, **CLOSE)
    assert one.requires_grad == other.requires_grad == learns


def test_gradients_reach_a_word_from_each_of_its_places():
    vectors, lengths, state, ids = given(3)
    gradients = []
    for places in (ids, None):
        leaf = vectors.clone().requires_grad_()
        words = leaf if places is not None else leaf[ids]
        bilm().contexts(words, lengths, state, places)[0].square().sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-5)
