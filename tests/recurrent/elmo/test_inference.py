"""The faster way to run an LSTM without derivatives computes what PyTorch's LSTM computes."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from tlbook.recurrent.elmo import inference

LENGTHS = torch.tensor([4, 4, 2, 1])


@pytest.fixture
def given():
    """Return an LSTM in double precision, places of words, their vectors and a state."""
    torch.manual_seed(0)
    lstm = nn.LSTM(4, 6, proj_size=3).double().requires_grad_(False)
    places = pack_padded_sequence(torch.randint(5, (4, 4)), LENGTHS, batch_first=True)
    state = torch.randn(1, 4, 3).double(), torch.randn(1, 4, 6).double()
    return lstm, places, torch.randn(5, 4).double(), state


def read(places, words):
    return PackedSequence(words[places.data], places.batch_sizes)


def require_equal(one, other):
    (y, state), (expected, expected_state) = one, other
    torch.testing.assert_close(y.data, expected.data, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, expected_state, rtol=0, atol=1e-12)
    assert y.batch_sizes.tolist() == expected.batch_sizes.tolist()


def test_outputs_and_states_are_those_of_the_lstm(given):
    lstm, places, words, state = given
    x = read(places, words)
    require_equal(inference.run(lstm, x, state), lstm(x, state))


def test_words_may_be_given_once_and_read_by_their_places(given):
    lstm, places, words, state = given
    require_equal(inference.run(lstm, places, state, words), lstm(read(places, words), state))


@pytest.mark.parametrize("scale", [1, 30])
def test_in_single_precision_long_rows_stay_close_also_where_gates_are_full(scale):
    torch.manual_seed(0)
    lstm = nn.LSTM(8, 16, proj_size=8).requires_grad_(False)
    for weight in (lstm.weight_ih_l0, lstm.bias_ih_l0):
        weight.mul_(scale)
    x = pack_padded_sequence(torch.randn(4, 200, 8), torch.tensor([200] * 4), batch_first=True)
    state = torch.zeros(1, 4, 8), torch.zeros(1, 4, 16)
    found, expected = inference.run(lstm, x, state)[0].data, lstm(x, state)[0].data
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_what_it_is_given_stays_as_it_was(given):
    lstm, places, words, state = given
    x = read(places, words)
    before = [part.clone() for part in (x.data, words, *state)]
    inference.run(lstm, x, state)
    inference.run(lstm, places, state, words)
    for part, old in zip((x.data, words, *state), before, strict=True):
        assert torch.equal(part, old)


def test_it_is_taken_where_it_pays(given, monkeypatch):
    lstm, places, words, state = given
    x = read(places, words)
    assert not inference.pays(lstm, x, state), "few rows"
    monkeypatch.setattr(inference, "ROWS", 2)
    assert inference.pays(lstm, x, state), "frozen"
    assert inference.pays(lstm, places, state, words)
    assert not inference.pays(lstm, places, state, words.requires_grad_()), "words learn"
    lstm.requires_grad_(True)
    assert not inference.pays(lstm, x, state), "the LSTM learns"
    with torch.no_grad():
        assert inference.pays(lstm, x, state)
        wide = nn.LSTM(4, 6).double()
        assert not inference.pays(wide, x, (state[1], state[1])), "no projection"
