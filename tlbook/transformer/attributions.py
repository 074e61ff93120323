"""Which tokens drove a prediction: integrated gradients, and tokens as coloured HTML.

Paper:    Sundararajan, Taly and Yan (2017), Axiomatic Attribution for Deep Networks,
          https://arxiv.org/abs/1703.01365, sections 2 and 3
Notebook: notebooks/2_transformer/24_bert_finetuning.ipynb
"""

import html
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tlbook.batches import Batch, collate
from tlbook.tokens import Row


def integrated_gradients(
    model: nn.Module, batch: Batch, *, target: int, against: int, steps: int = 32
) -> Float[np.ndarray, " tokens"]:
    """Share out a difference of logits among the tokens, by integrated gradients.

    With ``F`` = logit of `target` - logit of `against`, the text's word embeddings ``x`` and
    those of a text of [PAD] between its special tokens, ``x'``, token ``i`` gets (equation 1)::

        (x_i - x'_i) . mean over the path of dF/dx_i,   path: x' + alpha (x - x'), alpha in 0..1

    summed over the embedding's numbers. All shares together are ``F(x) - F(x')`` (completeness,
    proposition 1), up to the error of the mean.

    Args:
        model: A `tlbook.heads.Classifier`; it is put into evaluation mode.
        batch: One row, as from `tlbook.batches.collate`.
        target: The class argued for.
        against: The class argued against.
        steps: Points on the path, 1 or more; each costs a pass there and back.

    Returns:
        One number per token: above 0 it drove towards `target`. Special tokens have 0.

    Raises:
        ValueError: If the batch has more rows than one, or `steps` is below 1.
    """
    if len(batch["input_ids"]) != 1 or steps < 1:
        raise ValueError(f"give one row and steps from 1, got {len(batch['input_ids'])}, {steps}")
    model.eval()
    words = model.encoder.get_input_embeddings()
    device = words.weight.device
    given = {name: tensor.to(device) for name, tensor in batch.items()}
    ids = given["input_ids"]
    end = words.weight[ids[0]].detach()  # (tokens, hidden)
    start = words.weight[emptied(ids, pad_id=model.encoder.config.pad_token_id or 0)[0]].detach()
    alpha = (torch.arange(steps, device=device) + 0.5) / steps  # midpoints
    path = (start + alpha[:, None, None] * (end - start)).requires_grad_()
    hook = words.register_forward_hook(lambda *_: path)
    try:
        logits = model(**{k: v.expand(steps, -1) for k, v in given.items() if v.ndim == 2})
    finally:
        hook.remove()
    (logits[:, target] - logits[:, against]).sum().backward(inputs=[path])
    return ((end - start) * path.grad.mean(0)).sum(-1).cpu().numpy()


@torch.no_grad()
def change(model: nn.Module, batch: Batch, *, target: int, against: int) -> float:
    """Return ``F(x) - F(x')``: what `integrated_gradients`, of the same arguments, shares out."""
    model.eval()
    device = model.encoder.get_input_embeddings().weight.device
    given = {name: tensor.to(device) for name, tensor in batch.items()}
    nothing = emptied(given["input_ids"], pad_id=model.encoder.config.pad_token_id or 0)
    full, empty = (model(**given | {"input_ids": i})[0] for i in (given["input_ids"], nothing))
    return float((full[target] - full[against]) - (empty[target] - empty[against]))


def explain(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    row: Row,
    logits: Float[np.ndarray, " classes"],
    names: Sequence[str],
) -> str:
    """Return a prediction and the tokens that drove it from the label to the guess, as HTML.

    Args:
        model: A `tlbook.heads.Classifier`.
        tokenizer: Of its encoder.
        row: From `tlbook.tokens.encode`, with its label.
        logits: What the model predicted for it. If that is right, the runner-up stands for
            the label.
        names: Of the classes.
    """
    order, label = np.argsort(logits)[::-1], row["labels"]
    guess, other = order[0], label if label != order[0] else order[1]
    shares = integrated_gradients(model, collate([row]), target=int(guess), against=int(other))
    chance = np.exp(logits[guess]) / np.exp(logits).sum()
    says = f"Called {names[guess]} ({chance:.2f}), labelled {names[label]}"
    pieces = tokenizer.convert_ids_to_tokens(row["input_ids"])
    return f"<p><b>{html.escape(says)}</b></p>" + coloured(pieces, shares.tolist(), label=says)


