"""The state of a training run in one safetensors file, written whole or not at all."""

import json
import random
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from tlbook.files import write_weights

Settings = dict[str, object]


@dataclass
class Progress:
    """How far a run of `tlbook.training.fit` has come.

    Attributes:
        epochs: Epochs of the whole run.
        length: Steps per epoch.
        epoch: The epoch under way, from 1.
        step: Steps done in it.
        total: Sum of the losses of those steps.
        seconds: Wall time of those steps, also of those before a stop.
        order: Which pass over the batches this epoch is (`Batches.epoch`).
        history: Records of the finished epochs.
    """

    epochs: int
    length: int
    epoch: int = 1
    step: int = 0
    total: float = 0.0
    seconds: float = 0.0
    order: int = 0
    history: list[dict] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Steps done in all."""
        return (self.epoch - 1) * self.length + self.step

    def start_clock(self) -> None:
        """Begin (or go on) to measure the epoch."""
        self._begun = time.perf_counter() - self.seconds

    def count(self, loss: float) -> None:
        """Note one step."""
        self.step += 1
        self.total += loss
        self.seconds = time.perf_counter() - self._begun

    def close_epoch(self, record: dict) -> None:
        """Keep the record and begin the next epoch."""
        self.history.append(record)
        self.epoch, self.step, self.total, self.seconds = self.epoch + 1, 0, 0.0, 0.0


def settings_of(progress: Progress, batches: object, optimizer: Optimizer) -> Settings:
    """What must agree for a checkpoint to be of the same run: sizes, order of the data, rates."""
    groups = [
        {
            "weights": sum(weight.numel() for weight in group["params"]),
            "learning_rate": float(group.get("initial_lr", group["lr"])),
            "weight_decay": float(group.get("weight_decay", 0)),
        }
        for group in optimizer.param_groups
    ]
    return {
        "epochs": progress.epochs,
        "steps per epoch": progress.length,
        "rows": len(getattr(batches, "rows", ())),
        "seed of the batches": getattr(batches, "seed", None),
        "optimizer": type(optimizer).__name__,
        "groups": groups,
    }


def save(
    path: Path,
    progress: Progress,
    settings: Settings,
    model: nn.Module,
    optimizer: Optimizer,
    schedule: LRScheduler | None,
) -> None:
    """Write weights, optimizer, schedule, random states and counters to `path`, atomically.

    Args:
        path: The file; its folder is made. A ``.partial`` beside it is what a killed run leaves.
        progress: The counters.
        settings: From `settings_of`.
        model: Its parameters and buffers are stored.
        optimizer: Its state and groups are stored.
        schedule: Its state is stored, if there is one.
    """
    tensors = {f"model/{name}": tensor for name, tensor in _tensors(model).items()}
    plain: dict[str, dict] = {}
    for place, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{place}/{name}"] = value
            else:
                plain.setdefault(str(place), {})[name] = value
    told = {
        "progress": asdict(progress),
        "settings": settings,
        "groups": [
            {name: value for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ],
        "plain": plain,
        "schedule": None if schedule is None else schedule.state_dict(),
        "random": _random_states(tensors),
    }
    write_weights(path, tensors, {name: json.dumps(value) for name, value in told.items()})


def restore(
    path: Path,
    progress: Progress,
    settings: Settings,
    model: nn.Module,
    optimizer: Optimizer,
    schedule: LRScheduler | None,
) -> Progress:
    """Undo `save`; without a file at `path`, return `progress` as it is.

    Raises:
        ValueError: If the file is damaged or of a run with other settings; says what differs.
            Nothing is changed then.
    """
    if not path.exists():
        return progress
    try:
        with safe_open(path, "pt") as file:
            told = {name: json.loads(value) for name, value in file.metadata().items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found, stored_settings = Progress(**told["progress"]), told["settings"]
    except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"checkpoint {path} is damaged or none of ours ({error}); delete it"
        ) from error
    own = _tensors(model)
    stored = {n.removeprefix("model/"): t for n, t in tensors.items() if n.startswith("model/")}
    sizes = {name: list(tensor.shape) for name, tensor in own.items()}
    theirs = {name: list(tensor.shape) for name, tensor in stored.items()}
    _require_same(path, stored_settings | {"model": theirs}, settings | {"model": sizes})
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(stored[name])
    _restore_optimizer(optimizer, told, tensors)
    if schedule is not None and told["schedule"] is not None:
        schedule.load_state_dict(told["schedule"])
    _restore_random(told["random"], tensors)
    return found


def _require_same(path: Path, stored: Settings, own: Settings) -> None:
    other = [name for name in own if own[name] != stored.get(name)]
    if other:
        name = other[0]
        unlike = f": {stored.get(name)} there, {own[name]} here" if name != "model" else ""
        raise ValueError(
            f"checkpoint {path} is of another run, it differs in {' and '.join(other)}{unlike}; "
            "delete it or choose another file"
        )


def _restore_optimizer(optimizer: Optimizer, told: dict, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict] = {int(place): values for place, values in told["plain"].items()}
    for name, tensor in tensors.items():
        kind, *rest = name.split("/")
        if kind == "optimizer":
            state.setdefault(int(rest[0]), {})[rest[1]] = tensor
    now = optimizer.state_dict()["param_groups"]
    groups = [new | old for new, old in zip(now, told["groups"], strict=True)]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _random_states(tensors: dict[str, Tensor]) -> dict:
    """Put the states of PyTorch's generators into `tensors`; return Python's and NumPy's."""
    tensors["random/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    kind, words, *rest = np.random.get_state()  # noqa: NPY002 -- the one that `seed_all` seeds
    return {"python": random.getstate(), "numpy": [kind, words.tolist(), *rest]}


def _restore_random(told: dict, tensors: dict[str, Tensor]) -> None:
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random/cuda"])
    version, words, gauss = told["python"]
    random.setstate((version, tuple(words), gauss))
    kind, numbers, *rest = told["numpy"]
    np.random.set_state((kind, np.array(numbers, dtype=np.uint32), *rest))  # noqa: NPY002


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers by name, tied weights once."""
    return dict(model.named_parameters()) | dict(model.named_buffers())
