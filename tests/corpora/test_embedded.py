"""Every shipped corpus loads with the columns that lessons count on."""

import gzip
import shutil
import time

import pytest

from tlbook import corpora
from tlbook.corpora import catalogue, embedded, load

COLUMNS = {
    "reviews": ["text", "label", "stars", "domain", "style"],
    "senses": ["text", "label", "target"],
    "tagged": ["tokens", "upos", "ner_tags"],
    "pairs": ["text", "pair", "label"],
    "acceptability": ["text", "label", "phenomenon", "pair_id"],
    "encyclopaedia": ["id", "title", "kind", "context", "question", "answers"],
    "faq": ["text", "label", "question", "answer"],
    "emotions": ["text", "label", "valence", "arousal", "dominance", "format"],
    "posts": ["text", "label", "year", "topic"],
    "parallel": ["en", "fr"],
    "reviews_fr": ["text", "label", "stars", "domain"],
}


@pytest.mark.parametrize("name", corpora.CORPORA)
def test_columns_and_splits_are_the_promised_ones(name):
    parts = load(name)
    assert list(parts) == ["train", "validation", "test"]
    assert all(part.column_names == COLUMNS[name] for part in parts.values())
    if "label" in COLUMNS[name]:
        for part in parts.values():
            assert part.features["label"] == parts["train"].features["label"]
            assert set(part["label"]) == set(range(part.features["label"].num_classes))


def test_polarity_leaves_out_three_stars():
    for part in load("reviews").values():
        assert all((row["stars"] > 3) == row["label"] and row["stars"] != 3 for row in part)


def test_stars_keep_all_rows():
    stars = load("reviews", label="stars")
    assert stars["train"].features["label"].names == ["1", "2", "3", "4", "5"]
    assert all(row["label"] == row["stars"] - 1 for row in stars["test"])
    assert sum(map(len, stars.values())) == embedded.index()["reviews"]["rows"]


@pytest.mark.parametrize(
    ("name", "label", "names"),
    [
        ("reviews", "domain", ["book", "film", "gadget", "hotel", "restaurant"]),
        ("reviews", "polarity", ["negative", "positive"]),
        ("emotions", "format", ["diary", "headline", "letter", "tweet"]),
        ("posts", "year", [str(year) for year in range(2004, 2025)]),
    ],
)
def test_any_column_of_few_values_can_be_the_label(name, label, names):
    assert load(name, label=label)["train"].features["label"].names == names


def test_order_of_classes_follows_the_hub():
    assert load("pairs")["train"].features["label"].names == [
        *("entailment", "neutral", "contradiction")
    ]
    assert load("acceptability")["train"].features["label"].names == ["unacceptable", "acceptable"]


def test_tags_are_classes_one_a_token():
    train = load("tagged")["train"]
    assert train.features["ner_tags"].feature.names[:3] == ["O", "B-PER", "I-PER"]
    assert train.features["upos"].feature.num_classes == 17
    assert all(len(r["tokens"]) == len(r["upos"]) == len(r["ner_tags"]) for r in train)


def test_no_entity_starts_inside():
    feature = load("tagged")["train"].features["ner_tags"].feature
    for part in load("tagged").values():
        for tags in part["ner_tags"]:
            names = ["O", *feature.int2str(tags)]
            for before, tag in zip(names, names[1:], strict=False):
                assert tag[0] != "I" or before[2:] == tag[2:]


def test_answers_stand_where_they_say_and_ids_differ():
    parts = load("encyclopaedia")
    ids = [number for part in parts.values() for number in part["id"]]
    assert len(set(ids)) == len(ids)
    for part in parts.values():
        assert any(not row["answers"]["text"] for row in part), "some cannot be answered"
        for row in part:
            starts = row["answers"]["answer_start"]
            assert len(row["answers"]["text"]) == len(starts) <= 1
            for answer, start in zip(row["answers"]["text"], starts, strict=True):
                assert row["context"][start : start + len(answer)] == answer
                letter_before = row["context"][start - 1 : start].isalnum()
                assert row["context"].find(answer) == start or letter_before is False


def test_targets_occur_in_their_sentences():
    for part in load("senses").values():
        assert all(row["target"] in row["text"].casefold() for row in part)


def test_two_columns_can_be_made_a_pair():
    parts = load("faq", text="query", pair="question")
    assert parts["train"].column_names == ["text", "pair", "label", "answer"]


def test_a_missing_column_names_the_nearest_and_all():
    with pytest.raises(ValueError, match="'star'. Did you mean 'stars'\\? Columns: text, stars"):
        load("reviews", label="star")


def test_a_text_is_no_label():
    with pytest.raises(ValueError, match="label column holds .* different values in .* rows"):
        load("faq", text="question", label="query")


def test_tags_are_no_label_of_a_row():
    with pytest.raises(ValueError, match="column 'upos' holds lists"):
        load("tagged", label="upos")


def test_a_corpus_loads_in_well_under_a_second():
    load("faq")  # imports
    start = time.process_time()
    load("reviews")
    assert time.process_time() - start < 1


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(embedded.FOLDER / "faq", tmp_path / "faq")
    shutil.copy(embedded.FOLDER / "index.json", tmp_path)
    return tmp_path


def test_a_truncated_file_is_detected(copied):
    file = copied / "faq" / "rows.jsonl.gz"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match="rows.jsonl.gz is damaged .* install tlbook again"):
        embedded.rows("faq", folder=copied)


def test_an_altered_file_is_detected(copied):
    file = copied / "faq" / "rows.jsonl.gz"
    lines = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(lines.replace(b"flight", b"fright")))
    with pytest.raises(ValueError, match="rows.jsonl.gz was altered"):
        embedded.rows("faq", folder=copied)


def test_what_is_missing_is_named(copied):
    (copied / "faq" / "rows.jsonl.gz").unlink()
    with pytest.raises(FileNotFoundError, match="rows.jsonl.gz is missing: install tlbook again"):
        embedded.rows("faq", folder=copied)
    (copied / "index.json").unlink()
    with pytest.raises(FileNotFoundError, match="index.json is missing: install tlbook again"):
        embedded.index(copied)


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"faq": {}}'])
def test_a_damaged_index_is_named(copied, content):
    (copied / "index.json").write_text(content)
    with pytest.raises(ValueError, match="index.json is damaged .*: install tlbook again"):
        embedded.rows("faq", folder=copied)


def test_the_catalogue_says_what_ships():
    table = catalogue().set_index("name")
    assert list(table.index) == list(corpora.CORPORA)
    for name, line in table.iterrows():
        parts = load(name, label="stars") if name.startswith("reviews") else load(name)
        assert line["rows"] == sum(map(len, parts.values()))
        assert [line[split] for split in parts] == [len(part) for part in parts.values()]
        assert line["licence"] == "CC BY 4.0"
        feature = parts["train"].features.get("label")
        if feature and not name.startswith("reviews"):
            assert line["classes"] == feature.num_classes
