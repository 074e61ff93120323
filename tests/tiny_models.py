"""A tokenizer of a few words and a BERT of a few weights: the shapes of the real ones."""

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    *("a", "film", "the", "ship", "sails", "red", "good", "bad", "who", "saw", "ada", "in"),
    *("paris", ".", "?", "un", "##like", "##ly"),
]
VOCABULARY = {word: place for place, word in enumerate(SPECIALS + WORDS)}


def tiny_tokenizer():
    """Lower-cased WordPiece with BERT's specials; "unlikely" has three pieces."""
    core = Tokenizer(WordPiece(VOCABULARY, unk_token="[UNK]"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", VOCABULARY["[CLS]"]), ("[SEP]", VOCABULARY["[SEP]"])],
    )
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIALS, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=256,
        **{f"{kind}_token": token for kind, token in names.items()},
    )


SIZES = {  # of a configuration of any kind: three layers of sixteen numbers in two heads
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}


def tiny_config(**changes):
    """Return two layers of eight numbers in two heads, without dropout."""
    sizes = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 256,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.5,  # wide, so that a difference in the input shows in the output
    }
    return BertConfig(**sizes | changes)


def tiny_bert(seed=0, **changes):
    """Return an encoder in evaluation mode, the same for the same seed."""
    torch.manual_seed(seed)
    return BertModel(tiny_config(**changes), add_pooling_layer=False).eval()


def tiny_rows(count=7, *, classes=2, seed=0):
    """Return rows of 3 to 9 ids with a class each."""
    draw = torch.Generator().manual_seed(seed)
    rows = []
    for place in range(count):
        length = int(torch.randint(1, 8, (), generator=draw))
        ids = torch.randint(len(SPECIALS), len(VOCABULARY), (length,), generator=draw).tolist()
        ids = [VOCABULARY["[CLS]"], *ids, VOCABULARY["[SEP]"]]
        row = {"input_ids": ids, "token_type_ids": [0] * len(ids), "labels": place % classes}
        rows.append(row)
    return rows
