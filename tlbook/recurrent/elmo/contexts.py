"""Word vectors in context: the layers of both directions, side by side and in the rows' order.

Paper:    PAPERS["elmo"], section 3.1
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from tlbook.recurrent.elmo.lstm import Stack, State, reversed_rows


def both_ways(
    bilm: nn.Module,
    vectors: Float[Tensor, "*places projection"],
    lengths: Int[Tensor, " batch"],
    state: State,
    ids: Int[Tensor, "batch tokens"] | None = None,
) -> tuple[Float[Tensor, "layers batch tokens features"], State]:
    """Run the LSTMs of both directions over word vectors, and return their layers.

    It is the method `contexts` of a `BiLM`.

    Args:
        bilm: Has the stacks ``forwards`` and ``backwards``.
        vectors: Of begin of sentence, words, end of sentence, and padding of any value:
            (batch, tokens, projection). With `ids` those of distinct words, which is faster:
            (words, projection).
        lengths: Tokens of each row, on the CPU.
        state: (h, c) that the rows begin with, each (directions, layers, batch, width); see
            `BiLM.blank_state`.
        ids: Places in `vectors`.

    Returns:
        The layers, padding 0 from the first LSTM on, and (h, c) after each row's last token (in
        the backward direction, its first).
    """
    stacks: tuple[Stack, Stack] = (bilm.forwards, bilm.backwards)
    shape = vectors.shape[:2] if ids is None else ids.shape
    given = vectors.flatten(0, 1) if ids is None else vectors[ids.flatten()]
    narrow, depth = given.shape[-1], len(stacks[0].layers) + 1
    layers = state[0].new_zeros(depth, shape.numel(), 2 * narrow)
    layers[0] = torch.cat([given, given], dim=-1)
    order = lengths.argsort(descending=True, stable=True)
    ordered, back = lengths[order], order.argsort().to(given.device)
    cells = torch.arange(shape.numel()).view(*shape, 1)[order]
    ends = []
    for direction, stack in enumerate(stacks):
        turned = reversed_rows(cells, ordered) if direction else cells
        packed = pack_padded_sequence(turned[..., 0], ordered, batch_first=True)
        cell = packed.data.to(given.device)  # where in the batch each word that is read stands
        x = given[cell] if ids is None else ids.flatten()[cell]
        begun = tuple(part[direction][:, order.to(part.device)] for part in state)
        outputs, ended = stack(
            PackedSequence(x, packed.batch_sizes), begun, None if ids is None else vectors
        )
        half = slice(direction * narrow, (direction + 1) * narrow)
        for layer, y in enumerate(outputs, start=1):
            layers[layer, :, half].index_copy_(0, cell, y.data.to(layers.dtype))
        ends.append([part[:, back] for part in ended])
    ended = tuple(torch.stack(parts) for parts in zip(*ends, strict=True))
    return layers.view(depth, *shape, 2 * narrow), ended
