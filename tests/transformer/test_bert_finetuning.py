"""What the lesson's pieces promise: BERT's input and recipe, honest cuts, fair baselines."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from tests.tiny_models import tiny_bert, tiny_rows, tiny_tokenizer
from tlbook.heads import Classifier, classification_loss
from tlbook.metrics import accuracy
from tlbook.transformer.bert_finetuning import (
    Task,
    draw_input,
    grid,
    input_table,
    run,
    splits,
    tags_by_word,
    tfidf,
)


def task():
    rows = tiny_rows(6)
    return Task(
        train=rows,
        test=rows[:4],
        head=lambda encoder: Classifier(encoder, 2),
        loss_of=classification_loss,
        score=lambda logits: accuracy(logits, [row["labels"] for row in rows[:4]]),
        metric="accuracy",
    )


def test_a_run_leaves_the_encoder_as_it_was():
    encoder = tiny_bert()
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    found = run(task(), encoder, seed=0, batch_size=3, learning_rate=0.01, epochs=2)
    assert all(torch.equal(weight, encoder.state_dict()[n]) for n, weight in before.items())
    assert not torch.equal(next(found.model.parameters()), next(encoder.parameters()))


def test_a_run_with_the_same_seed_gives_the_same_logits():
    encoder = tiny_bert()
    again = [run(task(), encoder, seed=s, learning_rate=0.01, epochs=2).logits for s in (1, 1, 2)]
    np.testing.assert_array_equal(again[0], again[1])
    assert not np.array_equal(again[0], again[2])


def test_a_run_says_what_it_scored_and_trained():
    found = run(task(), tiny_bert(), seed=0, learning_rate=0.01, epochs=1)
    assert len(found.logits) == 4
    assert found.row["value"] in (0.0, 0.25, 0.5, 0.75, 1.0)
    assert found.row["trained_weights"] == sum(w.numel() for w in found.model.parameters())
    assert found.row["seconds"] > 0


def test_secret_test_labels_give_way_to_the_validation_rows():
    open_rows = Dataset.from_dict({"text": [str(n) for n in range(20)], "label": [0, 1] * 10})
    secret = Dataset.from_dict({"text": ["a", "b"], "label": [-1, -1]})
    parts = DatasetDict(train=open_rows, validation=open_rows.select(range(5)), test=secret)
    train, validation, test = splits(parts)
    assert (len(train), len(validation), len(test)) == (18, 2, 5)
    assert not set(train["text"]) & set(validation["text"])


def test_known_test_labels_are_the_test():
    rows = Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    parts = DatasetDict(train=rows, validation=rows, test=rows.select([1]))
    assert [len(part) for part in splits(parts)] == [2, 2, 1]


def test_splits_are_cut_to_what_they_hold_at_most():
    rows = Dataset.from_dict({"text": list("abcdefg"), "label": [0, 1] * 3 + [0]})
    parts = DatasetDict(train=rows, validation=rows, test=rows)
    train, validation, test = splits(parts, (3, 99, 1))
    assert [len(part) for part in (train, validation, test)] == [3, 7, 1]
    assert set(train["text"]) < set("abcdefg")
    assert train["text"][:] == splits(parts, (3, 1, 1))[0]["text"][:], "a seed draws the same rows"


def test_a_pair_has_two_segments_and_counted_positions():
    table = input_table(tiny_tokenizer(), "the film", "bad")
    assert table["token"].tolist() == ["[CLS]", "the", "film", "[SEP]", "bad", "[SEP]"]
    assert table["segment"].tolist() == [0, 0, 0, 0, 1, 1]
    assert table["position"].tolist() == [0, 1, 2, 3, 4, 5]
    assert table["special"].tolist() == [True, False, False, True, False, True]


def test_a_single_text_has_one_segment():
    assert set(input_table(tiny_tokenizer(), "the film")["segment"]) == {0}


def test_the_drawing_shows_every_token_segment_and_position():
    figure, ax = plt.subplots()
    draw_input(input_table(tiny_tokenizer(), "film"), ax)
    written = [text.get_text() for text in ax.texts if text.get_text() != "+"]
    plt.close(figure)
    assert written == [
        *("[CLS]", "0", "0"),
        *("film", "0", "1"),
        *("[SEP]", "0", "2"),
    ]


def classified(rows, **more):
    texts, labels = zip(*rows, strict=True)
    columns = {"text": list(texts), "label": list(labels)} | more
    return Dataset.from_dict(columns).cast_column("label", ClassLabel(names=["no", "yes"]))


def test_tfidf_learns_a_telling_word_and_names_its_penalty():
    rows = [("a good film", 1), ("a bad film", 0)] * 4
    score, chosen = tfidf(classified(rows), classified(rows[:2]), classified(rows[:2]))
    assert score == 1.0
    assert chosen in (0.1, 1.0, 10.0, 100.0)


def test_tfidf_keeps_the_words_of_the_two_texts_of_a_pair_apart():
    rows = [("red", 1), ("blue", 0)] * 4
    pairs = classified(rows, pair=["blue", "red"] * 4)
    assert tfidf(pairs, pairs, pairs, pair="pair")[0] == 1.0


def test_words_get_their_commonest_tag_and_strangers_none():
    names = ["O", "B-PER", "I-PER", "B-LOC"]
    features = Features(
        {"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))}
    )
    train = {"tokens": [["Jordan", "ran"], ["Jordan"], ["Jordan"]], "ner_tags": [[1, 0], [3], [3]]}
    test = {"tokens": [["Jordan", "Ewa", "ran"]], "ner_tags": [[3, 1, 0]]}
    made = [Dataset.from_dict(columns, features=features) for columns in (train, test)]
    assert tags_by_word(*made) == pytest.approx(2 / 3)  # one of two names, and no false one


def test_a_grid_runs_every_combination_and_counts_its_steps():
    table = grid(task(), tiny_bert(), rates=[0.1, 0.01], epochs=[1, 2], sizes=[4])
    assert table["steps"].tolist() == [2, 2, 4, 4], "six rows are two batches of four"
    assert table["rate"].tolist() == [0.1, 0.01] * 2
    alone = run(task(), tiny_bert(), seed=0, batch_size=4, epochs=2, learning_rate=0.1)
    assert table["value"][2] == alone.row["value"]
