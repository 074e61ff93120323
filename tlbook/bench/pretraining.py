"""A step of masked-LM pre-training: logits where a token is hidden, against logits everywhere."""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from transformers import BertForMaskedLM

from tlbook import encoders, runtime
from tlbook.batches import Batch, Batches
from tlbook.bench.pairs import Row, in_precision, in_turns, ratios
from tlbook.bench.task import Sizes, reviews
from tlbook.freezing import trained_weights
from tlbook.tokens import IGNORED
from tlbook.training import fit
from tlbook.transformer.pocket_bert import stream

BARS = {"float32": 1.3, "bfloat16": 2.0}
EQUAL = 1e-5
STEPS = 4
WHOLE = 30_522  # pieces in the vocabulary of BERT (uncased)
LEARNING_RATE = 5e-4


def steps(sizes: Sizes) -> Iterator[Row]:
    """Compare tokens per second of steps on the same masked batches."""
    _, model = encoders.load("pocket-bert", masked_lm=True)
    batches = masked(Batches(reviews(sizes.rows).train, sizes.batch), model.config.vocab_size)
    require_equal_loss(model, batches[0])
    small = model.config.vocab_size
    compared = [("float32", model, BARS["float32"]), ("bfloat16", model, BARS["bfloat16"])]
    compared.append(("float32", with_vocabulary(model, WHOLE), None))
    pays = runtime.precision() is torch.bfloat16
    for kind, stock, bar in compared:
        pieces = f"vocabulary {small} : {stock.config.vocab_size}"
        name = f"masked-LM step, fit in {kind} : all logits, {pieces}"
        if kind == "bfloat16" and not pays:
            yield Row(name, bar=bar, note="bfloat16 does not pay on this machine")
            continue
        with in_precision(kind):
            turns = in_turns(
                lambda: by_fit(copy.deepcopy(model), batches),
                lambda stock=stock: by_stock(copy.deepcopy(stock), batches),
                pairs=sizes.pairs,
            )
        moved = trained_weights(model)
        yield Row(name, bar=bar, labels=sizes.rows, trained_weights=moved, **ratios(turns))


def masked(batches: Batches, vocab: int) -> list[Batch]:
    """Return some batches with hidden tokens; ``labels`` are the ids that were hidden."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for places in batches.plan(1)[:STEPS]:
        batch = batches.collated(places)
        seen, chosen = stream.mask(batch["input_ids"], vocab, generator)
        labels = torch.where(chosen, batch["input_ids"], IGNORED)
        mask = batch["attention_mask"]
        found.append({"input_ids": seen, "attention_mask": mask, "labels": labels})
    return found


def loss_where_hidden(model: BertForMaskedLM, batch: Batch) -> Tensor:
    """Cross-entropy at the hidden tokens; no logits are computed for the others."""
    states = model.bert(batch["input_ids"], batch["attention_mask"]).last_hidden_state
    chosen = batch["labels"] != IGNORED
    logits = model.cls(states[chosen])  # (hidden tokens, vocab)
    return nn.functional.cross_entropy(logits.float(), batch["labels"][chosen])


def by_fit(model: BertForMaskedLM, batches: list[Batch]) -> Callable[[], object]:
    """Return the work of our steps."""
    model.to(runtime.device())
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, fused=True)
    settings = {"optimizer": optimizer, "epochs": 1, "progress": False}
    return lambda: fit(model, batches, loss_of=loss_where_hidden, **settings)


def by_stock(model: BertForMaskedLM, batches: list[Batch]) -> Callable[[], object]:
    """Return the work of the same steps by the loss that the model itself computes, in float32."""
    device = runtime.device()
    model.to(device).train()
    model.set_attn_implementation("sdpa")  # what a model has that nobody asked otherwise
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, fused=True)

    def work() -> None:
        for batch in batches:
            loss = model(**{name: tensor.to(device) for name, tensor in batch.items()}).loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return work


def require_equal_loss(model: BertForMaskedLM, batch: Batch) -> None:
    """Check that both ways compute the same loss in float32, without dropout.

    Raises:
        AssertionError: If they differ.
    """
    with torch.inference_mode():
        found, expected = loss_where_hidden(model.eval(), batch), model(**batch).loss
    torch.testing.assert_close(found, expected, rtol=0, atol=EQUAL)


def with_vocabulary(model: BertForMaskedLM, size: int) -> BertForMaskedLM:
    """Return a copy with an embedding and an output layer of `size` pieces; the new are random."""
    grown = copy.deepcopy(model)
    grown.resize_token_embeddings(size, mean_resizing=False)
    return grown