def explain_text(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, text: str, names: Sequence[str]
) -> str:
    """Return what a model calls a text, and what drove it there from its runner-up, as HTML.

    Below the tokens stand the sum of their shares and what they share out: they are equal, up to
    the error of the path (see `integrated_gradients`).

    Args:
        model: A `tlbook.heads.Classifier`; it is put into evaluation mode.
        tokenizer: Of its encoder.
        text: Any; cut off after 128 tokens.
        names: Of the classes.

    Raises:
        ValueError: If the text is empty.
    """
    if not text.strip():
        raise ValueError("there is no text to classify; type a sentence")
    encoded = tokenizer(text, truncation=True, max_length=128, return_token_type_ids=True)
    ids = encoded["input_ids"]
    batch = collate([{"input_ids": ids, "token_type_ids": encoded["token_type_ids"]}])
    model.eval()
    device = model.encoder.get_input_embeddings().weight.device
    with torch.no_grad():
        logits = model(**{name: tensor.to(device) for name, tensor in batch.items()})[0].float()
    guess, other = logits.argsort(descending=True)[:2].tolist()
    way = {"target": guess, "against": other}
    shares = integrated_gradients(model, batch, **way)
    says = f"Called {names[guess]} ({logits.softmax(-1)[guess]:.2f}) and not {names[other]}"
    total = (
        f"sum of the shares {shares.sum():+.2f}, to share out {change(model, batch, **way):+.2f}"
    )
    pieces = tokenizer.convert_ids_to_tokens(ids)
    return (
        f"<p><b>{html.escape(says)}</b></p>"
        + coloured(pieces, shares.tolist(), label=says)
        + f"<p><small>{total}</small></p>"
    )


def emptied(input_ids: Int[Tensor, "1 tokens"], *, pad_id: int = 0) -> Int[Tensor, "1 tokens"]:
    """Return a text that says nothing: every token but [CLS] and the [SEP] becomes [PAD].

    Args:
        input_ids: One row, without padding; its last token tells which id is [SEP].
        pad_id: Vocabulary id of [PAD].

    Example:
        >>> emptied(torch.tensor([[2, 7, 9, 3, 8, 3]]))
        tensor([[2, 0, 0, 3, 0, 3]])
    """
    kept = input_ids == input_ids[:, -1:]
    kept[:, 0] = True
    return input_ids.where(kept, pad_id)


def coloured(pieces: Sequence[str], values: Sequence[float], *, label: str) -> str:
    """Return tokens as HTML that needs no colours: each bears its value, its sign as a line.

    Args:
        pieces: The tokens.
        values: One number per token, from `integrated_gradients`; above 0 is blue with a full line,
            below orange with a dashed one; the strongest have the strongest colour.
        label: What is shown, for a reader who hears the page.

    Raises:
        ValueError: If there are not as many values as tokens.
    """
    if len(pieces) != len(values):
        raise ValueError(f"there are {len(values)} values for {len(pieces)} tokens")
    largest = max((abs(value) for value in values), default=0.0) or 1.0
    spans = []
    for piece, value in zip(pieces, values, strict=True):
        colour = "0,114,178" if value > 0 else "213,94,0"
        line = "solid" if value > 0 else "dashed"
        shade = 0.45 * abs(value) / largest  # dark letters stay readable on it
        spans.append(
            f'<span style="display:inline-block;text-align:center;margin:1px;padding:1px 3px;'
            f"color:#111;background:rgba({colour},{shade:.2f});"
            f'border-bottom:2px {line} rgba({colour},{2 * shade:.2f})">{html.escape(piece)}<br>'
            f"<small>{value:+.2f}</small></span>"
        )
    return (
        f'<div role="group" aria-label="{html.escape(label)}" '
        f'style="background:#fff;color:#111;padding:4px;width:fit-content">{"".join(spans)}</div>'
    )
