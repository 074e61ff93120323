"""Many tasks, one trunk, one pass: each row of a batch goes through the adapters of its task.

Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from tlbook import runtime
from tlbook.batches import Batch
from tlbook.efficient import adapters
from tlbook.efficient.adapters import bank
from tlbook.efficient.adapters.heads import head_of
from tlbook.efficient.adapters.places import require_whole, trunk_of
from tlbook.efficient.parts import with_parts
from tlbook.heads import states_of


class ByTask(nn.Module):
    """One module for each run of rows: rows 0..counts[0]-1 go through the first, and so on.

    Args:
        choices: Modules that keep the shape of the states.
        counts: Rows for each of them.

    Example:
        >>> states = torch.tensor([[-1.0], [-1.0], [2.0]])
        >>> ByTask([nn.Identity(), nn.ReLU()], [1, 2])(states).tolist()
        [[-1.0], [0.0], [2.0]]
    """

    def __init__(self, choices: Sequence[nn.Module], counts: Sequence[int]):
        super().__init__()
        self.choices, self.counts = nn.ModuleList(choices), list(counts)

    def forward(self, states: Tensor) -> Tensor:
        runs = states.split(self.counts)
        return torch.cat([part(run) for part, run in zip(self.choices, runs, strict=True)])


class Given(nn.Module):
    """Stands in for an encoder that has already spoken."""

    def __init__(self, states: Tensor):
        super().__init__()
        self.states = states

    def forward(self, **_: Tensor) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=self.states)


def serve(
    models: nn.Module | Mapping[str, nn.Module], batch: Batch, tasks: Sequence[str]
) -> list[Tensor]:
    """Answer a batch whose rows belong to different tasks by one pass through the trunk.

    The matrices of the trunk see all rows together. Adapters and norms see those of their own
    task, and so do the heads. Models are put into evaluation mode.

    Args:
        models: One model with the names on it, or for each name the model that holds its head;
            these share one encoder.
        batch: As for the models; ``labels`` are ignored.
        tasks: The name for each row.

    Returns:
        For each row what its model says of it, as long as the batch is wide.

    Raises:
        ValueError: If a name is unknown, there is not one for each row, a model has no head for
            its name, or the models do not share their encoder.
    """
    heads = _models_of(models, tasks)
    trunk = trunk_of(next(iter(heads.values())))
    require_whole(trunk)
    if len(tasks) != len(batch["input_ids"]):
        raise ValueError(f"{len(batch['input_ids'])} rows need as many tasks, got {len(tasks)}")
    device = next(trunk.parameters()).device
    order = sorted(range(len(tasks)), key=lambda row: tasks[row])
    batch = {key: x[order].to(device) for key, x in batch.items() if key != "labels"}
    counts = {name: list(tasks).count(name) for name in sorted(heads)}
    answers: list[Tensor] = []
    for model in (trunk, *heads.values()):
        model.eval()
    with torch.inference_mode(), runtime.autocast(device):
        states = _states(trunk, batch, counts)
        begin = 0
        for name, count in counts.items():
            rows = slice(begin, begin + count)
            own = {key: x[rows] for key, x in batch.items()}
            answers += _answers(heads[name], name, states[rows], own).unbind(0)
            begin += count
    return [answer for _, answer in sorted(zip(order, answers, strict=True), key=lambda x: x[0])]


def _models_of(
    models: nn.Module | Mapping[str, nn.Module], tasks: Sequence[str]
) -> dict[str, nn.Module]:
    """The model for each task that occurs."""
    if not tasks:
        raise ValueError("there are no rows to serve")
    wanted = sorted(set(tasks))
    if isinstance(models, nn.Module):
        found = dict.fromkeys(wanted, models)
    else:
        for name in wanted:
            bank.require_known(models, name)
        found = {name: models[name] for name in wanted}
    if len({id(trunk_of(model)) for model in found.values()}) > 1:
        raise ValueError("the models must share one encoder; make each with the same object")
    for name, model in found.items():
        bank.require_known(adapters.names(model), name)
        if model is not trunk_of(model):
            head_of(model, name)  # or an error, before anything is run
    return found


def _states(trunk: nn.Module, batch: Batch, counts: Mapping[str, int]) -> Tensor:
    """Run the trunk once over rows that are sorted by task."""
    sets = [trunk.adapter_bank.sets[name] for name in counts]
    routed, norms, rows = {}, {}, list(counts.values())
    for place in {place for found in sets for place in found.bottlenecks}:
        routed[place] = ByTask(
            [found.bottlenecks.get(place, nn.Identity()) for found in sets], rows
        )
    for name, own in trunk.adapter_bank.norms.items():
        norms[name] = ByTask([found.norms.get(name, own) for found in sets], rows)
    before = adapters.active(trunk)
    try:
        bank.put_in_place(trunk, routed, norms)
        return states_of(trunk, batch)
    finally:
        adapters.activate(trunk, before)


def _answers(model: nn.Module, name: str, states: Tensor, batch: Batch) -> Tensor:
    """What the model's head for this task makes of states; its encoder is not run again."""
    if model is trunk_of(model):
        return states
    head = with_parts(model, **head_of(model, name) | {"encoder": Given(states)})
    return head.to(states.device).eval()(**batch)  # a head kept aside has not followed the model
