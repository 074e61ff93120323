"""Weights just loaded: whether they are those that config.json asks for, and are numbers."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from torch import nn

from tlbook.encoders.folders import remedy, weights_file


def check_report(model: nn.Module, report: dict, folder: Path, *, masked_lm: bool) -> None:
    """Raise unless the weights in a folder and its config.json belong together.

    Heads and poolers that the model does not have may lie there too.

    Args:
        model: As made from config.json.
        report: What `from_pretrained` says with ``output_loading_info=True``.
        folder: Where the weights came from.
        masked_lm: Whether the model was asked for with a masked-LM head.

    Raises:
        ValueError: If a shape differs, a layer is not in config.json, or a weight is missing.
    """
    file = weights_file(folder)
    altered = f"the weights or config.json were altered: {remedy(folder)}"
    if other := sorted(report["mismatched_keys"]):
        name, stored, asked = other[0]
        raise ValueError(
            f"{file}: in {len(other)} of its weights the shape is not what config.json asks for, "
            f"{name} first: {tuple(stored)} instead of {tuple(asked)}; {altered}"
        )
    if surplus := _surplus_layers(model, report["unexpected_keys"]):
        raise ValueError(
            f"{file}: for {len(surplus)} of its weights config.json has no layer, "
            f"{surplus[0]} first; {altered}"
        )
    if missing := sorted(name for name in report["missing_keys"] if "pooler" not in name):
        inside = f"{model.base_model_prefix}." if masked_lm else ""
        own = [name for name in missing if name.startswith(inside)]
        hint = f"{altered}, or choose another model"
        if not own:
            hint = "load it without masked_lm=True, or choose another model"
        raise ValueError(
            f"{file} lacks {len(missing)} of the weights of a {type(model).__name__}, "
            f"{(own or missing)[0]} first; {hint}"
        )


def check_finite(model: nn.Module, folder: Path) -> None:
    """Raise `ValueError` if a weight is NaN or infinite; takes about 1 ms per million numbers.

    Args:
        model: Its weights are float32, on the CPU.
        folder: Where they came from.
    """
    stored = {name: weight.detach().numpy() for name, weight in model.named_parameters()}
    # A sum takes a tenth of the time, and is finite only if every number is. It is NumPy's:
    # torch would wake its threads for each weight, which takes longer where cores are busy.
    with np.errstate(invalid="ignore", over="ignore"):
        doubtful = [name for name, weight in stored.items() if not np.isfinite(weight.sum())]
    bad = [name for name in doubtful if not np.isfinite(stored[name]).all()]
    if bad:
        raise ValueError(
            f"{weights_file(folder)}: in {len(bad)} of its weights there are numbers that are not "
            f"finite (NaN or infinite), {bad[0]} first; they were damaged, or saved after a "
            f"training that diverged: {remedy(folder)}"
        )


def _surplus_layers(model: nn.Module, unexpected: Iterable[str]) -> list[str]:
    """The unexpected names that differ from one of the model's in nothing but numbers."""
    prefix = f"{model.base_model_prefix}."
    patterns = {_numberless(name.removeprefix(prefix)) for name in model.state_dict()}
    return sorted(n for n in unexpected if _numberless(n.removeprefix(prefix)) in patterns)


def _numberless(name: str) -> str:
    return re.sub(r"\.\d+(?=\.)", ".N", f".{name}")
