"""A typed sentence is read anew; what a callable returns is shown, what it raises is raised."""

import html
import re

import numpy as np
import pandas as pd
import pytest

from tests.tiny_models import tiny_bert, tiny_tokenizer
from tlbook.encoders.attention import attention as attention_of
from tlbook.encoders.attention import head_patterns
from tlbook.encoders.neighbours import nearest, split, word_states
from tlbook.widgets import sentences
from tlbook.widgets.sentences import WordButton


def alt(picture):
    return html.unescape(re.search(r'alt="([^"]*)"', picture.value)[1])


def weights_of(text):
    """Two layers of three heads: head h of layer l reads the token l * 3 + h places further."""
    tokens = text.split()
    count = len(tokens)
    shifts = np.arange(6).reshape(2, 3)
    return tokens, np.stack(
        [[np.roll(np.eye(count), shift, axis=1) for shift in row] for row in shifts]
    )


def test_a_head_of_a_layer_is_chosen_and_shown():
    panel = sentences.attention(weights_of, sentence="a b c d e f g")
    _, controls, picture = panel.children
    layer, head = controls.children
    assert [label for label in head.options] == ["mean", 1, 2, 3]
    head.value = 2
    assert alt(picture).startswith("Attention of layer 1, head 2: a reads b most; b reads c most")
    layer.value = 2
    assert alt(picture).startswith("Attention of layer 2, head 2: a reads e most")


def test_the_mean_of_the_heads_is_shown_at_first():
    tokens, weights = weights_of("a b")
    weights[0, :, 0] = [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]]
    panel = sentences.attention(lambda text: (tokens, weights), sentence="a b")
    assert "head mean: a reads b most" in alt(panel.children[-1])


def test_a_sentence_is_read_once_however_often_the_sliders_move():
    read = []
    panel = sentences.attention(lambda text: read.append(text) or weights_of(text), sentence="a b")
    field, controls, picture = panel.children
    for layer in (2, 1, 2):
        controls.children[0].value = layer
    assert read == ["a b"]
    field.value = "x y z"
    assert read == ["a b", "x y z"]
    assert "z reads" in alt(picture)


def test_a_sentence_that_cannot_be_read_is_told_and_the_next_one_is_fine():
    def choosy(text):
        if not text:
            raise ValueError("there is no text to read")
        return weights_of(text)

    panel = sentences.attention(choosy, sentence="a b")
    field, _, picture = panel.children
    with pytest.raises(ValueError, match="there is no text"):
        field.value = ""
    assert "there is no text to read" in picture.value
    field.value = "a b c"
    assert "c reads" in alt(picture)


def test_heads_are_listed_by_their_patterns_for_a_real_encoder():
    model, tokenizer = tiny_bert(), tiny_tokenizer()
    panel = sentences.attention(
        lambda text: attention_of(model, tokenizer, text),
        sentence="the red ship",
        patterns_of=head_patterns,
    )
    table = panel.children[-1]
    assert len(table.rows) == 4
    table.by.value, table.falling.value = "next", True
    assert table.shown["next"].is_monotonic_decreasing
    before = table.rows
    panel.children[0].value = "who saw ada in paris"
    assert not table.rows.equals(before)
    assert "[CLS] reads" in alt(panel.children[2])


def near(sentence, place, *, layer, other_words):
    words = [f"{sentence}/{place}/{layer}/{other_words}"]
    return pd.DataFrame({"likeness": [0.5], "before": ["x"], "word": words, "after": ["y"]})


def parts(panel):
    field, buttons, controls, picture = panel.children
    return field, buttons, *controls.children, picture


def test_each_word_is_a_button_and_marks_are_none():
    panel = sentences.neighbours(near, split, sentence="the bank, closed.", layers=3)
    _, buttons, *_ = parts(panel)
    assert [button.description for button in buttons.children] == ["the", "bank", "closed"]
    assert all(isinstance(button, WordButton) and button.tooltip for button in buttons.children)


def test_a_click_on_a_word_asks_for_its_neighbours_and_marks_it():
    panel = sentences.neighbours(near, split, sentence="the bank, closed.", layers=3)
    _, buttons, layer, others, picture = parts(panel)
    assert "the bank, closed./0/3/False" in picture.value
    buttons.children[2].click()
    assert "the bank, closed./3/3/False" in picture.value, "the comma has a place, too"
    assert "nearest to “closed” at layer 3" in picture.value
    assert [button.button_style for button in buttons.children] == ["", "", "primary"]
    layer.value = 0
    others.value = True
    assert "/3/0/True" in picture.value


def test_another_sentence_has_other_buttons():
    panel = sentences.neighbours(near, split, sentence="the bank closed", layers=1)
    field, buttons, *_, picture = parts(panel)
    buttons.children[2].click()
    field.value = "a film"
    assert [button.description for button in buttons.children] == ["a", "film"]
    assert "a film/1/1" in picture.value, "the word nearest to the place that was chosen"
    field.value = "?!"
    assert buttons.children == ()
    assert "Type a sentence with a word in it" in picture.value


def test_neighbours_of_a_real_encoder():
    model, tokenizer = tiny_bert(), tiny_tokenizer()
    known = word_states(model, tokenizer, ["the red ship sails", "who saw the ship"])

    def near(sentence, place, **options):
        return nearest(known, word_states(model, tokenizer, [sentence]), place, **options)

    panel = sentences.neighbours(near, split, sentence="who saw the ship", layers=2)
    _, buttons, _, others, picture = parts(panel)
    buttons.children[3].click()
    first = re.search(r"<tbody><tr>(.*?)</tr>", picture.value)[1]
    assert re.findall(r"<td[^>]*>(.*?)</td>", first)[1:3] == ["who saw the", "ship"]
    others.value = True
    first = re.search(r"<tbody><tr>(.*?)</tr>", picture.value)[1]
    assert re.findall(r"<td[^>]*>(.*?)</td>", first)[2] != "ship"


def test_a_typed_sentence_is_explained():
    panel = sentences.drivers(lambda text: f"<b>{len(text)}</b>", sentence="abc")
    field, picture = panel.children
    assert picture.value == "<b>3</b>"
    field.value = "abcd"
    assert picture.value == "<b>4</b>"


def test_an_explanation_that_fails_comes_through():
    def broken(text):
        raise ValueError("no text")

    with pytest.raises(ValueError, match="no text"):
        sentences.drivers(broken, sentence="abc")
