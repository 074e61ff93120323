"""Attention weights are those of equation 1, whatever way the model computes them."""

import numpy as np
import pytest
import torch

from tests.tiny_models import tiny_bert, tiny_tokenizer
from tlbook.encoders.attention import attention, head_patterns

TEXT = "the red ship sails"


def eager(**changes):
    model = tiny_bert(**changes)
    model.set_attn_implementation("eager")
    return model


def test_tokens_and_shapes_are_those_of_the_text():
    tokens, weights = attention(eager(), tiny_tokenizer(), "unlikely ship")
    assert tokens == ["[CLS]", "un", "##like", "##ly", "ship", "[SEP]"]
    assert weights.shape == (2, 2, 6, 6)


def test_what_a_token_reads_sums_to_one():
    _, weights = attention(eager(), tiny_tokenizer(), TEXT)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    assert weights.std() > 0.01, "not all the same"


def test_the_first_layer_by_hand():
    model = eager()
    _, weights = attention(model, tiny_tokenizer(), TEXT)
    ids = tiny_tokenizer()(TEXT, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        hidden = model.embeddings(ids)[0]
        block = model.encoder.layer[0].attention.self
        query, key = block.query(hidden), block.key(hidden)
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        by_hand = (query[:, part] @ key[:, part].T / 4**0.5).softmax(-1)
        np.testing.assert_allclose(weights[0, head], by_hand.numpy(), atol=1e-5)


def test_a_model_with_fused_attention_says_the_same_and_stays_as_it_was():
    model = tiny_bert()
    model.set_attn_implementation("sdpa")
    _, weights = attention(model, tiny_tokenizer(), TEXT)
    np.testing.assert_allclose(weights, attention(eager(), tiny_tokenizer(), TEXT)[1], atol=1e-5)
    assert model.config._attn_implementation == "sdpa"


def test_a_pair_is_read_as_one_sequence():
    tokens, weights = attention(eager(), tiny_tokenizer(), "red ship", "good film")
    assert tokens.count("[SEP]") == 2
    assert weights.shape[-1] == 7


def test_a_text_longer_than_the_positions_is_cut_off():
    tokens, _ = attention(eager(max_position_embeddings=6), tiny_tokenizer(), TEXT * 3)
    assert len(tokens) == 6


def test_an_empty_text_is_an_error():
    with pytest.raises(ValueError, match="there is no text to read; type a sentence"):
        attention(eager(), tiny_tokenizer(), " ")


def test_dropout_of_a_model_in_training_does_not_count():
    model = eager(attention_probs_dropout_prob=0.5).train()
    _, weights = attention(model, tiny_tokenizer(), TEXT)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def test_a_head_that_looks_at_the_token_before_is_found():
    weights = np.zeros((1, 2, 4, 4))
    weights[0, 0] = np.eye(4, k=-1)  # token i reads token i - 1; the first reads itself
    weights[0, 0, 0, 0] = 1
    weights[0, 1] = 0.25
    table = head_patterns(weights)
    assert table[["layer", "head"]].values.tolist() == [[1, 1], [1, 2]]
    assert table.loc[0, ["same", "previous", "next", "ends"]].tolist() == [0.25, 0.75, 0.0, 0.5]
    even = table.loc[1, ["same", "previous", "next", "ends"]].tolist()
    assert even == pytest.approx([1 / 4, 3 / 16, 3 / 16, 1 / 2])


def test_heads_are_numbered_layer_by_layer():
    table = head_patterns(np.full((2, 3, 2, 2), 0.5))
    assert table["layer"].tolist() == [1, 1, 1, 2, 2, 2]
    assert table["head"].tolist() == [1, 2, 3, 1, 2, 3]
