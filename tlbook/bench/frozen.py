"""What freezing the encoder saves: embedding a corpus, and training on what was embedded."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tlbook import runtime
from tlbook.batches import Batch, Batches
from tlbook.bench.finetuning import LEARNING_RATE, by_fit
from tlbook.bench.pairs import Row, in_precision, in_turns, ratios
from tlbook.bench.task import CLASSES, Sizes, reviews
from tlbook.encoders.features import INPUTS, embed, pooled
from tlbook.freezing import trained_weights
from tlbook.heads import Classifier
from tlbook.training import fit

WIDTH = 128  # tokens: the one size for all
EQUAL = 1e-5


def embedding(sizes: Sizes) -> Iterator[Row]:
    """Compare `embed` with padding every text to one size, in float32 and as it runs here."""
    task = reviews(sizes.rows)
    model = task.encoder.to(runtime.device())
    batches = Batches(task.train, sizes.batch)
    with in_precision("float32"):
        torch.testing.assert_close(
            embed(model, batches)[:, 0], padded(model, batches), rtol=0, atol=EQUAL
        )
    here = str(runtime.precision()).removeprefix("torch.")
    for kind in dict.fromkeys(("float32", here)):
        with in_precision(kind):
            turns = in_turns(
                lambda: lambda: embed(model, batches),
                lambda: lambda: padded(model, batches),
                pairs=sizes.pairs,
            )
        name = f"embedding, embed : padded to {WIDTH}, both in {kind}"
        yield Row(name, bar=2.0 if kind == "float32" else None, labels=sizes.rows, **ratios(turns))


def padded(model: PreTrainedModel, batches: Batches) -> Tensor:
    """Embed rows in the order they came, each padded to `WIDTH`: (rows, hidden)."""
    found = []
    model.eval()
    with torch.inference_mode(), runtime.autocast(model.device):
        for start in range(0, len(batches.rows), batches.size):
            batch = batches.collated(range(start, min(start + batches.size, len(batches.rows))))
            given = {}
            for name in INPUTS:
                short = WIDTH - batch[name].shape[1]
                given[name] = nn.functional.pad(batch[name], (0, short)).to(model.device)
            states = model(**given).last_hidden_state.float()
            found.append(pooled(states, given["attention_mask"], "mean").cpu())
    return torch.cat(found)


def cached(sizes: Sizes) -> Iterator[Row]:
    """Compare an epoch of a linear head on cached features with an epoch of fine-tuning."""
    task = reviews(sizes.rows)
    batches = Batches(task.train, sizes.batch)
    with in_precision("float32"):
        features = embed(task.encoder.to(runtime.device()), batches)[:, 0]
    stored = [
        {"features": features[places], "labels": batches.collated(places)["labels"]}
        for places in batches.plan(1)
    ]
    _require_equal_logits(task.classifier().eval(), batches, stored)
    turns = in_turns(
        lambda: by_head(nn.Linear(features.shape[1], CLASSES), stored, epochs=sizes.repeats),
        lambda: by_fit(task.classifier(), batches),
        pairs=sizes.pairs,
    )
    yield Row(
        "epoch on cached features : fine-tuning",
        bar=50.0,
        labels=sizes.rows,
        trained_weights=trained_weights(nn.Linear(features.shape[1], CLASSES)),
        **ratios(turns, scale=sizes.repeats),
    )


def by_head(head: nn.Linear, stored: list[Batch], *, epochs: int):
    """Return the work of training a linear head on batches of features."""
    device = runtime.device()
    head.to(device)
    optimizer = torch.optim.AdamW(head.parameters(), LEARNING_RATE, fused=True)

    def loss_of(model: nn.Linear, batch: Batch) -> Tensor:
        with torch.autocast(device.type, enabled=False):  # so little work gains nothing from it
            return nn.functional.cross_entropy(model(batch["features"]), batch["labels"])

    settings = {"optimizer": optimizer, "epochs": epochs, "progress": False}
    return lambda: fit(head, stored, loss_of=loss_of, **settings)


def _require_equal_logits(model: Classifier, batches: Batches, stored: list[Batch]) -> None:
    """The head says the same of stored features as of the texts themselves."""
    places = batches.plan(1)[0]
    given = {name: x.to(runtime.device()) for name, x in batches.collated(places).items()}
    with torch.inference_mode():
        found = model.head(stored[0]["features"].to(runtime.device()))
        torch.testing.assert_close(found, model(**given), rtol=0, atol=EQUAL)
