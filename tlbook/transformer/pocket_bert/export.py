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
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from tlbook.encoders.sources import sha256_of
from tlbook.transformer.pocket_bert import card, vocabulary
from tlbook.transformer.pocket_bert.preparation import write

DROPOUT = 0.1  # of BERT; zero while distilling
LONGEST = 512  # tokens: positions of the teacher
MOST_BYTES = 20_000_000
SUMS = "SHA256SUMS"
UNSUMMED = ("CARD.md", "measured.csv")  # text for people, renewed by ``measure``


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
    if not (folder / "run.json").exists():
        raise FileNotFoundError(f"{folder} holds no finished run; run train first")
    fresh = target.with_name(f"{target.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    model_of(folder).half().save_pretrained(fresh)
    tokenizer_of(folder).save_pretrained(fresh)
    told = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("plan", "run", "text")
    }
    write(fresh / "training.json", json.dumps(told, indent=1).encode())
    shutil.copy(folder / "curve.csv", fresh)
    card.write(fresh)
    for path in fresh.iterdir():
        path.chmod(0o644)  # safetensors lets only the owner read
    size = sum(path.stat().st_size for path in fresh.iterdir())
    if size > MOST_BYTES:
        shutil.rmtree(fresh)
        raise ValueError(f"the model has {size:,} bytes, more than {MOST_BYTES:,}; nothing written")
    replace(fresh, target)
    return target


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


def replace(fresh: Path, target: Path) -> None:
    """Put the new folder in the place of the old one, and its checksums beside it."""
    old = target.with_name(f"{target.name}.old.partial")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(fresh, target)
    shutil.rmtree(old, ignore_errors=True)
    sums = target.parent / SUMS
    others = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    others = [line for line in others if f"  {target.name}/" not in line]
    own = [
        f"{sha256_of(path)}  {target.name}/{path.name}"
        for path in sorted(target.iterdir())
        if path.name not in UNSUMMED
    ]
    write(sums, ("\n".join(sorted(others + own, key=lambda line: line[66:])) + "\n").encode())
