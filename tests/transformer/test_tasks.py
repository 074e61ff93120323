"""What the four tasks promise: the rows, the head and the score that belong together."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from tests.tiny_models import tiny_bert, tiny_tokenizer
from tlbook.batches import collate
from tlbook.transformer.tasks import answering, classifying, tagging


def classes(**more):
    rows = Dataset.from_dict({"text": ["a film", "the ship"], "label": [0, 2], **more})
    return rows.cast_column("label", ClassLabel(names=["no", "maybe", "yes"]))


@pytest.fixture
def tags():
    names = List(ClassLabel(names=["O", "B-PER", "I-PER"]))
    return Dataset.from_dict(
        {"tokens": [["Ada", "sails"], ["unlikely"]], "ner_tags": [[1, 0], [0]]},
        features=Features({"tokens": List(Value("string")), "ner_tags": names}),
    )


@pytest.fixture
def questions():
    answers = [{"text": ["Ada"], "answer_start": [0]}, {"text": [], "answer_start": []}]
    columns = {"question": ["who saw"] * 2, "context": ["Ada saw a ship."] * 2, "answers": answers}
    return Dataset.from_dict(columns)


def shapes(task):
    batch = collate(task.train)
    return task.head(tiny_bert())(**batch).shape, batch["input_ids"].shape


def test_texts_get_one_score_a_class():
    rows = classes()
    task = classifying(tiny_tokenizer(), rows, rows)
    assert shapes(task)[0] == (2, 3)
    assert task.score([np.array([1, 0, 0]), np.array([0, 1, 0])]) == 0.5


def test_pairs_have_a_second_segment():
    rows = classes(pair=["bad", "good"])
    task = classifying(tiny_tokenizer(), rows, rows)
    assert [set(row["token_type_ids"]) for row in task.train] == [{0, 1}] * 2


def test_words_get_scores_at_their_tokens(tags):
    task = tagging(tiny_tokenizer(), tags, tags)
    found, given = shapes(task)
    assert found == (*given, 3)
    right = [np.eye(3)[np.maximum(row["labels"], 0)] for row in task.test]
    assert task.score(right) == 1.0


def test_answers_get_a_start_and_an_end(questions):
    task = answering(tiny_tokenizer(), questions, questions)
    found, given = shapes(task)
    assert found == (*given, 2)
    right = []
    for row in task.test:
        logits = np.zeros((len(row["input_ids"]), 2))
        logits[row["start_positions"], 0] = logits[row["end_positions"], 1] = 5
        right.append(logits)
    assert task.score(right) == 1.0
    assert task.score(right[::-1]) == 0.0


@pytest.mark.parametrize("kind", [classifying, tagging, answering])
def test_each_loss_fits_its_head(kind, tags, questions):
    rows = {classifying: classes(), tagging: tags, answering: questions}[kind]
    task = kind(tiny_tokenizer(), rows, rows)
    assert task.loss_of(task.head(tiny_bert()), collate(task.train)).item() > 0
