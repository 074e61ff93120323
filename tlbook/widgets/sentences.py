"""Explorers of one sentence a reader types: where heads look, what words are near, what counted.

Each is given a plain function and shows what it returns. An exception is shown and raised.
"""

from collections.abc import Callable

import ipywidgets
import numpy as np
import pandas as pd

from tlbook.figures import heat_map
from tlbook.figures.pictures import picture
from tlbook.widgets.charts import figure
from tlbook.widgets.panels import Panel, Picture, at_most, row
from tlbook.widgets.tables import SortableTable, as_html

WORDS = {"style": {"description_width": "initial"}, "continuous_update": False}
MEAN = "mean"
WIDEST = 12.0  # inches of a picture


def sentence_field(sentence: str) -> ipywidgets.Text:
    """Return the field in which a sentence is typed; Enter reads it."""
    return ipywidgets.Text(
        value=sentence,
        description="sentence",
        tooltip="Type a sentence and press Enter",
        layout=at_most(640),
        **WORDS,
    )


def _slider(name: str, options: list, tooltip: str) -> ipywidgets.SelectionSlider:
    return ipywidgets.SelectionSlider(
        options=options, description=name, tooltip=tooltip, layout=at_most(340), **WORDS
    )


def attention(
    weights_of: Callable[[str], tuple[list[str], np.ndarray]],
    *,
    sentence: str,
    patterns_of: Callable[[np.ndarray], pd.DataFrame] | None = None,
) -> Panel:
    """Show what each token of a typed sentence reads, for one layer and one head or their mean.

    Args:
        weights_of: Maps a sentence to its tokens and the weights (layers, heads, tokens, tokens),
            as `tlbook.encoders.attention.attention` with a model and its tokenizer does. It is
            called once per sentence.
        sentence: To start with.
        patterns_of: Maps the weights to a table with one row per head, shown under the picture;
            `tlbook.encoders.attention.head_patterns`.
    """
    field, shown, found = sentence_field(sentence), Picture(), {"read": weights_of(sentence)}
    layers, heads = found["read"][1].shape[:2]
    layer = _slider("layer", list(range(1, layers + 1)), "From the bottom up")
    head = _slider("head", [MEAN, *range(1, heads + 1)], "One head, or the mean of the layer's")
    table = SortableTable("heads, by the share of attention they pay to what", page=8)

    def draw() -> str:
        return _attention_map(*found["read"], layer.value, head.value)

    def read(_change: object) -> None:
        shown.draw(lambda: found.update(read=weights_of(field.value)) or draw())
        fill()

    def fill() -> None:
        if patterns_of is not None:
            table.fill(patterns_of(found["read"][1]).round(3))

    shown.draw(draw)
    fill()
    field.observe(read, names="value")
    for slider in (layer, head):
        slider.observe(lambda _change: shown.draw(draw), names="value")
    return Panel([field, row(layer, head), shown, *([table] if patterns_of else [])])


def _attention_map(tokens: list[str], weights: np.ndarray, layer: int, head: int | str) -> str:
    """Draw one head, or the mean of a layer's, as a square of tokens by tokens."""
    square = weights[layer - 1].mean(0) if head == MEAN else weights[layer - 1, head - 1]
    side = 0.3 * len(tokens) + 1.4  # inches
    size = 9 * min(1.0, WIDEST / side)  # points
    drawn = figure(min(side, WIDEST), min(side, WIDEST))
    ax = heat_map(pd.DataFrame(square, index=tokens, columns=tokens), drawn.subplots(), text="")
    title = f"layer {layer}, head {head}:\nthe brighter, the more is read"
    ax.set(xlabel="is read", ylabel="reads")
    ax.set_title(title, loc="left", fontsize=9)
    ax.tick_params(labelsize=size)
    ax.tick_params(axis="x", labelrotation=90)
    pairs = zip(tokens, square.argmax(1), strict=True)
    most = "; ".join(f"{token} reads {tokens[place]} most" for token, place in pairs)
    return picture(drawn, alt=f"Attention of layer {layer}, head {head}: {most}.")


def neighbours(
    near: Callable[..., pd.DataFrame],
    words_of: Callable[[str], list[str]],
    *,
    sentence: str,
    layers: int,
) -> Panel:
    """Show the words nearest to one a reader picks out of a typed sentence: each is a button.

    Args:
        near: Called as ``near(sentence, place, layer=..., other_words=...)``; returns columns
            ``likeness``, ``before``, ``word``, ``after``, best first, as
            `tlbook.encoders.neighbours.nearest` does.
        words_of: Splits a sentence; `tlbook.encoders.neighbours.split`.
        sentence: To start with.
        layers: Of the encoder; layer 0 is the embedding.
    """
    field, shown, place = sentence_field(sentence), Picture(), {"now": 0}
    layer = _slider("layer", list(range(layers + 1)), "0 is the embedding, without any context")
    layer.value = layers
    others = ipywidgets.Checkbox(
        description="other words only", tooltip="Leave out the word itself", indent=False
    )
    buttons = row()

    def draw() -> str:
        options = {"layer": layer.value, "other_words": others.value}
        table = near(field.value, place["now"], **options)
        word = words_of(field.value)[place["now"]]
        return as_html(table, caption=f"nearest to “{word}” at layer {layer.value}", widest=40)

    def pick(number: int) -> None:
        place["now"] = number
        for button in buttons.children:
            button.button_style = "primary" if button.number == number else ""
        shown.draw(draw)

    def read(_change: object = None) -> None:
        words = words_of(field.value)
        made = [_word_button(n, word, pick) for n, word in enumerate(words) if word[0].isalnum()]
        buttons.children = made
        if made:
            pick(min(made, key=lambda button: abs(button.number - place["now"])).number)
        else:
            shown.value = "<p>Type a sentence with a word in it.</p>"

    read()
    field.observe(read, names="value")
    for control in (layer, others):
        control.observe(lambda _change: shown.draw(draw), names="value")
    return Panel([field, buttons, row(layer, others), shown])


class WordButton(ipywidgets.Button):
    """A word to pick; `number` is its place in the sentence."""

    number = 0


def _word_button(number: int, word: str, pick: Callable[[int], None]) -> WordButton:
    button = WordButton(
        description=word, tooltip=f"Words near {word}", layout={"width": "auto", "margin": "1px"}
    )
    button.number = number
    button.on_click(lambda _button: pick(number))
    return button


def drivers(explain: Callable[[str], str], *, sentence: str) -> Panel:
    """Show what a model calls a typed sentence, and which tokens drove it there.

    Args:
        explain: Maps a sentence to HTML, as `tlbook.transformer.attributions.explain_text` with a
            model, its tokenizer and the names of the classes does.
        sentence: To start with.
    """
    field, shown = sentence_field(sentence), Picture()
    shown.draw(lambda: explain(sentence))
    field.observe(lambda _change: shown.draw(lambda: explain(field.value)), names="value")
    return Panel([field, shown])
