"""What becomes of a text: its ids, its segments, its labels and its answers."""

import pytest
from datasets import Dataset

from tests.tiny_models import VOCABULARY, tiny_tokenizer
from tlbook.tokens import IGNORED, encode, encode_questions, encode_words


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def ids(pieces):
    return [VOCABULARY[piece] for piece in pieces.split()]


def question(context, text=None, start=None, *, ask="Who saw Paris?"):
    found = {"text": [text], "answer_start": [start]} if text else {"text": [], "answer_start": []}
    if text and start is None:
        found["answer_start"] = [context.index(text)]
    features = {"id": "1", "title": "t", "question": ask, "context": context, "answers": found}
    return Dataset.from_list([features])


def test_a_text_stands_between_its_marks(tokenizer):
    rows = encode(tokenizer, Dataset.from_dict({"text": ["A good film."], "label": [1]}))
    assert rows == [
        {
            "input_ids": ids("[CLS] a good film . [SEP]"),
            "token_type_ids": [0] * 6,
            "labels": 1,
        }
    ]


def test_the_second_text_of_a_pair_is_segment_1_with_its_mark(tokenizer):
    rows = encode(tokenizer, Dataset.from_dict({"text": ["A film"], "pair": ["the ship sails"]}))
    assert rows[0]["input_ids"] == ids("[CLS] a film [SEP] the ship sails [SEP]")
    assert rows[0]["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert "labels" not in rows[0], "there is no label column"


def test_other_columns_can_be_named(tokenizer):
    data = Dataset.from_dict({"said": ["good"], "then": ["bad"], "score": [0.5]})
    row = encode(tokenizer, data, text="said", pair="then", label="score")[0]
    assert row["input_ids"] == ids("[CLS] good [SEP] bad [SEP]")
    assert row["labels"] == 0.5


def test_a_text_of_ten_thousand_words_is_cut(tokenizer):
    data = Dataset.from_dict({"text": ["good " * 10_000], "label": [0]})
    row = encode(tokenizer, data, max_tokens=12)[0]
    assert row["input_ids"] == ids("[CLS] " + "good " * 10 + "[SEP]")


def test_the_longer_text_of_a_pair_is_cut(tokenizer):
    data = Dataset.from_dict({"text": ["a film"], "pair": ["bad " * 99]})
    row = encode(tokenizer, data, max_tokens=9)[0]
    assert row["input_ids"] == ids("[CLS] a film [SEP] bad bad bad bad [SEP]")


def test_of_no_rows_nothing_is_encoded(tokenizer):
    none = {"text": [], "pair": [], "label": [], "tokens": [], "ner_tags": []}
    none |= {"question": [], "context": [], "answers": []}
    for encoding in (encode, encode_words, encode_questions):
        assert encoding(tokenizer, Dataset.from_dict(none)) == []


def test_no_rows_do_not_excuse_a_missing_column(tokenizer):
    for encoding in (encode, encode_words, encode_questions):
        with pytest.raises(KeyError, match="no column '.*'; the columns are"):
            encoding(tokenizer, Dataset.from_dict({"other": []}))


def test_an_empty_text_is_two_marks(tokenizer):
    rows = encode(tokenizer, Dataset.from_dict({"text": ["", " \n"], "label": [0, 1]}))
    assert [row["input_ids"] for row in rows] == [ids("[CLS] [SEP]")] * 2


def test_a_missing_column_is_an_error_that_lists_the_others(tokenizer):
    data = Dataset.from_dict({"review": ["good"], "stars": [5]})
    with pytest.raises(KeyError, match=r"no column 'text'; the columns are \['review', 'stars'\]"):
        encode(tokenizer, data)


@pytest.mark.parametrize("max_tokens", [0, 3, 257])
def test_a_length_that_does_not_fit_the_encoder_is_an_error(tokenizer, max_tokens):
    data = Dataset.from_dict({"text": ["good"], "tokens": [["good"]], "ner_tags": [[0]]})
    for encoding in (encode, encode_words):
        with pytest.raises(ValueError, match=f"max_tokens must lie in 4..256, got {max_tokens}"):
            encoding(tokenizer, data, max_tokens=max_tokens)
    with pytest.raises(ValueError, match="max_tokens must lie in 4..256"):
        encode_questions(tokenizer, question("Ada"), max_tokens=max_tokens)


def test_the_first_piece_of_a_word_carries_its_tag(tokenizer):
    data = Dataset.from_dict({"tokens": [["Ada", "unlikely", "sails"]], "ner_tags": [[3, 1, 2]]})
    row = encode_words(tokenizer, data)[0]
    assert row["input_ids"] == ids("[CLS] ada un ##like ##ly sails [SEP]")
    assert row["labels"] == [IGNORED, 3, 1, IGNORED, IGNORED, 2, IGNORED]


def test_equal_neighbours_keep_a_tag_each(tokenizer):
    data = Dataset.from_dict({"tokens": [["bad", "bad"]], "ner_tags": [[1, 2]]})
    assert encode_words(tokenizer, data)[0]["labels"] == [IGNORED, 1, 2, IGNORED]


def test_a_word_without_pieces_shifts_no_tag(tokenizer):
    data = Dataset.from_dict({"tokens": [["bad", "", "ada"]], "ner_tags": [[1, 2, 3]]})
    assert encode_words(tokenizer, data)[0]["labels"] == [IGNORED, 1, 3, IGNORED]


def test_words_beyond_the_cut_get_no_tag(tokenizer):
    data = Dataset.from_dict({"tokens": [["bad"] * 9], "ner_tags": [list(range(9))]})
    row = encode_words(tokenizer, data, max_tokens=5)[0]
    assert row["labels"] == [IGNORED, 0, 1, 2, IGNORED]


def test_a_row_with_a_tag_too_few_is_named(tokenizer):
    data = Dataset.from_dict({"tokens": [["bad"], ["a", "film"]], "ner_tags": [[1], [1]]})
    with pytest.raises(ValueError, match="row 1 has 2 words but 1 tags"):
        encode_words(tokenizer, data)


def answer_of(row, context):
    """The characters that the row's positions point at."""
    return context[
        row["offsets"][row["start_positions"]][0] : row["offsets"][row["end_positions"]][1]
    ]


@pytest.mark.parametrize("text", ["Ada", "the red ship", "unlikely", "red", "Paris."])
def test_an_answer_is_found_where_it_stands(tokenizer, text):
    context = "Ada saw the red ship. An unlikely film in Paris."
    row = encode_questions(tokenizer, question(context, text))[0]
    assert answer_of(row, context) == text
    assert row["token_type_ids"][row["start_positions"]] == 1


def test_of_two_like_answers_the_marked_one_is_found(tokenizer):
    row = encode_questions(tokenizer, question("red ship, red film", "red", 10))[0]
    assert row["offsets"][row["start_positions"]] == (10, 13)


def test_spaces_around_an_answer_do_not_matter(tokenizer):
    context = "Ada saw the ship"
    row = encode_questions(tokenizer, question(context, " saw the "))[0]
    assert answer_of(row, context) == "saw the"


def test_only_the_context_has_offsets(tokenizer):
    row = encode_questions(tokenizer, question("Ada saw"))[0]
    assert [span is not None for span in row["offsets"]] == [False] * 6 + [True] * 2 + [False]
    assert len(row["offsets"]) == len(row["input_ids"])


def test_no_answer_is_the_first_token(tokenizer):
    row = encode_questions(tokenizer, question("Ada saw the ship"))[0]
    assert (row["start_positions"], row["end_positions"]) == (0, 0)


@pytest.mark.parametrize("text", ["Paris", "film in Paris"], ids=["wholly", "partly"])
def test_an_answer_beyond_the_cut_counts_as_absent(tokenizer, text):
    # [CLS] who saw paris ? [SEP] takes 6, four words and [SEP] the rest
    row = encode_questions(tokenizer, question("a bad red film in Paris", text), max_tokens=11)[0]
    assert len(row["input_ids"]) == 11
    assert (row["start_positions"], row["end_positions"]) == (0, 0)


def test_an_answer_just_before_the_cut_is_found(tokenizer):
    context = "a bad red film in Paris"
    row = encode_questions(tokenizer, question(context, "film"), max_tokens=11)[0]
    assert answer_of(row, context) == "film"


def test_a_question_of_ten_thousand_words_leaves_half_to_the_context(tokenizer):
    context = "Ada " + "saw " * 99
    data = question(context, "Ada", ask="who " * 10_000)
    row = encode_questions(tokenizer, data, max_tokens=20)[0]
    assert len(row["input_ids"]) == 20
    assert answer_of(row, context) == "Ada"


def test_an_empty_context_has_no_answer(tokenizer):
    row = encode_questions(tokenizer, question(""))[0]
    assert (row["start_positions"], row["end_positions"]) == (0, 0)
