"""Distil a teacher's hidden states into a shallower student, with a masked-LM loss beside it.

The student sees masked tokens, the teacher the whole sentence; both share the pruned ids.

    loss = token + pooled + middle + 0.1 masked_lm

``token`` and ``pooled`` are 1 - cosine between student and teacher, per token of the last layer
and for the mean over tokens (what the teacher was trained to make useful); ``middle`` is the same
as ``token`` for the layers below; ``masked_lm`` is cross-entropy at the masked positions only.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy
from transformers import BertConfig, BertForMaskedLM, BertModel

from tlbook.batches import Batch
from tlbook.encoders.features import pooled

WEIGHTS = {"token": 1.0, "pooled": 1.0, "middle": 1.0, "masked_lm": 0.1}


def prune_embeddings(model: BertModel, kept: list[int]) -> BertModel:
    """Keep only the word embeddings of the `kept` ids, in that order (in place)."""
    old = model.embeddings.word_embeddings.weight.data
    fresh = nn.Embedding(len(kept), old.shape[1], padding_idx=0)
    fresh.weight.data.copy_(old[torch.tensor(kept)])
    model.embeddings.word_embeddings = fresh
    model.config.vocab_size = len(kept)
    return model


def student_of(
    teacher: BertModel,
    layers: tuple[int, ...],
    *,
    neurons: list[Int[Tensor, " width"]] | None = None,
) -> BertForMaskedLM:
    """A masked LM that starts as the teacher's embeddings and the named layers (0 = lowest).

    Its masked-LM head is new; the output embedding is tied to the input embedding. Dropout is
    zero while distilling: the student sees far more text than it can memorise.

    Args:
        teacher: With the vocabulary that the student is to have.
        layers: Of the teacher.
        neurons: For each layer of the teacher the feed-forward neurons to keep, equally many
            in all, from `busiest_neurons`; None keeps all.

    Raises:
        ValueError: If the teacher has no such layer.
    """
    depth = teacher.config.num_hidden_layers
    if not layers or not all(0 <= layer < depth for layer in layers):
        raise ValueError(f"layers must be some of 0..{depth - 1}, got {layers}")
    if neurons is None:
        neurons = [torch.arange(teacher.config.intermediate_size)] * depth
    settings = teacher.config.to_dict() | {
        "num_hidden_layers": len(layers),
        "intermediate_size": len(neurons[layers[0]]),
        "architectures": ["BertForMaskedLM"],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    student = BertForMaskedLM(BertConfig(**settings))
    student.bert.embeddings.load_state_dict(teacher.embeddings.state_dict())
    for new, old in enumerate(layers):
        weights = teacher.encoder.layer[old].state_dict()
        for name in ("intermediate.dense.weight", "intermediate.dense.bias"):
            weights[name] = weights[name][neurons[old]]
        weights["output.dense.weight"] = weights["output.dense.weight"][:, neurons[old]]
        student.bert.encoder.layer[new].load_state_dict(weights)
    student.tie_weights()
    return student


@torch.no_grad()
def busiest_neurons(teacher: BertModel, batch: Batch, width: int) -> list[Int[Tensor, " width"]]:
    """Find the feed-forward neurons that write most into the residual stream, layer by layer.

    use_i = mean over tokens of a_i^2 * ||column i of the output matrix||^2

    Args:
        teacher: In evaluation mode.
        batch: Text to measure the activations ``a`` on, with ``input_ids`` and
            ``attention_mask``.
        width: Neurons to keep in each layer.

    Returns:
        For each layer their numbers, ascending.

    Raises:
        ValueError: If a layer has fewer than `width` neurons, or `width` is below 1.
    """
    if not 1 <= width <= teacher.config.intermediate_size:
        raise ValueError(f"width must be 1..{teacher.config.intermediate_size}, got {width}")
    real, uses = batch["attention_mask"].bool(), {}

    def note(layer: nn.Module, given: tuple[Tensor], _: Tensor) -> None:
        uses[layer] = given[0][real].square().mean(0) * layer.weight.square().sum(0)

    outputs = [layer.output.dense for layer in teacher.encoder.layer]
    hooks = [output.register_forward_hook(note) for output in outputs]
    teacher(batch["input_ids"], batch["attention_mask"])
    for hook in hooks:
        hook.remove()
    return [uses[output].topk(width).indices.sort().values for output in outputs]


def losses_of(
    student: BertForMaskedLM, teacher: BertModel, batch: Batch, matched: tuple[int, ...]
) -> dict[str, Tensor]:
    """The four losses of one batch, by the names of `WEIGHTS`; see the module docstring.

    Args:
        student: The model to train.
        teacher: Frozen; its states on the whole sentence are the target.
        batch: From `tlbook.transformer.pocket_bert.stream.Stream`.
        matched: For each student layer the teacher layer (1 = first) that it should equal.
    """
    attention = batch["attention_mask"]
    hidden = batch["chosen"].flatten().nonzero().squeeze(1)  # places of hidden tokens
    with torch.no_grad():
        target = teacher(batch["input_ids"], attention, output_hidden_states=True).hidden_states
    states = student.bert(batch["seen_ids"], attention, output_hidden_states=True).hidden_states
    per_layer = [
        distance(states[own], target[other], attention)
        for own, other in enumerate(matched, start=1)
    ]
    last = states[-1]
    vectors = [pooled(s.float(), attention, "mean") for s in (last, target[matched[-1]])]
    logits = student.cls(last.flatten(0, 1)[hidden]).float()  # (hidden tokens, vocab)
    right = batch["input_ids"].flatten()[hidden]
    masked_lm = cross_entropy(logits, right, reduction="sum") / max(1, len(right))
    return {
        "token": per_layer[-1],
        "pooled": distance(*vectors),
        "middle": torch.stack(per_layer[:-1] or [per_layer[-1] * 0]).mean(),
        "masked_lm": masked_lm,
    }


def distance(
    own: Float[Tensor, "*rows hidden"],
    other: Float[Tensor, "*rows hidden"],
    real: Int[Tensor, "*rows"] | None = None,
) -> Float[Tensor, ""]:
    """Mean of 1 - cosine over rows, 0..2.

    Args:
        own: Vectors.
        other: As many.
        real: 1 for each row that counts, else 0; None counts all.

    Example:
        >>> east, north = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> distance(east, east * 3).item(), distance(east, north).item()
        (0.0, 1.0)
    """
    cosines = cosine_similarity(own.float(), other.float(), dim=-1)
    if real is None:
        return 1 - cosines.mean()
    # Choosing the real rows would make the CPU wait for a GPU to count them.
    return 1 - (cosines * real).sum() / real.sum()


def share_at(tokens: float, total: float, *, warmup: float, decay: float) -> float:
    """Learning rate after `tokens` of `total`: linear rise, plateau, linear fall to zero.

    Args:
        tokens: Tokens seen so far.
        total: Tokens of the whole run.
        warmup: Share of the run (0..1) in which the rate rises.
        decay: Share of the run (0..1) in which it falls, at the end.

    Returns:
        The share of the peak, 0..1.

    Example:
        >>> [share_at(done, 100, warmup=0.2, decay=0.5) for done in (10, 30, 75, 100)]
        [0.5, 1.0, 0.5, 0.0]
    """
    done = tokens / total
    return max(0.0, min(1.0, done / warmup, (1 - done) / decay))
