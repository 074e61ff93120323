"""A set of adapters as one safetensors file that knows the base model it belongs to.

Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from tlbook.efficient.adapters.bank import Adapters, base_norms
from tlbook.efficient.adapters.precision import Part, named, precision_of
from tlbook.encoders.sources import MINILM_PACKAGE
from tlbook.files import write_weights

FILE = "adapter.safetensors"
FORMAT = "tlbook adapters 1"
TOLD = {
    **{"format": str, "name": str, "base": str, "base_hash": str, "content": str},
    **{"hidden": int, "bottleneck": int, "placement": str, "layers": list},
}
LATER = ("precision",)  # told since; a file without is read too


def tensors_of(adapters: Adapters, head: Mapping[str, Part]) -> dict[str, Tensor]:
    """Return the weights of a set and a head by name: ``adapter.*``, ``norm.*``, ``head.*``.

    They are the weights themselves, not copies.
    """
    found = {}
    kinds = {"adapter": adapters.bottlenecks, "norm": adapters.norms, "head": head}
    for kind, parts in kinds.items():
        for name, part in parts.items():
            own = part.state_dict() if isinstance(part, nn.Module) else {"": part.detach()}
            found |= {f"{kind}.{name}.{key}".removesuffix("."): own[key] for key in own}
    return found


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Return a hash of names, shapes and bytes, as 64 hexadecimal digits.

    Example:
        >>> one, other = torch.tensor([1.0]), torch.tensor([2.0])
        >>> fingerprint({"weight": one}) == fingerprint({"weight": one.clone()})
        True
        >>> fingerprint({"weight": one}) == fingerprint({"weight": other})
        False
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def base_name(trunk: nn.Module) -> str:
    """Name the base model: a Hub id, or the last part of the folder that it came from."""
    told = getattr(trunk.config, "_name_or_path", "") or type(trunk).__name__
    parts = Path(told).parts
    for part in parts:
        if part.startswith("models--"):  # a folder of the Hub's cache
            return part.removeprefix("models--").replace("--", "/")
    if MINILM_PACKAGE in parts:
        return "minilm"
    return parts[-1] if Path(told).is_absolute() else told


def base_weights(trunk: nn.Module) -> dict[str, Tensor]:
    """Return the base model's weights by name, whatever adapters are on it.

    A pooler does not count: nothing here uses one, and some have been loaded without it.
    """
    norms = base_norms(trunk)
    weights = {
        name: weight
        for name, weight in trunk.state_dict().items()
        if not name.startswith("pooler.")
        and ".adapter." not in name
        and name.rpartition(".")[0] not in norms
    }
    for name, norm in norms.items():
        weights |= {f"{name}.{key}": weight for key, weight in norm.state_dict().items()}
    return weights


def base_hash(trunk: nn.Module) -> str:
    """Return the `fingerprint` of `base_weights`."""
    return fingerprint(base_weights(trunk))


def write(
    folder: Path, name: str, trunk: nn.Module, adapters: Adapters, head: Mapping[str, Part]
) -> Path:
    """Write a set into `folder`, whole or not at all, and return the file.

    Raises:
        ValueError: If the folder holds a set of another name.
    """
    path = folder / FILE
    _require_same_name(path, name)
    tensors = tensors_of(adapters, head)
    told = {
        "format": FORMAT,
        "name": name,
        "base": base_name(trunk),
        "base_hash": base_hash(trunk),
        "precision": named(precision_of(base_weights(trunk).values())),
        "hidden": trunk.config.hidden_size,
        "bottleneck": adapters.settings.bottleneck,
        "placement": adapters.settings.placement,
        "layers": list(adapters.settings.layers),
    }
    told["content"] = _content(told, tensors)
    write_weights(path, tensors, {"told": json.dumps(told)})
    return path


def _require_same_name(path: Path, name: str) -> None:
    """Raise `ValueError` if a file holds a set of another name; one that is damaged holds none."""
    try:
        with safe_open(path, "pt") as file:
            there = json.loads(file.metadata()["told"])["name"]
    except (SafetensorError, OSError, TypeError, KeyError, ValueError):
        return
    if there != name:
        raise ValueError(
            f"{path} holds the adapter {there!r}, which saving {name!r} would replace; give each a "
            "folder of its own"
        )


def read(folder: Path) -> tuple[dict, dict[str, Tensor]]:
    """Return what a file tells of itself, and its tensors.

    Raises:
        ValueError: If there is no file, or it is truncated, altered or none of ours.
    """
    path = folder / FILE
    if not path.exists():
        raise ValueError(f"{folder} holds no {FILE}; write one with adapters.save")
    try:
        with safe_open(path, "pt") as file:
            told = json.loads(file.metadata()["told"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        wrong = [key for key, kind in TOLD.items() if not isinstance(told[key], kind)]
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is truncated or no file of adapters ({error})") from error
    if wrong or told["format"] != FORMAT:
        raise ValueError(f"{path} is of another format than {FORMAT!r}")
    if _content(told, tensors) != told["content"]:
        raise ValueError(f"{path} was altered: it does not hold what was saved")
    return told, tensors


def _content(told: dict, tensors: Mapping[str, Tensor]) -> str:
    """A hash of all that a file says."""
    keys = [*TOLD, *(key for key in LATER if key in told)]
    said = json.dumps({key: told[key] for key in keys if key != "content"}, sort_keys=True)
    return hashlib.sha256((said + fingerprint(tensors)).encode()).hexdigest()


def require_base(path: Path, told: dict, trunk: nn.Module) -> None:
    """Raise `ValueError` unless a file was made for this base model; says which it wants."""
    wanted = f"{path} wants the base model {told['base']!r}"
    if told["hidden"] != trunk.config.hidden_size:
        raise ValueError(
            f"{wanted} of hidden size {told['hidden']}; {base_name(trunk)!r} has "
            f"{trunk.config.hidden_size}"
        )
    here = named(precision_of(base_weights(trunk).values()))
    if told.get("precision", here) != here:
        raise ValueError(
            f"{wanted} in {told['precision']}; this is {base_name(trunk)!r} in {here}: load the "
            "encoder in the precision that the file wants"
        )
    found = base_hash(trunk)
    if found != told["base_hash"]:
        raise ValueError(
            f"{wanted} with weights {told['base_hash'][:12]}...; this is {base_name(trunk)!r} with "
            f"weights {found[:12]}..."
        )


def take_precision(adapters: Adapters, tensors: Mapping[str, Tensor]) -> None:
    """Cast a new set to what it has in a file: it may be more precise than the base model."""
    for kind, parts in (("adapter", adapters.bottlenecks), ("norm", adapters.norms)):
        for place, part in parts.items():
            for key, weight in part.named_parameters():
                stored = tensors.get(f"{kind}.{place}.{key}", weight)
                if stored.is_floating_point():
                    weight.data = weight.data.to(stored.dtype)


def fill(path: Path, tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Copy stored tensors into new ones of the same names and shapes.

    Raises:
        ValueError: If a name or a shape differs; nothing is copied then.
    """
    for name in sorted(tensors.keys() | own.keys()):
        there, here = (list(x[name].shape) if name in x else None for x in (tensors, own))
        if there != here:
            head = "; give the model the head that was saved" if name.startswith("head.") else ""
            raise ValueError(f"{path} has {name} of shape {there}, this model {here}{head}")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
