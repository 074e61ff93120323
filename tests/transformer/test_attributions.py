"""What attributions promise: they sum to the change in the logits, and know who is innocent."""

import html
import re

import numpy as np
import pytest
import torch
from torch import nn

from tests.tiny_models import tiny_bert, tiny_tokenizer
from tlbook.batches import collate
from tlbook.heads import Classifier
from tlbook.transformer.attributions import (
    change,
    coloured,
    emptied,
    explain,
    explain_text,
    integrated_gradients,
)

ROW = {"input_ids": [2, 7, 9, 8, 3], "token_type_ids": [0] * 5, "labels": 1}


class Linear(nn.Module):
    """Logits that are linear in the word embeddings: every attribution is known by hand."""

    def __init__(self):
        super().__init__()
        self.encoder = tiny_bert()
        self.head = nn.Linear(8, 2)

    def forward(self, **batch):
        return self.head(self.encoder.embeddings.word_embeddings(batch["input_ids"]).sum(1))


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Classifier(tiny_bert(), 3)
    nn.init.normal_(model.head.weight)
    return model.eval()


def logits_of(model, ids):
    batch = collate([ROW | {"input_ids": ids}])
    with torch.no_grad():
        return model(**batch)[0]


def test_they_sum_to_the_change_in_the_difference_of_logits(model):
    shares = integrated_gradients(model, collate([ROW]), target=2, against=0, steps=300)
    full = logits_of(model, ROW["input_ids"])
    empty = logits_of(model, [2, 0, 0, 0, 3])
    wanted = (full[2] - full[0]) - (empty[2] - empty[0])
    assert abs(wanted) > 0.1
    assert shares.sum() == pytest.approx(wanted.item(), abs=2e-3)


def test_more_steps_come_closer_to_that_sum(model):
    full, empty = logits_of(model, ROW["input_ids"]), logits_of(model, [2, 0, 0, 0, 3])
    wanted = ((full[2] - full[0]) - (empty[2] - empty[0])).item()
    errors = [
        abs(
            integrated_gradients(model, collate([ROW]), target=2, against=0, steps=n).sum() - wanted
        )
        for n in (1, 200)
    ]
    assert errors[1] < errors[0]


def test_one_step_is_exact_where_the_logits_are_linear():
    model = Linear()
    found = integrated_gradients(model, collate([ROW]), target=1, against=0, steps=1)
    table = model.encoder.embeddings.word_embeddings.weight
    direction = model.head.weight[1] - model.head.weight[0]
    by_hand = (table[ROW["input_ids"]] - table[[2, 0, 0, 0, 3]]) @ direction
    np.testing.assert_allclose(found, by_hand.detach().numpy(), atol=1e-5)


def test_special_tokens_drive_nothing(model):
    shares = integrated_gradients(model, collate([ROW]), target=1, against=0)
    assert shares[0] == 0
    assert shares[-1] == 0
    assert (shares[1:-1] != 0).all()


def test_arguing_the_other_way_turns_the_signs(model):
    one = integrated_gradients(model, collate([ROW]), target=1, against=0)
    other = integrated_gradients(model, collate([ROW]), target=0, against=1)
    np.testing.assert_allclose(one, -other, atol=1e-6)


def test_the_model_is_left_as_it_was(model):
    before = logits_of(model, ROW["input_ids"])
    integrated_gradients(model, collate([ROW]), target=1, against=0)
    torch.testing.assert_close(logits_of(model, ROW["input_ids"]), before)
    assert all(weight.grad is None for weight in model.parameters())


def test_rejects_more_than_one_row(model):
    with pytest.raises(ValueError, match="give one row and steps from 1, got 2, 32"):
        integrated_gradients(model, collate([ROW, ROW]), target=1, against=0)


def test_rejects_an_empty_path(model):
    with pytest.raises(ValueError, match="got 1, 0"):
        integrated_gradients(model, collate([ROW]), target=1, against=0, steps=0)


def test_the_change_is_that_of_the_logits_from_the_emptied_text(model):
    full, empty = logits_of(model, ROW["input_ids"]), logits_of(model, [2, 0, 0, 0, 3])
    wanted = (full[2] - full[0]) - (empty[2] - empty[0])
    found = change(model, collate([ROW]), target=2, against=0)
    assert found == pytest.approx(wanted.item(), abs=1e-5)


def test_an_explanation_names_guess_label_and_every_token(model):
    logits = np.array([3.0, 1.0, 0.0])
    page = explain(model, tiny_tokenizer(), ROW, logits, ["bad", "good", "odd"])
    assert "Called bad (0.84), labelled good" in page
    for piece in tiny_tokenizer().convert_ids_to_tokens(ROW["input_ids"]):
        assert f">{piece}<br>" in page


def test_a_right_guess_is_explained_against_the_runner_up(model):
    page = explain(model, tiny_tokenizer(), ROW, np.array([1.0, 3.0, 0.0]), ["bad", "good", "odd"])
    shares = integrated_gradients(model, collate([ROW]), target=1, against=0)
    assert f"{shares[2]:+.2f}" in page


def test_an_emptied_pair_keeps_both_its_ends():
    ids = torch.tensor([[2, 7, 3, 9, 9, 3]])
    assert emptied(ids, pad_id=1).tolist() == [[2, 1, 3, 1, 1, 3]]


def test_html_tells_the_sign_in_figures_and_lines_too():
    page = coloured(["good", "bad"], [1.0, -0.5], label="a review")
    assert "+1.0" in page
    assert "-0.5" in page
    assert page.index("solid") < page.index("bad") < len(page)
    assert "dashed" in page
    assert 'aria-label="a review"' in page


def test_html_shades_the_strongest_most():
    page = coloured(["a", "b"], [0.2, 0.4], label="x")
    weak, strong = (float(s) for s in re.findall(r"background:rgba\([\d,]+,([\d.]+)\)", page))
    assert weak < strong < 0.5


def test_html_shows_marks_of_the_text_as_text():
    assert "&lt;b&gt;" in coloured(["<b>"], [0.0], label="<i>")


def test_html_needs_a_value_for_each_token():
    with pytest.raises(ValueError, match="1 values for 2 tokens"):
        coloured(["a", "b"], [1.0], label="x")


def test_a_typed_text_is_explained_by_its_guess_and_its_runner_up(model):
    names = ["bad <", "good", "odd"]
    page = explain_text(model, tiny_tokenizer(), "the red ship", names)
    with torch.no_grad():
        ids = torch.tensor([tiny_tokenizer()("the red ship")["input_ids"]])
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids))[0]
    guess, other = (html.escape(names[n]) for n in logits.argsort(descending=True)[:2])
    assert f"Called {guess} ({logits.softmax(-1).max():.2f}) and not {other}" in page
    assert [word for word in ("the", "red", "ship") if f">{word}<br>" in page] == [
        "the",
        "red",
        "ship",
    ]
    shared, whole = re.search(r"shares ([-+\d.]+), to share out ([-+\d.]+)", page).groups()
    assert float(shared) == pytest.approx(float(whole), abs=0.1)


def test_an_empty_text_is_not_explained(model):
    with pytest.raises(ValueError, match="there is no text to classify; type a sentence"):
        explain_text(model, tiny_tokenizer(), "  ", ["a", "b", "c"])
