"""Go on training a language model on the text of a task, before its layers are used there.

Paper:    PAPERS["elmo"], section 3.4 and table 7 (in the appendix)
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from tlbook import runtime, schedules
from tlbook.batches import Batch
from tlbook.recurrent.elmo.characters import BEGIN, END, ids_of
from tlbook.recurrent.elmo.prediction import LanguageModel
from tlbook.recurrent.pocket_elmo.preparation import numbered
from tlbook.recurrent.pocket_elmo.stream import Stream
from tlbook.recurrent.pocket_elmo.streamed import Streamed
from tlbook.training import fit

CANDIDATES = 1024  # of the commonest words, and as many that are drawn: see `sampled_loss`


def stream_of(
    model: LanguageModel, texts: Sequence[str], *, passes: float, rows: int, span: int, seed: int
) -> Stream:
    """Return the text as a stream of the numbers of the model's own vocabulary."""
    numbers = {BEGIN: 0, END: 1}
    numbers |= {word: number for number, word in enumerate(model.vocabulary) if number > 1}
    words = numbered([list(texts)], numbers)  # words that are not in it get the next numbers
    return Stream(
        words,
        ids_of(list(numbers), model.bilm.settings.longest),
        vocab=len(model.vocabulary),
        rows=rows,
        span=span,
        total=passes * len(words),
        common=CANDIDATES,
        sampled=CANDIDATES,
        forgetting=0.0,
        seed=seed,
    )


def tuned(
    model: LanguageModel,
    texts: Sequence[str],
    *,
    passes: float = 1.0,
    learning_rate: float = 1e-3,
    rows: int = 32,
    span: int = 20,
    seed: int = 0,
) -> tuple[LanguageModel, float]:
    """Tune a copy of a language model on texts, and return it with the seconds that took.

    It is trained as it was pre-trained (`tlbook.recurrent.pocket_elmo`): both directions, on
    rows of running text whose states are carried on, against words drawn anew at each step.

    Args:
        model: Stays as it is.
        texts: Without labels.
        passes: Over the texts, above 0.
        learning_rate: At the peak; it rises for a tenth of the steps and then falls to zero.
        rows: That are read at the same time.
        span: Words per row and step, through which gradients flow.
        seed: Of the candidates.

    Raises:
        ValueError: If the texts are too short for a single step.
    """
    model = copy.deepcopy(model).requires_grad_(True)
    stream = stream_of(model, texts, passes=passes, rows=rows, span=span, seed=seed)
    streamed = Streamed(model, rows).to(runtime.device())
    optimizer = torch.optim.Adam(streamed.parameters(), learning_rate)
    schedule = schedules.linear(optimizer, steps=max(1, len(stream)))
    records = fit(
        streamed, stream, loss_of=loss_of, optimizer=optimizer, epochs=1, schedule=schedule
    )
    return model.eval(), records[0]["seconds"]


def loss_of(model: Streamed, batch: Batch) -> Tensor:
    """Return the mean of both directions' losses, in nats per word."""
    # A sum over a vocabulary needs more digits than bfloat16 has.
    with torch.autocast(batch["kept"].device.type, enabled=False):
        losses = model.losses(batch)
        return (losses["forward"] + losses["backward"]) / 2
