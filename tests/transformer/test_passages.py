"""What passages promise: whole sentences, the answer in them where they say it is."""

import numpy as np
import pytest
from datasets import Dataset, Features, Value

from tlbook.transformer.passages import answers, narrowed

PASSAGE = "Ada built it. It sank in May. The crew swam home. Nobody paid. All wept a bit."


def questions(answers):
    return Dataset.from_list(
        [
            {
                "context": PASSAGE,
                "question": "who?",
                "answers": {"text": [a], "answer_start": [PASSAGE.index(a)]}
                if a
                else {"text": [], "answer_start": []},
            }
            for a in answers
        ],
        features=Features(
            {
                "context": Value("string"),
                "question": Value("string"),
                "answers": {"text": [Value("string")], "answer_start": [Value("int64")]},
            }
        ),
    )


@pytest.mark.parametrize("words", [1, 6, 9, 99])
def test_the_answer_stands_where_a_cut_passage_says(words):
    for row in narrowed(questions(["Ada", "in May", "Nobody", "bit"]), words=words):
        start, text = row["answers"]["answer_start"][0], row["answers"]["text"][0]
        assert row["context"][start : start + len(text)] == text


def test_a_cut_passage_keeps_whole_sentences_within_its_words():
    for row in narrowed(questions(["Ada", "swam", "", "bit"]), words=8):
        assert len(row["context"].split()) <= 8
        assert row["context"] in PASSAGE
        assert row["context"].endswith(".")


def test_a_passage_that_fits_stays_whole():
    assert narrowed(questions(["swam"]), words=99)[0]["context"] == PASSAGE


def test_an_answer_across_two_sentences_keeps_both():
    row = narrowed(questions(["May. The crew"]), words=1)[0]
    assert row["context"] == "It sank in May. The crew swam home."


def test_the_same_seed_cuts_alike():
    asked = questions(["swam"] * 7)
    one, again = narrowed(asked, words=8, seed=3), narrowed(asked, words=8, seed=3)
    assert one["context"][:] == again["context"][:]
    assert len(set(one["context"][:])) > 1, "the answer's place is left to chance"


def test_a_question_without_answer_stays_one():
    row = narrowed(questions([""]), words=5)[0]
    assert row["answers"] == {"text": [], "answer_start": []}


def test_a_passage_needs_a_word():
    with pytest.raises(ValueError, match="words must be 1 or more, got 0"):
        narrowed(questions(["swam"]), words=0)


def test_answers_are_read_out_of_their_passages():
    rows = [{"offsets": [None, (0, 3), (4, 9)]}] * 2
    sure = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    unsure = np.array([[9.0, 9.0], [3.0, 0.0], [0.0, 2.0]])
    assert answers([sure, unsure], rows, ["Ada built it.", "Bob built it."]) == ["Ada built", ""]
