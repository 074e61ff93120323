"""LoRA on disk in the format of `peft`: what one writes, the other reads.

A folder holds ``adapter_config.json``, the settings, and ``adapter_model.safetensors``, the
matrices A and B and the head. `peft` itself is not needed here. Ours also tell the base model,
which `peft` does not ask for.

Paper:    PAPERS["lora"]
Notebook: notebooks/3_efficient/33_lora.ipynb
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tlbook.efficient import lora
from tlbook.efficient.adapters.files import base_name, fingerprint
from tlbook.efficient.adapters.options import whole_number
from tlbook.efficient.adapters.precision import named, precision_of
from tlbook.efficient.low_rank import Matrix, is_positive, sizes
from tlbook.files import write, write_weights

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
# Options of peft that change the formula, and the values at which they do not.
PLAIN = {
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "lora_bias": False,
    "rank_pattern": {},
    "alpha_pattern": {},
}
# More of them, off by default, which older versions of peft do not know and we do not write.
UNUSUAL = (
    *("alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication"),
    *("monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora"),
    "use_qalora",
)
# Ways to begin that leave the base model as it is; others, such as pissa, put part of W into B A.
HARMLESS_STARTS = ("none", "true", "false", "gaussian", "orthogonal", "eva", "mica")


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
    head = _head(model)
    tensors = {name + DOWN: layer.down for name, layer in layers.items()}
    tensors |= {name + UP: layer.up for name, layer in layers.items()}
    told = {"base_hash": _base_hash(model), "base_dtype": _precision(model)}
    told["content"] = _content(told, tensors | head)
    folder = Path(folder)
    tensors = {PREFIX + name: weight for name, weight in (tensors | head).items()}
    write_weights(folder / WEIGHTS, tensors, {"format": "pt"} | told)
    write(folder / CONFIG, json.dumps(_described(model, head), indent=2) + "\n")
    return folder


def load(model: nn.Module, folder: Path | str) -> None:
    """Put the LoRA of a folder, made by `save` or by `peft`, on a model, and its head too.

    Args:
        model: Of the kind that was saved, without LoRA; changed in place.
        folder: Holds the two files.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ValueError: If a file is damaged or altered, holds something other than plain LoRA, or was
            made for another model (says where they differ). The model is then unchanged.
    """
    lora.require_none(model)
    folder = Path(folder)
    config = _config(folder)
    tensors, told = _tensors(folder)
    names = [name.removesuffix(DOWN) for name in tensors if name.endswith(DOWN)]
    head, start = _head(model), _start(model)
    _require_fit(folder, config["r"], tensors, model)
    _require_base(folder, told, config.get("base_model_name_or_path"), model)
    try:
        lora.add(
            model,
            rank=config["r"],
            alpha=config["lora_alpha"],
            targets=[name.removeprefix(start) for name in names],
        )
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error
    with torch.no_grad():
        for name, layer in lora.layers(model).items():
            layer.down.copy_(tensors[name + DOWN])
            layer.up.copy_(tensors[name + UP])
        for name, weight in head.items():
            weight.copy_(tensors[name])


def _described(model: nn.Module, head: dict[str, nn.Parameter]) -> dict[str, object]:
    """The settings, as peft's ``LoraConfig`` has them."""
    layers = lora.layers(model)
    first = next(iter(layers.values()))
    return PLAIN | {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": _name(model),
        "r": first.rank,
        "lora_alpha": first.alpha,
        "lora_dropout": 0.0,
        "fan_in_fan_out": any(isinstance(layer.frozen, Conv1D) for layer in layers.values()),
        "target_modules": list(layers),
        "modules_to_save": sorted({name.split(".")[0] for name in head}) or None,
        "inference_mode": True,
    }


def _start(model: nn.Module) -> str:
    """What the names of the encoder's weights begin with: ``encoder.``, ``bert.`` or nothing."""
    encoder = lora.encoder_of(model)
    name = next(name for name, part in model.named_modules() if part is encoder)
    return name and f"{name}."


