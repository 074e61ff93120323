"""LoRA on disk in the format of `peft`: what one writes, the other reads.

A folder holds ``adapter_config.json``, the settings, and ``adapter_model.safetensors``, the
matrices A and B and the head. `peft` itself is not needed here. Ours also tell the base model,
which `peft` does not ask for.

Paper:    PAPERS["lora"]
Notebook: notebooks/3_efficient/33_lora.ipynb
"""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tlbook.efficient import lora
from tlbook.efficient.adapters.files import base_name, fingerprint

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
# Options of peft that change the formula, and the values at which they do not.
PLAIN = {
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "lora_bias": False,
    "fan_in_fan_out": False,
    "rank_pattern": {},
    "alpha_pattern": {},
}


def save(model: nn.Module, folder: Path | str) -> Path:
    """Write LoRA and the head into a folder that `peft` can load; the encoder is not written.

    ``peft.PeftModel.from_pretrained(model, folder)`` puts it on a fresh model of the same kind.

    Args:
        model: Has LoRA, merged or not.
        folder: Made if it is not there; its two files are replaced.

    Returns:
        The folder.

    Raises:
        ValueError: If the model has no LoRA.
    """
    layers = lora.layers(model)
    if not layers:
        raise ValueError("the model has no LoRA to save")
    first = next(iter(layers.values()))
    head = _head(model)
    tensors = {name + DOWN: layer.down for name, layer in layers.items()}
    tensors |= {name + UP: layer.up for name, layer in layers.items()}
    config = PLAIN | {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": base_name(lora.encoder_of(model)),
        "r": first.rank,
        "lora_alpha": first.alpha,
        "lora_dropout": 0.0,
        "target_modules": list(layers),
        "modules_to_save": sorted({name.split(".")[0] for name in head}) or None,
        "inference_mode": True,
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        PREFIX + name: weight.detach().to("cpu", copy=True).contiguous()
        for name, weight in (tensors | head).items()
    }
    fresh = folder / f"{WEIGHTS}.{os.getpid()}"
    save_file(written, fresh, metadata={"format": "pt", "base_hash": _base_hash(model)})
    os.replace(fresh, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return folder


def load(model: nn.Module, folder: Path | str) -> None:
    """Put the LoRA of a folder, made by `save` or by `peft`, on a model, and its head too.

    Args:
        model: Of the kind that was saved, without LoRA; changed in place.
        folder: Holds the two files.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ValueError: If a file is damaged, holds something other than plain LoRA, or was made for
            another model (says where they differ). The model is then unchanged.
    """
    lora.require_none(model)
    folder = Path(folder)
    config = _config(folder)
    tensors, told = _tensors(folder)
    names = [name.removesuffix(DOWN) for name in tensors if name.endswith(DOWN)]
    head = _head(model)
    wanted = {name + end for name in names for end in (DOWN, UP)} | set(head)
    if not names or wanted != set(tensors):
        differ = ", ".join(sorted(wanted ^ set(tensors))[:3]) or "no LoRA in it"
        raise ValueError(f"{folder} was saved from another kind of model: {differ}")
    modules = dict(model.named_modules())
    for name in names:
        if not isinstance(modules.get(name), nn.Linear):
            raise ValueError(f"{folder} adapts {name}, and the model has no such linear layer")
        layer = modules[name]
        _require_shape(folder, name, tensors[name + DOWN], (config["r"], layer.in_features))
        _require_shape(folder, name, tensors[name + UP], (layer.out_features, config["r"]))
    for name, weight in head.items():
        _require_shape(folder, name, tensors[name], weight.shape)
    if told.get("base_hash") not in (None, _base_hash(model)):
        raise ValueError(
            f"{folder} was trained on other weights of {config['base_model_name_or_path']!r} "
            f"than those of this {base_name(lora.encoder_of(model))!r}"
        )
    start = "" if lora.encoder_of(model) is model else "encoder."
    targets = [name.removeprefix(start) for name in names]
    lora.add(model, rank=config["r"], alpha=config["lora_alpha"], targets=targets)
    with torch.no_grad():
        for name, layer in lora.layers(model).items():
            layer.down.copy_(tensors[name + DOWN])
            layer.up.copy_(tensors[name + UP])
        for name, weight in head.items():
            weight.copy_(tensors[name])


def _head(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights outside the encoder, by their dotted names."""
    if lora.encoder_of(model) is model:
        return {}
    weights = model.named_parameters()
    return {name: weight for name, weight in weights if not name.startswith("encoder.")}


def _base_hash(model: nn.Module) -> str:
    """The fingerprint of the encoder without LoRA, whether it has some or not."""
    encoder = lora.encoder_of(model)
    weights = {name: w for name, w in encoder.state_dict().items() if not name.startswith("pooler")}
    for name, layer in lora.layers(encoder).items():
        for own in ("down", "up"):
            del weights[f"{name}.{own}"]
        for key in layer.frozen.state_dict():
            weights[f"{name}.{key}"] = weights.pop(f"{name}.frozen.{key}")
        if layer.replaced is not None:
            weights[f"{name}.weight"] = layer.replaced
    return fingerprint(weights)


def _config(folder: Path) -> dict[str, object]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind, _, _ = config["peft_type"], config["r"], config["lora_alpha"]
    except (KeyError, TypeError, ValueError) as error:  # also broken JSON and bytes
        raise ValueError(f"{path} does not describe LoRA: {error!r}") from error
    if kind != "LORA":
        raise ValueError(f"{path} describes {kind}, not LORA; load it with peft")
    for option, plain in PLAIN.items():
        if config.get(option, plain) not in (plain, None):
            raise ValueError(f"{path}: {option}={config[option]!r} changes LoRA; load it with peft")
    return config


def _tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    path = folder / WEIGHTS
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; peft writes it by save_pretrained")
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()
            tensors = {name.removeprefix(PREFIX): file.get_tensor(name) for name in names}
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or damaged ({error}); save it anew") from error


def _require_shape(folder: Path, name: str, found: Tensor, wanted: tuple[int, ...]) -> None:
    if tuple(found.shape) != tuple(wanted):
        raise ValueError(
            f"{folder}: {name} is {tuple(found.shape)}, this model needs {tuple(wanted)}"
        )
