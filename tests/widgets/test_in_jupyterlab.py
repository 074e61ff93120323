"""Panels and explorers in a real JupyterLab, by keyboard, as a reader uses them.

One small notebook holds them all, on the pocket model. Screenshots are left in ``build/browser``.
"""

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.chromium import LOOK
from tests.jupyterlab import SHOTS, Opened, button, changed, press, said, serving

PLACES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}

pytestmark = pytest.mark.slow

CELLS = {
    "begin": """
import copy
from functools import partial
import pandas as pd
from IPython.display import HTML
from tlbook import corpora, encoders, heads, runtime, tokens
from tlbook.batches import Batches
from tlbook.encoders.attention import attention, head_patterns
from tlbook.encoders.neighbours import nearest, split, word_states
from tlbook.training import recipe
from tlbook.training.mistakes import chosen, judged
from tlbook.training.reports import reporting
from tlbook.transformer import attributions
from tlbook.widgets import explore, measurements, sentences
from tlbook.widgets.controls import choice, rate, seed, whole
from tlbook.widgets.lab import lab
from tlbook.widgets.rows import rows

profile, device = runtime.start(seed=0)
tokenizer, encoder = encoders.load("pocket-bert")
data = corpora.load("reviews")["train"].take(16)
names = data.features["label"].names
encoded = tokens.encode(tokenizer, data, max_tokens=16)
""",
    "lab": """
def train(settings, report):
    runtime.seed_all(settings["seed"])
    model = heads.Classifier(copy.deepcopy(encoder), len(names), pooling=settings["pooling"])
    batches, epochs = Batches(encoded, 4, seed=settings["seed"]), settings["epochs"]
    options = {"score": lambda model: 0.5, "every": 5}
    loss_of = reporting(heads.classification_loss, report, epochs * len(batches), **options)
    options = {"epochs": epochs, "learning_rate": settings["learning_rate"]}
    recipe.train(model, batches, loss_of=loss_of, **options)
    return {"rows": len(encoded)}


lab(
    train,
    pooling=choice(["mean", "cls"], tooltip="How the states become one vector."),
    learning_rate=rate(1e-5, 5e-3, start=2e-4),
    epochs=whole(1, 500, tooltip="Passes over the rows.", unit="passes", start=2),
    seed=seed(),
)
""",
    "explore": """
def told(rank):
    if rank == 4:
        raise RuntimeError("no rank <4>")
    return HTML(f"<p>The rank is {rank}.</p>")


explore(told, rank=[1, 2, 4])
""",
    "attention": """
weights_of = partial(attention, encoder, tokenizer)
sentences.attention(weights_of, patterns_of=head_patterns, sentence="The soup was cold.")
""",
    "neighbours": """
known = word_states(encoder, tokenizer, data["text"][:])
near = lambda text, place, **options: nearest(
    known, word_states(encoder, tokenizer, [text]), place, **options
)
sentences.neighbours(near, split, sentence="The soup was cold.", layers=3)
""",
    "drivers": """
model = heads.Classifier(copy.deepcopy(encoder), len(names)).eval()
explain = partial(attributions.explain_text, model, tokenizer, names=names)
sentences.drivers(explain, sentence="The soup was cold, but the waiter was kind.")
""",
    "mix": """
learned = pd.DataFrame([[0.1, 0.3, 0.6]], index=["16 labels"], columns=["0", "1", "2"])
measurements.layer_mix(learned, lambda shares: shares[2])
""",
    "rates": """
sweep = pd.DataFrame({"rate": [1e-4, 1e-3, 1e-2], "loss": [0.7, 0.5, 0.9]})
measurements.learning_rates({"all weights": sweep.assign(smoothed=sweep["loss"])}, start=1e-3)
""",
    "rows": """
logits = [[0.5, 1.0]] * len(data)  # one answer to all
rows(judged(data["text"][:], data["label"][:], logits, names), chosen)
""",
}
PANELS = [name for name in CELLS if name != "begin"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve the notebook of all panels; return where."""
    folder = tmp_path_factory.mktemp("jupyterlab")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [new_code_cell(source.strip()) for source in CELLS.values()]
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "panels.ipynb")
    SHOTS.mkdir(parents=True, exist_ok=True)
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def opened(browser, address):
    """Open the notebook of all panels and run it."""
    opened = Opened(browser, address("panels.ipynb"))
    opened.run()
    return opened


@pytest.fixture
def panel_of(opened):
    """Return a function that gives the panel of a cell."""
    return lambda name: opened.output(list(CELLS).index(name))


@pytest.fixture
def panel(panel_of):
    """Return the lab panel."""
    return panel_of("lab")


def slider(panel, caption):
    """Return the handle of a slider, with the keyboard on it."""
    line = panel.locator(".widget-inline-hbox", has_text=caption)
    line.locator(".noUi-handle").first.focus()
    return line.locator(".noUi-handle").first


def number(panel, caption, text):
    """Type into a field; if news of the kernel came between and put it back, do so again."""
    field = panel.get_by_label(caption)
    for _ in range(3):
        field.fill(text)
        field.press("Enter")
        panel.page.wait_for_timeout(300)
        if field.input_value() == text:
            return
    raise AssertionError(f"{caption} does not stay at {text}")


def test_every_cell_runs_and_shows_its_panel(opened, panel_of):
    assert not opened.troubles()
    for name in PANELS:
        panel_of(name).locator(".jupyter-widgets").first.wait_for()
        assert not panel_of(name).get_by_text("make lab").count(), "that is for pages"


def test_by_keyboard_a_slider_moves_a_training_starts_and_stops(panel):
    slider(panel, "epochs").press("End")
    panel.locator(".widget-readout", has_text="500").wait_for()
    press(panel, "Train")
    panel.locator("img").wait_for()
    changed(panel, "img", lambda: None)  # the curve grows
    said(panel, "Run 1 running: .* left")
    assert button(panel, "Train").is_disabled()
    press(panel, "Stop")
    said(panel, "Run 1 stopped", timeout=10_000)
    panel.screenshot(path=SHOTS / "lab.png")
    panel.locator("img[alt*='Run 1 stopped']").wait_for()
    panel.locator("button:enabled", has_text="Train").wait_for()


def test_a_second_run_takes_a_row_of_its_own_and_the_table_is_sorted(panel):
    slider(panel, "epochs").press("Home")
    panel.locator(".widget-readout", has_text="500").wait_for(state="detached")
    number(panel, "seed", "7")
    press(panel, "Train")
    said(panel, "Run 2 done: step 4 of 4")
    panel.locator("button:enabled", has_text="Train").wait_for()  # the last that a run changes
    seeds = panel.locator("tbody tr td:nth-child(5)")
    panel.get_by_text("runs: 2").wait_for()
    assert seeds.all_inner_texts() == ["0", "7"]
    changed(panel, "tbody", lambda: panel.get_by_label("largest first").press("Space"))
    assert seeds.all_inner_texts() == ["7", "0"]


def test_an_earlier_run_is_recalled(panel):
    panel.get_by_label("run", exact=True).select_option("1 (stopped)")
    changed(panel, "img", lambda: press(panel, "Recall"))
    panel.locator(".widget-readout", has_text="500").wait_for()
    assert panel.get_by_label("seed").input_value() == "0"


def test_the_runs_are_saved_as_a_csv_file(panel):
    with panel.page.expect_download() as saved:
        panel.get_by_text("Save 2 runs as CSV").press("Enter")
    assert saved.value.suggested_filename == "runs.csv"
    table = pd.read_csv(saved.value.path())
    assert table["status"].tolist() == ["stopped", "done"]
    assert table["seed"].tolist() == [0, 7]


MOVES = {
    "explore": (".widget-html", lambda panel: slider(panel, "rank").press("ArrowRight"), "is 2"),
    "attention": ("img", lambda panel: typed(panel, "A dull film."), "dull reads"),
    "drivers": (".widget-html", lambda panel: typed(panel, "A dull film."), "dull"),
    "mix": ("img", lambda panel: slider(panel, "layer 2").press("Home"), "yours 0.000"),
    "rates": ("img", lambda panel: slider(panel, "rate").press("Home"), "0.70 at 0.0001"),
    "neighbours": (".widget-html", lambda panel: press(panel, "soup"), "nearest to “soup”"),
    "rows": ("tbody", lambda panel: panel.get_by_label("model").select_option("wrong"), ">no<"),
}


def typed(panel, sentence):
    panel.get_by_label("sentence").fill(sentence)
    panel.get_by_label("sentence").press("Enter")


@pytest.mark.parametrize("name", MOVES)
def test_an_explorer_answers_to_the_keyboard(name, panel_of, opened):
    part, move, words = MOVES[name]
    assert words in changed(panel_of(name), part, lambda: move(panel_of(name)))
    assert not opened.troubles()


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize(("colours", "width"), [("light", 1280), ("dark", 420)])
def test_a_panel_can_be_read_in_both_colours_wide_and_narrow(
    name, colours, width, opened, panel_of
):
    opened.command("apputils:change-theme", theme=PLACES[colours])
    opened.page.locator(f"body[data-jp-theme-light={str(colours == 'light').lower()}]").wait_for(
        state="attached"
    )
    opened.page.set_viewport_size({"width": width, "height": 1000})
    panel = panel_of(name)
    panel.evaluate("element => { element.id = 'looked-at'; }")
    panel.screenshot(path=SHOTS / f"{name}_{colours}_{width}.png")
    shown = opened.page.evaluate(LOOK, "#looked-at")
    panel.evaluate("element => { element.id = ''; }")
    kinds = ("faint", "unread", "broken", "unnamed", "empty", "beyond")
    assert not {kind: shown[kind] for kind in kinds if shown[kind]}


def test_an_exception_behind_a_control_is_shown_and_found(panel_of, opened):
    changed(
        panel_of("explore"),
        ".widget-html",
        lambda: slider(panel_of("explore"), "rank").press("End"),
    )
    (trouble,) = opened.troubles()
    assert "RuntimeError: no rank <4>" in trouble
    changed(
        panel_of("explore"),
        ".widget-html",
        lambda: slider(panel_of("explore"), "rank").press("Home"),
    )
    assert not opened.troubles()


def test_the_console_reports_nothing_and_nobody_outside_is_asked(opened):
    assert not opened.said
    assert not opened.outside