def _head(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights outside the encoder, by their dotted names."""
    inside = {id(weight) for weight in lora.encoder_of(model).parameters()}
    return {name: weight for name, weight in model.named_parameters() if id(weight) not in inside}


def _name(model: nn.Module) -> str:
    """The name of the base model; that of its class for one that is not of `transformers`."""
    encoder = lora.encoder_of(model)
    return base_name(encoder) if hasattr(encoder, "config") else type(encoder).__name__


def _precision(model: nn.Module) -> str:
    """The types of the encoder's weights, such as ``float32``."""
    return named(precision_of(lora.encoder_of(model).parameters()))


def _base_hash(model: nn.Module) -> str:
    """The fingerprint of the encoder without LoRA, whether it has some or not.

    A pooler counts only where the head reads it: in the classifiers of `transformers`.
    """
    encoder = lora.encoder_of(model)
    pooler = isinstance(model, PreTrainedModel) and encoder is not model
    with lora.apart(model):
        state = encoder.state_dict()
        weights = {name: w for name, w in state.items() if pooler or not name.startswith("pooler")}
        for name, layer in lora.layers(encoder).items():
            for own in ("down", "up"):
                del weights[f"{name}.{own}"]
            for key in layer.frozen.state_dict():
                weights[f"{name}.{key}"] = weights.pop(f"{name}.frozen.{key}")
        return fingerprint(weights)


def _content(told: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """A hash of all that a file of ours says."""
    said = {key: torch.tensor(list(told[key].encode())) for key in ("base_hash", "base_dtype")}
    return fingerprint(tensors | said)


def _config(folder: Path) -> dict[str, object]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind, rank, alpha = config["peft_type"], config["r"], config["lora_alpha"]
    except (KeyError, TypeError, ValueError) as error:  # also broken JSON and bytes
        raise ValueError(f"{path} does not describe LoRA: {error!r}") from error
    if kind != "LORA":
        raise ValueError(f"{path} describes {kind}, not LORA; load it with peft")
    if whole_number(f"{path}: r", rank) < 1:
        raise ValueError(f"{path}: r must be 1 or more, got {rank!r}")
    if not is_positive(alpha):
        raise ValueError(f"{path}: lora_alpha must be a number above 0, got {alpha!r}")
    for option, plain in (PLAIN | dict.fromkeys(UNUSUAL, False)).items():
        if config.get(option, plain) not in (plain, None):
            raise ValueError(f"{path}: {option}={config[option]!r} changes LoRA; load it with peft")
    start = config.get("init_lora_weights")
    if str(start).lower() not in HARMLESS_STARTS:
        raise ValueError(
            f"{path}: init_lora_weights={start!r} changes the base model; load it with peft, or "
            "save it there with path_initial_model_for_weight_conversion, as plain LoRA"
        )
    return config


def _tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    path = folder / WEIGHTS
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; peft writes it by save_pretrained")
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()
            tensors = {name.removeprefix(PREFIX): file.get_tensor(name) for name in names}
            told = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or damaged ({error}); save it anew") from error
    if "content" in told:  # peft writes none, nor did we at first
        told = {"base_hash": "", "base_dtype": ""} | told
        if _content(told, tensors) != told["content"]:
            raise ValueError(f"{path} was altered: it does not hold what was saved; save it anew")
    return tensors, told


def _require_fit(folder: Path, rank: int, tensors: dict[str, Tensor], model: nn.Module) -> None:
    """Raise `ValueError` unless the model has a place for each tensor, and one for each place."""
    names = [name.removesuffix(DOWN) for name in tensors if name.endswith(DOWN)]
    head, modules, start = _head(model), dict(model.named_modules()), _start(model)
    wanted = {name + end for name in names for end in (DOWN, UP)} | set(head)
    lacking = ", ".join(sorted(set(head) - set(tensors)))
    if names and lacking and wanted > set(tensors):
        raise ValueError(f"{folder} lacks the head's {lacking}; name it in modules_to_save of peft")
    if not names or wanted != set(tensors):
        differ = ", ".join(sorted(wanted ^ set(tensors))[:3]) or "no LoRA in it"
        raise ValueError(f"{folder} was saved from another kind of model: {differ}")
    for name in names:
        layer = modules.get(name)
        if not isinstance(layer, Matrix) or not name.startswith(start):
            raise ValueError(f"{folder} adapts {name}, and the model has no such linear layer")
        wide, tall = sizes(layer)
        _require_shape(folder, name, tensors[name + DOWN], (rank, wide))
        _require_shape(folder, name, tensors[name + UP], (tall, rank))
    for name, weight in head.items():
        _require_shape(folder, name, tensors[name], weight.shape)


def _require_base(folder: Path, told: dict[str, str], name: object, model: nn.Module) -> None:
    """Raise `ValueError` if a file of ours was made on another base model than this one."""
    if told.get("base_hash") in (None, _base_hash(model)):
        return
    wanted, found = told.get("base_dtype"), _precision(model)
    if wanted not in (None, found):
        raise ValueError(
            f"{folder} was trained on {name!r} in {wanted}, and this one is in {found}: load the "
            f"base model in {wanted}"
        )
    raise ValueError(
        f"{folder} was trained on other weights of {name!r} than those of this {_name(model)!r}"
    )


def _require_shape(folder: Path, name: str, found: Tensor, wanted: tuple[int, ...]) -> None:
    if tuple(found.shape) != tuple(wanted):
        raise ValueError(
            f"{folder}: {name} is {tuple(found.shape)}, this model needs {tuple(wanted)}"
        )
