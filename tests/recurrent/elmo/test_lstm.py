"""The fused and the word-by-word LSTM agree, and clipping holds states where it should."""

from dataclasses import replace

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tlbook.recurrent.elmo.lstm import ProjectedLSTM, Stack, reversed_rows
from tlbook.recurrent.elmo.settings import Settings

SETTINGS = Settings(filters=((1, 2),), projection=3, cell=5)
LENGTHS = torch.tensor([4, 4, 2, 1])
CLOSE = {"rtol": 0, "atol": 1e-6}


@pytest.fixture
def packed():
    torch.manual_seed(0)
    return pack_padded_sequence(torch.randn(4, 4, 3), LENGTHS, batch_first=True)


def state(cell=5, layers=1):
    torch.manual_seed(1)
    return torch.randn(layers, 4, 3), torch.randn(layers, 4, cell)


@pytest.mark.parametrize("cell", [5, 3], ids=["projected", "as wide as the memory"])
def test_word_by_word_gives_what_the_fused_path_gives(packed, cell):
    layer = ProjectedLSTM(replace(SETTINGS, cell=cell))
    assert not layer.clips
    one, other = (compute(packed, state(cell)) for compute in (layer, layer.stepwise))
    torch.testing.assert_close(one[0].data, other[0].data, **CLOSE)
    torch.testing.assert_close(one[1], other[1], **CLOSE)


def test_both_paths_learn_alike(packed):
    layer = ProjectedLSTM(SETTINGS)
    gradients = []
    for compute in (layer, layer.stepwise):
        layer.zero_grad()
        compute(packed, state())[0].data.square().sum().backward()
        gradients.append([weight.grad.clone() for weight in layer.parameters()])
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-5)


def test_a_clip_that_is_never_reached_changes_nothing(packed):
    torch.manual_seed(2)
    free = ProjectedLSTM(SETTINGS)
    clipped = ProjectedLSTM(replace(SETTINGS, cell_clip=50.0, projection_clip=50.0))
    clipped.load_state_dict(free.state_dict())
    torch.testing.assert_close(
        clipped(packed, state())[0].data, free(packed, state())[0].data, **CLOSE
    )


def test_cells_and_states_stay_within_their_clips(packed):
    layer = ProjectedLSTM(replace(SETTINGS, cell_clip=0.2, projection_clip=0.01))
    outputs, (_, memory) = layer(packed, state())
    assert memory.abs().max().item() == pytest.approx(0.2)
    assert outputs.data.abs().max().item() == pytest.approx(0.01)


def test_a_row_that_has_ended_keeps_its_state(packed):
    layer = ProjectedLSTM(SETTINGS)
    for compute in (layer, layer.stepwise):
        outputs, (h, _) = compute(packed, state())
        padded, _ = pad_packed_sequence(outputs, batch_first=True)
        last = padded[torch.arange(4), LENGTHS - 1]
        torch.testing.assert_close(h[0], last, **CLOSE)


def test_from_the_second_layer_on_the_input_is_added(packed):
    torch.manual_seed(3)
    plain = Stack(replace(SETTINGS, layers=2, skip=False))
    skipping = Stack(replace(SETTINGS, layers=2))
    skipping.load_state_dict(plain.state_dict())
    one, first_state = plain(packed, state(layers=2))
    other, second_state = skipping(packed, state(layers=2))
    torch.testing.assert_close(other[0].data, one[0].data)
    torch.testing.assert_close(other[1].data, one[1].data + one[0].data)
    torch.testing.assert_close(first_state, second_state)


def test_a_layer_first_remembers():
    layer = ProjectedLSTM(SETTINGS)
    bias = (layer.lstm.bias_ih_l0 + layer.lstm.bias_hh_l0).view(4, 5)
    assert bias[1].mean() > 0.5 > bias[[0, 2, 3]].mean()


def test_reversing_twice_is_doing_nothing():
    rows = torch.randn(4, 4, 3)
    twice = reversed_rows(reversed_rows(rows, LENGTHS), LENGTHS)
    torch.testing.assert_close(twice, rows)
    torch.testing.assert_close(reversed_rows(rows, LENGTHS)[2, :2], rows[2, :2].flip(0))


def test_rows_of_one_length_learn_alike_on_either_path():
    torch.manual_seed(4)
    layer = ProjectedLSTM(SETTINGS)
    x = pack_padded_sequence(torch.randn(4, 3, 3), torch.full((4,), 3), batch_first=True)
    gradients = []
    for compute in (layer, layer.stepwise):
        layer.zero_grad()
        compute(x, state())[0].data.square().sum().backward()
        gradients.append([weight.grad.clone() for weight in layer.parameters()])
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-5)


def test_lower_precision_around_it_leaves_the_lstm_its_own():
    stack = Stack(replace(SETTINGS, layers=2))
    data = pack_padded_sequence(torch.randn(4, 4, 3), LENGTHS, batch_first=True)
    whole = stack(data, state(layers=2))[0][-1].data
    with torch.autocast("cpu", torch.bfloat16):
        found = stack(data, state(layers=2))[0][-1].data
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, whole)
