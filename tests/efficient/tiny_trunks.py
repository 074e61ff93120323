"""Two layers of eight numbers of every kind of encoder that adapters know."""

import torch
from transformers import (
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    GPT2Config,
    GPT2Model,
    RobertaConfig,
    RobertaModel,
)

from tests.tiny_models import VOCABULARY, tiny_config

SIZES = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.5,
}


def bert():
    return BertModel(tiny_config(), add_pooling_layer=False)


def roberta():
    return RobertaModel(RobertaConfig(**SIZES), add_pooling_layer=False)


def electra():
    return ElectraModel(ElectraConfig(**SIZES, embedding_size=4))


def distilbert():
    config = DistilBertConfig(
        vocab_size=len(VOCABULARY),
        dim=8,
        n_layers=2,
        n_heads=2,
        hidden_dim=16,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.5,
    )
    return DistilBertModel(config)


def gpt2():
    config = GPT2Config(
        vocab_size=len(VOCABULARY),
        n_embd=8,
        n_layer=2,
        n_head=2,
        n_positions=64,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=0.5,
        bos_token_id=2,
        eos_token_id=3,
    )
    return GPT2Model(config)


TRUNKS = {made.__name__: made for made in (bert, roberta, electra, distilbert, gpt2)}


def tiny_trunk(kind="bert", seed=0):
    """Return an encoder in evaluation mode, the same for the same seed."""
    torch.manual_seed(seed)
    return TRUNKS[kind]().eval()
