"""Where an encoder looks: the attention of every layer and head for one text.

Paper: Vaswani et al. (2017), Attention Is All You Need, https://arxiv.org/abs/1706.03762, equation
1; the patterns are those of Clark et al. (2019), What Does BERT Look At?,
https://arxiv.org/abs/1906.04341, section 3
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tlbook.encoders.features import INPUTS


def attention(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    pair: str | None = None,
) -> tuple[list[str], Float[np.ndarray, "layers heads tokens tokens"]]:
    """Return the tokens of a text and ``softmax(Q K^T / sqrt(d))`` of each layer and head.

    Args:
        model: An encoder; it is put into evaluation mode.
        tokenizer: Of the encoder.
        text: What to read; cut off where the encoder has no more positions.
        pair: Second text of a pair.

    Returns:
        The tokens, and the weights: ``[layer, head, i, j]`` is the share of what token i reads
        that comes from token j; over j they sum to 1.

    Raises:
        ValueError: If the text is empty, or the model keeps its attention to itself.
    """
    if not text.strip():
        raise ValueError("there is no text to read; type a sentence")
    most = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    encoded = tokenizer(text, pair, truncation=True, max_length=most, return_tensors="pt")
    given = {name: encoded[name].to(model.device) for name in INPUTS if name in encoded}
    model.eval()
    with torch.inference_mode(), _openly(model):
        weights = model(**given, output_attentions=True).attentions
    if not weights:
        raise ValueError(f"{type(model).__name__} gives no attention weights")
    stacked = torch.stack([layer[0] for layer in weights]).float().cpu().numpy()
    return tokenizer.convert_ids_to_tokens(encoded["input_ids"][0].tolist()), stacked


@contextmanager
def _openly(model: PreTrainedModel) -> Iterator[None]:
    """Compute attention step by step: the fused ways never hold the weights."""
    before = model.config._attn_implementation
    if before != "eager":
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if before != "eager":
            model.set_attn_implementation(before)


def head_patterns(weights: Float[np.ndarray, "layers heads tokens tokens"]) -> pd.DataFrame:
    """Say how much of its attention each head pays to what, as a mean over the tokens.

    Args:
        weights: From `attention`, of at least two tokens, the first and the last special.

    Returns:
        One row per head: ``layer`` and ``head`` (from 1), and the shares (0..1) of attention to
        the token itself (``same``), the one before (``previous``), the one after (``next``), and
        the first and the last together (``ends``). The shares overlap at the ends.
    """
    layers, heads, tokens, _ = weights.shape

    def diagonal(offset: int) -> np.ndarray:
        return np.diagonal(weights, offset, axis1=2, axis2=3).sum(-1) / tokens

    layer, head = np.indices((layers, heads)).reshape(2, -1) + 1
    return pd.DataFrame(
        {
            "layer": layer,
            "head": head,
            "same": diagonal(0).ravel(),
            "previous": diagonal(-1).ravel(),
            "next": diagonal(1).ravel(),
            "ends": weights[..., [0, -1]].sum(-1).mean(-1).ravel(),
        }
    )
