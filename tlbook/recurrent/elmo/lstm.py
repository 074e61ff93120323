"""LSTM layers whose state is projected, and how they are stacked in one direction.

Paper:    PAPERS["elmo"], section 3.4; projected state: Sak, Senior and Beaufays 2014, section 2
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tlbook.recurrent.elmo import inference, through_time
from tlbook.recurrent.elmo.settings import Settings

State = tuple[Tensor, Tensor]  # (layers, batch, projection) and (layers, batch, cell)
Words = Float[Tensor, "words inputs"]


class ProjectedLSTM(nn.Module):
    """One LSTM layer with a projected state, read from left to right.

    With gates i, f, o and candidate g of ``W x_t + U h_(t-1) + b``::

        c_t = clip(f * c_(t-1) + i * g)        h_t = clip(P (o * tanh(c_t)))

    Without clipping this is what PyTorch's LSTM computes, and it or `inference` does so, faster
    than `stepwise`, which is for the published models, all of which clip.

    Args:
        settings: Sizes and clipping.
    """

    def __init__(self, settings: Settings):
        super().__init__()
        self.cell_clip, self.projection_clip = settings.cell_clip, settings.projection_clip
        narrow = settings.projection if settings.projected else 0
        self.lstm = nn.LSTM(settings.projection, settings.cell, proj_size=narrow)
        with torch.no_grad():
            self.lstm.bias_ih_l0[settings.cell : 2 * settings.cell] += 1  # remember at first

    @property
    def clips(self) -> bool:
        """Whether anything is clipped."""
        return self.cell_clip is not None or self.projection_clip is not None

    def forward(
        self, x: PackedSequence, state: State, words: Words | None = None
    ) -> tuple[PackedSequence, State]:
        """Return the states of all words, and (h, c) after each row's last word.

        Args:
            x: Rows sorted by length, longest first.
            state: (h, c) to begin with, each (1, batch, width).
            words: Vectors of distinct words, of which `x` then holds the places.
        """
        if self.clips:
            return self.stepwise(x, state, words)
        if inference.pays(self.lstm, x, state, words):
            return inference.run(self.lstm, x, state, words)
        if words is not None:
            x = PackedSequence(words[x.data], x.batch_sizes)
        if through_time.pays(self.lstm, x):
            return through_time.run(self.lstm, x, state)
        return self.lstm(x, state)

    def stepwise(
        self, x: PackedSequence, state: State, words: Words | None = None
    ) -> tuple[PackedSequence, State]:
        """Compute the same word by word, with clipping."""
        weights = self.lstm
        # What the words ask of the gates does not depend on the states: one product for all.
        asked = nn.functional.linear(
            x.data if words is None else words,
            weights.weight_ih_l0,
            weights.bias_ih_l0 + weights.bias_hh_l0,
        )
        asked = asked if words is None else asked[x.data]
        (h,), (c,) = state
        found, start = [], 0
        for rows in x.batch_sizes.tolist():  # rows that are not yet at their end
            told = torch.addmm(asked[start : start + rows], h[:rows], weights.weight_hh_l0.T)
            new_h, new_c = self._cell(told, c[:rows])
            found.append(new_h)
            h, c = torch.cat([new_h, h[rows:]]), torch.cat([new_c, c[rows:]])
            start += rows
        return PackedSequence(torch.cat(found), x.batch_sizes), (h[None], c[None])

    def _cell(
        self, told: Float[Tensor, "batch gates"], c: Float[Tensor, "batch cell"]
    ) -> tuple[Float[Tensor, "batch projection"], Float[Tensor, "batch cell"]]:
        i, f, g, o = told.chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        if self.cell_clip is not None:
            c = c.clamp(-self.cell_clip, self.cell_clip)
        h = o.sigmoid() * c.tanh()
        if self.lstm.proj_size:
            h = nn.functional.linear(h, self.lstm.weight_hr_l0)
        if self.projection_clip is not None:
            h = h.clamp(-self.projection_clip, self.projection_clip)
        return h, c


class Stack(nn.Module):
    """The LSTM layers of one direction; from the second on, each adds its input to its output.

    Args:
        settings: Sizes, clipping, and whether inputs are added.
    """

    def __init__(self, settings: Settings):
        super().__init__()
        self.skip = settings.skip
        self.layers = nn.ModuleList(ProjectedLSTM(settings) for _ in range(settings.layers))

    def forward(
        self, x: PackedSequence, state: State, words: Words | None = None
    ) -> tuple[list[PackedSequence], State]:
        """Return the output of each layer, and the state of each after its last word.

        The state that is carried on is that of the LSTM itself, without what was added. For the
        arguments see `ProjectedLSTM.forward`.
        """
        outputs, states = [], []
        if words is None:
            x = PackedSequence(x.data.to(state[0].dtype), x.batch_sizes)
        else:
            words = words.to(state[0].dtype)
        for depth, layer in enumerate(self.layers):
            begun = (state[0][depth : depth + 1], state[1][depth : depth + 1])
            # LSTMs gain nothing from bfloat16, and their states would lose by it.
            with torch.autocast(x.data.device.type, enabled=False):
                y, ended = layer(x, begun, None if depth else words)
            if depth and self.skip:
                y = PackedSequence(y.data + x.data, y.batch_sizes)
            outputs.append(y)
            states.append(ended)
            x = y
        h, c = zip(*states, strict=True)
        return outputs, (torch.cat(h), torch.cat(c))


def reversed_rows(
    x: Shaped[Tensor, "batch tokens hidden"], lengths: Int[Tensor, " batch"]
) -> Shaped[Tensor, "batch tokens hidden"]:
    """Reverse the real tokens of each row and leave its padding where it is.

    Example:
        >>> rows = torch.tensor([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [0.0]]])
        >>> reversed_rows(rows, torch.tensor([3, 2])).squeeze(-1).tolist()
        [[3.0, 2.0, 1.0], [5.0, 4.0, 0.0]]
    """
    place = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    mirrored = lengths[:, None] - 1 - place
    return x.gather(1, torch.where(mirrored < 0, place, mirrored)[..., None].expand_as(x))
