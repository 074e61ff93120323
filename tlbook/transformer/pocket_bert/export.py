"""Make the model that ships: half-precision weights, tokenizer, configuration, provenance, card.

========================  =====================================================================
file of the model         what it holds
========================  =====================================================================
``model.safetensors``     `BertForMaskedLM` in float16; the tied decoder is stored once
``config.json``           with dropout for fine-tuning
``tokenizer*.json``       for `AutoTokenizer` and `PreTrainedTokenizerFast`
``training.json``         plan, run and text: what the card tells
``curve.csv``             losses of the run
``measured.csv``          figures, once ``measure`` has run
``CARD.md``               made of the last three by `tlbook.transformer.pocket_bert.card`
========================  =====================================================================
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from tlbook.training.publishing import publish
from tlbook.transformer.pocket_bert import card, vocabulary

DROPOUT = 0.1  # of BERT; zero while distilling
LONGEST = 512  # tokens: positions of the teacher
MOST_BYTES = 20_000_000


def export(folder: Path, target: Path) -> Path:
    """Write the model of a finished run to `target`, whole or not at all, with its checksums.

    Args:
        folder: Where ``prepare`` and ``train`` wrote.
        target: Where the model goes; what is there is replaced. Its checksums go to
            ``SHA256SUMS`` beside it.

    Returns:
        `target`.

    Raises:
        FileNotFoundError: If the run is not finished.
        ValueError: If the files come to more than `MOST_BYTES`.
    """

    def fill(fresh: Path) -> None:
        model_of(folder).half().save_pretrained(fresh)
        tokenizer_of(folder).save_pretrained(fresh)

    return publish(folder, target, fill=fill, card=card.write, most_bytes=MOST_BYTES)


def model_of(folder: Path) -> BertForMaskedLM:
    """The trained model in float32, with dropout switched on for those who fine-tune it.

    Raises:
        ValueError: If the stored weights are not those of the configuration.
    """
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    settings |= {"hidden_dropout_prob": DROPOUT, "attention_probs_dropout_prob": DROPOUT}
    model = BertForMaskedLM(BertConfig(**settings)).eval()
    weights = load_file(folder / "student.safetensors")
    own = dict(model.named_parameters())
    if weights.keys() != own.keys():
        other = sorted(weights.keys() ^ own.keys())
        raise ValueError(f"student.safetensors and config.json differ in {other[0]}; train anew")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])
    return model


def tokenizer_of(folder: Path) -> PreTrainedTokenizerFast:
    """The pruned tokenizer with the names of its special tokens."""
    names = ("pad", "unk", "cls", "sep", "mask")
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_file(str(folder / "tokenizer.json")),
        model_max_length=LONGEST,
        **{f"{name}_token": token for name, token in zip(names, vocabulary.SPECIAL, strict=True)},
    )
