"""Frozen features: run an encoder once over a data set and keep one vector per text and layer."""

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tlbook import runtime
from tlbook.batches import Batches
from tlbook.files import write_weights

if TYPE_CHECKING:  # takes seconds to import, and not every lesson needs it
    import transformers

POOLINGS = ("mean", "cls")
NAMES = ("_name_or_path", "transformers_version", "dtype")  # in a config, but not of the function
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def pooled(
    hidden: Float[Tensor, "batch tokens hidden"],
    attention_mask: Int[Tensor, "batch tokens"],
    pooling: str,
) -> Float[Tensor, "batch hidden"]:
    """Make one vector of a sequence: the mean over its real tokens, or the state of [CLS].

    Args:
        hidden: States of one layer.
        attention_mask: 1 where a token is real.
        pooling: ``mean`` or ``cls``.

    Raises:
        ValueError: If `pooling` is neither.

    Example:
        >>> hidden = torch.tensor([[[2.0], [4.0], [9.0]]])
        >>> pooled(hidden, torch.tensor([[1, 1, 0]]), "mean")
        tensor([[3.]])
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {POOLINGS}, got {pooling!r}")
    if pooling == "cls":
        return hidden[:, 0]
    weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)


def embed(
    model: "transformers.PreTrainedModel",
    batches: Batches,
    *,
    layers: tuple[int, ...] = (-1,),
    pooling: str = "mean",
    cache: bool = False,
    progress: bool = False,
) -> Float[Tensor, "rows layers hidden"]:
    """Return frozen features of every row, in row order, on the CPU in float32.

    Args:
        model: An encoder; it is put into evaluation mode and computes no gradients.
        batches: The data; its order does not matter.
        layers: Which hidden states: 0 is the embedding, -1 the last layer.
        pooling: ``mean`` or ``cls``; see `pooled`. ``mean+cls`` gives both out of one pass: all
            layers by their means, then all again by [CLS].
        cache: True keeps the result on disk under a hash of weights, ids and settings, so
            that the same data is embedded once for all. A damaged file is made anew, and a
            folder that cannot be written to is let be.
        progress: True shows a bar.

    Raises:
        ValueError: If `pooling` is unknown or there are no layers.
        IndexError: If a layer does not exist; says how many there are.
    """
    if not set(pooling.split("+")) <= set(POOLINGS) or not layers:
        raise ValueError(f"give layers and one pooling of {POOLINGS}, got {layers}, {pooling!r}")
    count = model.config.num_hidden_layers + 1
    if any(not -count <= layer < count for layer in layers):
        raise IndexError(f"layers must lie in {-count}..{count - 1}, got {layers}")
    if not cache:
        return _computed(model, batches, layers, pooling, progress)
    name = f"{_key(model, batches, layers, pooling)}.safetensors"
    path = runtime.cache_folder() / "features" / name
    with contextlib.suppress(OSError, SafetensorError):
        return load_file(path)["features"]
    features = _computed(model, batches, layers, pooling, progress)
    with contextlib.suppress(OSError, SafetensorError):
        write_weights(path, {"features": features})
    return features


def _computed(
    model: "transformers.PreTrainedModel",
    batches: Batches,
    layers: tuple[int, ...],
    pooling: str,
    progress: bool,
) -> Float[Tensor, "rows layers hidden"]:
    model.eval()
    ways = pooling.split("+")
    features = torch.empty(len(batches.rows), len(ways) * len(layers), model.config.hidden_size)
    steps = runtime.progress_bar(batches.plan(1), desc="embedding", shown=progress)
    with torch.inference_mode(), runtime.autocast(model.device):
        for places in steps:
            batch = batches.collated(places)
            given = {k: v.to(model.device) for k, v in batch.items() if k in INPUTS}
            states = model(**given, output_hidden_states=True).hidden_states
            mask = given["attention_mask"]
            kept = [states[layer].float() for layer in layers]
            vectors = [pooled(state, mask, way) for way in ways for state in kept]
            features[places] = torch.stack(vectors, 1).cpu()
    return features


def _key(
    model: "transformers.PreTrainedModel", batches: Batches, layers: tuple[int, ...], pooling: str
) -> str:
    """A hash of everything the features depend on; weights enter by their bytes."""
    shape = {k: v for k, v in model.config.to_dict().items() if k not in NAMES}
    settings = [type(model).__name__, shape, layers, pooling, str(runtime.precision(model.device))]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    for row in batches.rows:
        for key in ("input_ids", "token_type_ids"):
            digest.update(np.array(row.get(key, []), dtype=np.int32).tobytes() + b"/")
    return digest.hexdigest()[:32]
