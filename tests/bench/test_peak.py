"""The operations of a step are counted from the products that it makes."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from tlbook.bench import peak


@pytest.mark.parametrize("layers", [1, 3])
def test_the_count_is_what_pytorch_counts_while_it_runs(layers):
    config = BertConfig(
        vocab_size=11,
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=layers,
        num_attention_heads=2,
        attn_implementation="eager",
    )
    model = BertModel(config, add_pooling_layer=False)
    with FlopCounterMode(display=False) as counter:
        model(torch.ones(3, 5, dtype=torch.long)).last_hidden_state.sum().backward()
    assert peak.training_flops(config, [5] * 3) == counter.get_total_flops()


def test_texts_of_other_lengths_add_up():
    config = BertConfig(hidden_size=4, intermediate_size=6, num_hidden_layers=2)
    one, other = peak.training_flops(config, [3]), peak.training_flops(config, [7])
    assert peak.training_flops(config, [3, 7]) == one + other


@pytest.mark.parametrize("wished", ["float32", "bfloat16"])
def test_the_peak_is_measured_in_the_precision_of_training(monkeypatch, wished):
    monkeypatch.setenv("TLBOOK_PRECISION", wished)
    with FlopCounterMode(display=False) as counter:
        work = peak.products(4)
        counter.flop_counts.clear()
        work()
    assert counter.get_total_flops() == peak.PRODUCTS * 2 * 4**3
