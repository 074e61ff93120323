"""Train an LSTM whose state is projected on rows of one length: as `torch.nn.LSTM`, but faster.

PyTorch adds to the gradients of all weights at every word. Here only what hangs on the next word is
computed word by word; the weights get their gradients from one product over all words. On a CPU
that saves about a quarter of the time.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn.utils.rnn import PackedSequence

State = tuple[Tensor, Tensor]


def pays(lstm: nn.LSTM, x: PackedSequence) -> bool:
    """Tell whether `run` can take the place of `lstm` on these rows, and is faster."""
    return (
        torch.is_grad_enabled()
        and lstm.proj_size > 0
        and all(weight.requires_grad for weight in lstm.parameters())
        and x.data.device.type == "cpu"
        and bool(x.batch_sizes[0] == x.batch_sizes[-1])
    )


def run(lstm: nn.LSTM, x: PackedSequence, state: State) -> tuple[PackedSequence, State]:
    """Return what ``lstm(x, state)`` returns, for one layer with a projected state.

    Args:
        lstm: Gives the weights.
        x: Rows of one length.
        state: (h, c) to begin with, each (1, batch, width).
    """
    outputs, h, c = Unrolled.apply(
        x.data.view(len(x.batch_sizes), -1, x.data.shape[-1]),
        state[0][0],
        state[1][0],
        lstm.weight_ih_l0,
        lstm.weight_hh_l0,
        lstm.bias_ih_l0 + lstm.bias_hh_l0,
        lstm.weight_hr_l0,
    )
    return PackedSequence(outputs.flatten(0, 1), x.batch_sizes), (h[None], c[None])


class Unrolled(Function):
    """One layer over all words, with its derivative; gates in PyTorch's order i, f, g, o."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: Float[Tensor, "tokens batch inputs"],
        h: Float[Tensor, "batch projection"],
        c: Float[Tensor, "batch cell"],
        inputs: Float[Tensor, "gates inputs"],
        states: Float[Tensor, "gates projection"],
        bias: Float[Tensor, " gates"],
        project: Float[Tensor, "projection cell"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        tokens, cell = len(x), c.shape[1]
        gates = nn.functional.linear(x, inputs, bias)  # (tokens, batch, gates)
        hs, cs = (part.new_empty(tokens + 1, *part.shape) for part in (h, c))
        hs[0], cs[0] = h, c
        squashed, shown = (c.new_empty(tokens, *c.shape) for _ in range(2))
        for t in range(tokens):
            gates[t].addmm_(hs[t], states.T)
            gates[t, :, : 2 * cell].sigmoid_()
            gates[t, :, 2 * cell : 3 * cell].tanh_()
            gates[t, :, 3 * cell :].sigmoid_()
            i, f, g, o = gates[t].chunk(4, dim=-1)
            torch.mul(f, cs[t], out=cs[t + 1]).addcmul_(i, g)
            torch.tanh(cs[t + 1], out=squashed[t])
            torch.mul(o, squashed[t], out=shown[t])
            torch.mm(shown[t], project.T, out=hs[t + 1])
        ctx.save_for_backward(x, gates, hs, cs, squashed, shown, inputs, states, project)
        return hs[1:].clone(), hs[-1].clone(), cs[-1].clone()

    @staticmethod
    def backward(
        ctx: FunctionCtx, of_outputs: Tensor, of_h: Tensor, of_c: Tensor
    ) -> tuple[Tensor, ...]:
        x, gates, hs, cs, squashed, shown, inputs, states, project = ctx.saved_tensors
        cell = cs.shape[-1]
        slopes = gates * (1 - gates)  # of the sigmoid
        slopes[..., 2 * cell : 3 * cell] = 1 - gates[..., 2 * cell : 3 * cell].square()  # of tanh
        bends = 1 - squashed.square()
        of_gates, of_states = torch.empty_like(gates), torch.empty_like(of_outputs)
        of_c = of_c.clone()
        for t in reversed(range(len(x))):
            torch.add(of_outputs[t], of_h, out=of_states[t])
            of_shown = of_states[t] @ project
            i, f, g, o = gates[t].chunk(4, dim=-1)
            to_i, to_f, to_g, to_o = of_gates[t].chunk(4, dim=-1)
            torch.mul(of_shown, squashed[t], out=to_o)
            of_c.addcmul_(of_shown.mul_(o), bends[t])
            torch.mul(of_c, g, out=to_i)
            torch.mul(of_c, cs[t], out=to_f)
            torch.mul(of_c, i, out=to_g)
            of_gates[t].mul_(slopes[t])
            of_c.mul_(f)
            of_h = of_gates[t] @ states
        flat = of_gates.flatten(0, 1)
        return (
            of_gates @ inputs,
            of_h,
            of_c,
            flat.T @ x.flatten(0, 1),
            flat.T @ hs[:-1].flatten(0, 1),
            flat.sum(0),
            of_states.flatten(0, 1).T @ shown.flatten(0, 1),
        )
