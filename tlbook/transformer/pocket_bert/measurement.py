"""Measure the figures of the card: the same tuning effort for all, five seeds, every row kept.

For each method and task, every configuration of its grid (`SIZE` for all) is scored on the
validation split, with seeds that are not used again; the best one is then run with the reported
seeds and scored on the test split. Rows that are there already are not measured again, so a
measurement that was stopped goes on. Rows that depend on pocket-bert carry the beginning of its
SHA-256 in their lesson's name: other weights are measured anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from tlbook.training import ledger
from tlbook.training.ledger import Outcome
from tlbook.transformer.pocket_bert import methods
from tlbook.transformer.pocket_bert.methods import Task

LESSON = "pocket_bert"
SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)  # with all labels the first one only: their runs differ little
SIZE = 4  # configurations of every grid
OURS, REAL, SST2 = "reviews", "cornell-movie-review-data/rotten_tomatoes", "stanfordnlp/sst2"
FEW = 100
TASKS = (Task(OURS, FEW), Task(OURS), Task(REAL, FEW), Task(REAL), Task(SST2))
SST2_EPOCHS = 1  # its 67,349 phrases are parts of 8,000 sentences
SST2_SEEDS = (0, 1, 2)
TIMED, SPEED = 512, "texts per CPU second"

Configuration = dict[str, float | int]


def product(**options: Sequence) -> tuple[Configuration, ...]:
    """Return every combination of the options.

    Example:
        >>> product(a=(1, 2), b=(3,))
        ({'a': 1, 'b': 3}, {'a': 2, 'b': 3})
    """
    combined: list[Configuration] = [{}]
    for name, values in options.items():
        combined = [known | {name: value} for known in combined for value in values]
    return tuple(combined)


@dataclass(frozen=True)
class Method:
    """One way to solve a task, and what is tried to tune it.

    Attributes:
        run: Maps (task, split, seed, **configuration) to an `Outcome`.
        few: Configurations tried with few labels, `SIZE` of them.
        full: Configurations tried with all labels, `SIZE` of them.
        trained: Whether the result depends on pocket-bert: its weights, size or vocabulary.
        drawn: Whether it depends on the seed even if all labels are used.
        tasks: Datasets on which it is measured.
    """

    run: Callable[..., Outcome]
    few: tuple[Configuration, ...]
    full: tuple[Configuration, ...]
    trained: bool = False
    drawn: bool = False
    tasks: tuple[str, ...] = (OURS, REAL, SST2)


PENALTIES = product(strength=(1.0, 10.0), layers=(1, 2))
WORD_COUNTS = product(strength=(1.0, 10.0), words=(1, 2))
METHODS = {
    "fine-tuning": Method(
        methods.fine_tuning,
        product(learning_rate=(1e-4, 3e-4), epochs=(10, 20)),
        product(learning_rate=(1e-4, 2e-4, 4e-4, 8e-4), epochs=(2,)),
        trained=True,
        drawn=True,
    ),
    "features": Method(
        partial(methods.frozen, encoder=methods.POCKET),
        PENALTIES,
        PENALTIES,
        trained=True,
    ),
    "scratch": Method(
        partial(methods.fine_tuning, scratch=True),
        product(learning_rate=(3e-4, 1e-3), epochs=(10, 20)),
        product(learning_rate=(2e-4, 4e-4, 8e-4, 1.6e-3), epochs=(2,)),
        trained=True,
        drawn=True,
        tasks=(OURS, REAL),
    ),
    "tfidf": Method(methods.tfidf, WORD_COUNTS, WORD_COUNTS),
    "teacher features": Method(
        partial(methods.frozen, encoder=methods.TEACHER),
        PENALTIES,
        PENALTIES,
    ),
}


class Ledger:
    """The rows measured so far, filed by whether they depend on the weights of pocket-bert.

    Args:
        known: From `tlbook.results.load`.
        record: `tlbook.results.record`.
        fingerprint: Beginning of the SHA-256 of the weights of pocket-bert.
        minutes: After so many nothing new is begun; None sets no limit.
    """

    def __init__(
        self,
        known: pd.DataFrame,
        record: Callable[..., None],
        fingerprint: str,
        *,
        minutes: float | None = None,
    ):
        self.rows = ledger.Ledger(known, record, minutes=minutes)
        self.fingerprint = fingerprint

    def lesson(self, *, trained: bool) -> str:
        """Return the name under which rows are kept."""
        return f"{LESSON}-{self.fingerprint}" if trained else LESSON

    def once(
        self,
        method: str,
        task: Task,
        seed: int,
        metric: str,
        run: Callable[[], Outcome],
        *,
        trained: bool,
    ) -> float:
        """Return the value of a row; measure and record it if it is not there yet.

        Raises:
            TimeIsUp: If it would have to be measured, but the minutes are over.
        """
        return self.rows.once(
            run,
            lesson=self.lesson(trained=trained),
            method=method,
            dataset=task.dataset,
            labels=task.few or len(methods.corpus(task.dataset)["train"]),
            seed=seed,
            metric=metric,
        )


def best(name: str, task: Task, ledger: Ledger, method: Method) -> Configuration:
    """Return the configuration with the highest mean accuracy on the validation split.

    A set without a validation split (SST-2) takes the configuration of `REAL`, with
    `SST2_EPOCHS`.
    """
    if "validation" not in methods.corpus(task.dataset):
        chosen = best(name, Task(REAL, task.few), ledger, method)
        return chosen | ({"epochs": SST2_EPOCHS} if "epochs" in chosen else {})
    seeds = TUNING_SEEDS if task.few else TUNING_SEEDS[:1]

    def score(configuration: Configuration) -> float:
        told = ", ".join(f"{option} {value:g}" for option, value in configuration.items())
        scores = [
            ledger.once(
                name,
                task,
                seed,
                f"validation accuracy at {told}",
                partial(method.run, task, "validation", seed, **configuration),
                trained=method.trained,
            )
            for seed in seeds
        ]
        return sum(scores) / len(scores)

    scores = [score(configuration) for configuration in (method.few if task.few else method.full)]
    return (method.few if task.few else method.full)[scores.index(max(scores))]


def seeds_of(task: Task, method: Method) -> tuple[int, ...]:
    """Return the reported seeds: one where nothing is drawn, three on SST-2, else five."""
    if not (task.few or method.drawn):
        return SEEDS[:1]
    return SST2_SEEDS if task.dataset == SST2 else SEEDS


def measure(
    ledger: Ledger,
    *,
    tasks: Sequence[Task] = TASKS,
    compared: Mapping[str, Method] = METHODS,
    tell: Callable[[str], None] = print,
) -> None:
    """Tune and score every method on every task; see the module docstring.

    Args:
        ledger: Knows what is measured already.
        tasks: What to solve.
        compared: The methods by name.
        tell: Gets a line for each method and task.

    Raises:
        TimeIsUp: If the ledger's minutes are over before the end.
    """
    for task in tasks:
        if not available(task.dataset, tell=tell):
            continue
        for name, method in compared.items():
            if task.dataset not in method.tasks:
                continue
            chosen = best(name, task, ledger, method)
            scores = [
                ledger.once(
                    name,
                    task,
                    seed,
                    "accuracy",
                    partial(method.run, task, "test", seed, **chosen),
                    trained=method.trained,
                )
                for seed in seeds_of(task, method)
            ]
            mean = sum(scores) / len(scores)
            tell(f"{task.dataset}, {task.few or 'all'} labels: {name} {mean:.3f} at {chosen}")


def available(dataset: str, *, tell: Callable[[str], None] = print) -> bool:
    """Tell whether a set can be had here, and if not, why."""
    try:
        methods.corpus(dataset)
    except ConnectionError as reason:
        tell(f"{dataset} is skipped: {reason}")
        return False
    return True


def measure_speed(ledger: Ledger, names: Sequence[str] = (OURS, REAL)) -> None:
    """Embed the same texts with student and teacher in turn (A B B A ...), once per seed.

    Each takes its own tokens of the same texts, in batches of as many texts, on the same threads.

    Args:
        ledger: Knows what is measured already.
        names: Sets whose test texts are embedded.
    """
    pair = (("features", methods.POCKET), ("teacher features", methods.TEACHER))
    for dataset in filter(available, names):
        for seed in SEEDS:
            for name, encoder in pair if seed % 2 == 0 else pair[::-1]:
                ledger.once(
                    name,
                    Task(dataset),
                    seed,
                    SPEED,
                    partial(methods.embedding_speed, encoder, dataset, TIMED),
                    trained=True,  # the two of a pair belong together
                )
