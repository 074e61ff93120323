"""Methods that train few weights beside full fine-tuning: same sets, same steps, tuned alike.

A method has one learning rate: of its three candidates (and of lower ones, as long as the lowest
is best) the one with the best mean accuracy over the validation splits of all sets of a suite, with
a seed that is not used again. (The smallest validation split has 54 rows: chosen for each set
alone, the rate would be drawn by lot.) With it the reported seeds are run and scored on the test
splits. Rows that are there already are not measured again, so a measurement that was stopped goes
on.

Paper:    PAPERS["adapters"], section 3
Notebook: notebooks/3_efficient/31_adapters.ipynb, 33_lora.ipynb
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from tlbook.efficient import adapters
from tlbook.efficient.adaptation import HEAD, Method, run, task
from tlbook.freezing import freeze, freeze_below, layers_of, unfreeze
from tlbook.training.ledger import Ledger

TUNING_SEED = 100
TUNED = "validation accuracy at {:g}"  # metric of the rows that choose a learning rate
FULL = "fine-tuning"


@dataclass(frozen=True)
class Suite:
    """One encoder and the sets on which it is adapted.

    Attributes:
        encoder: Name for `tlbook.encoders.load`.
        sets: Names for `tlbook.corpora.load`.
        seeds: Of the reported runs.
        steps: Of one training, about; `adaptation.STEPS` by default.
        mark: Ends the metric of its rows; suites that share a set have different ones.
    """

    encoder: str
    sets: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: int | None = None
    mark: str = ""


WORKBOOK = Suite(
    "pocket-bert",
    ("reviews", "faq", "pairs", "acceptability", "emotions"),
    seeds=(0, 1, 2, 3, 4),
)
SUITES = {
    "workbook": WORKBOOK,
    "longer": replace(WORKBOOK, steps=600, mark=" after 600 steps"),
    "deeper": replace(WORKBOOK, encoder="minilm", mark=" with minilm"),
    "real": Suite(
        "minilm",
        (
            "cornell-movie-review-data/rotten_tomatoes",
            "SetFit/subj",
            "CogComp/trec",
            "nyu-mll/glue/mrpc",
        ),
        seeds=(0, 1, 2),
    ),
}


def with_adapters(model: nn.Module, seed: int, **options) -> None:
    """Put adapters into the encoder; train them, the layer norms and the head (section 2)."""
    adapters.add(model, seed=seed, **options)


def top_layers(model: nn.Module, seed: int, *, count: int) -> None:
    """Train the top layers and the head (section 3.1, "variable fine-tuning")."""
    freeze_below(model.encoder, len(layers_of(model.encoder)) - count)


def layer_norms(model: nn.Module, seed: int) -> None:
    """Train the layer norms and the head (section 3.4)."""
    freeze(model.encoder)
    for module in model.encoder.modules():
        if isinstance(module, nn.LayerNorm):
            unfreeze(module)


def everything(model: nn.Module, seed: int) -> None:
    """Train all weights."""
    unfreeze(model)


FEW = (1e-3, 3e-3, 1e-2)  # where few or new weights are trained
MANY = (1e-4, 3e-4, 1e-3)  # where the encoder's own matrices are
SOME = (3e-4, 1e-3, 3e-3)  # where only those of the top are
LADDER = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)  # what is next below a candidate
METHODS = {
    FULL: Method(everything, MANY),
    "adapters 64": Method(partial(with_adapters, bottleneck=64), FEW),
    "head only": HEAD,
    "adapters 8": Method(partial(with_adapters, bottleneck=8), FEW),
    "adapters 2": Method(partial(with_adapters, bottleneck=2), FEW),
    "layer norms": Method(layer_norms, FEW),
    "top layers 1": Method(partial(top_layers, count=1), SOME),
    "top layers 2": Method(partial(top_layers, count=2), SOME),
    "adapters 16": Method(partial(with_adapters, bottleneck=16), FEW),
    "adapters 32": Method(partial(with_adapters, bottleneck=32), FEW),
    "adapters, exact start 8": Method(partial(with_adapters, bottleneck=8, scale=None), FEW),
    "pfeiffer 16": Method(partial(with_adapters, bottleneck=16, placement="pfeiffer"), FEW),
}


def measure(
    ledger: Ledger,
    *,
    lesson: str,
    methods: Mapping[str, Method],
    suite: Suite,
    sets: Sequence[str] | None = None,
    tell: Callable[[str], None] = print,
) -> None:
    """Tune and score every method on every set of a suite; see the module docstring.

    Args:
        ledger: Knows what is measured already.
        lesson: Under whose name the rows are kept.
        methods: By name.
        suite: Encoder, sets and seeds. What cannot be had here is skipped, with the reason.
        sets: Those to report; all of the suite by default. The rate is tuned on all of them.
        tell: Gets a line for each method and set.

    Raises:
        TimeIsUp: If the ledger's minutes are over before the end.
    """
    there = [dataset for dataset in suite.sets if available(suite.encoder, dataset, tell=tell)]
    for name, method in methods.items() if there else ():
        once = partial(_once, ledger, lesson, suite, name, method)
        tried, rates = {}, method.learning_rates
        while rates:
            for rate in rates:
                key = TUNING_SEED, rate, TUNED.format(rate)
                tried[rate] = sum(once(dataset, "validation", *key) for dataset in there)
            rate = max(tried, key=tried.get)
            rates = _below(rate) if rate == min(tried) else ()
        for dataset in there if sets is None else [d for d in there if d in sets]:
            scores = [once(dataset, "test", seed, rate, "accuracy") for seed in suite.seeds]
            tell(f"{name} on {dataset}: {sum(scores) / len(scores):.3f} at {rate:g}")


def _below(rate: float) -> tuple[float, ...]:
    """The next lower learning rate, or none below those of the ladder."""
    return tuple(lower for lower in LADDER if lower < rate)[-1:]


def _once(
    ledger: Ledger,
    lesson: str,
    suite: Suite,
    name: str,
    method: Method,
    dataset: str,
    split: str,
    seed: int,
    rate: float,
    metric: str,
) -> float:
    """Run once, or read the row that is there."""
    options = {"seed": seed, "learning_rate": rate, "steps": suite.steps}
    return ledger.once(
        partial(run, suite.encoder, dataset, method, split, **options),
        lesson=lesson,
        method=name,
        dataset=dataset,
        labels=len(task(suite.encoder, dataset).rows["train"]),
        seed=seed,
        metric=metric + suite.mark,
    )


def available(encoder: str, dataset: str, *, tell: Callable[[str], None] = print) -> bool:
    """Tell whether an encoder and a set can be had here, and if not, why."""
    try:
        task(encoder, dataset)
    except ConnectionError as reason:
        tell(f"{dataset} is skipped: {reason}")
        return False
    return True
