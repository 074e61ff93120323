"""A mirror is looked at before the Hub, with the splits it has and its files checked."""

import hashlib
import json

import datasets
import pytest

from tlbook.corpora import catalogue, load
from tlbook.corpora.mirror import mirror_names


@pytest.fixture
def small_mirror(tmp_path, monkeypatch):
    """Three sets: one in shards with an odd split, one in two configurations, one of pairs."""
    monkeypatch.setenv("TLBOOK_MIRROR", str(tmp_path))
    label = datasets.ClassLabel(names=["ham", "spam"])
    features = datasets.Features({"message": datasets.Value("string"), "label": label})

    def write(name, rows, features=None):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / name)

    mail = "post/mail/"
    write(f"{mail}train-00000-of-00002.parquet", {"message": ["a"], "label": [0]}, features)
    write(f"{mail}train-00001-of-00002.parquet", {"message": ["b"], "label": [1]}, features)
    write(f"{mail}test.parquet", {"message": ["c"], "label": [-1]}, features)
    write(f"{mail}test_2020.parquet", {"message": ["d"], "label": [1]}, features)
    write("many/sets/one/train.parquet", {"text": ["x", "y"], "label": ["p", "q"]})
    write("many/sets/two/train.parquet", {"sentence1": ["x"], "sentence2": ["y"], "score": [0.5]})
    return tmp_path


def test_shards_are_joined_and_splits_stay_as_they_are(small_mirror):
    parts = load("post/mail")
    assert {split: part["text"][:] for split, part in parts.items()} == {
        "train": ["a", "b"],
        "test": ["c"],
        "test_2020": ["d"],
    }
    assert parts["train"].features["label"].names == ["ham", "spam"]
    assert parts["test"]["label"][:] == [-1], "unknown, as on the Hub"


def test_a_configuration_is_the_third_part_of_the_name(small_mirror):
    assert load("many/sets/one")["train"].to_dict() == {"text": ["x", "y"], "label": [0, 1]}
    with pytest.raises(ValueError, match="several sets; say which: many/sets/one, many/sets/two"):
        load("many/sets")


def test_similarities_stay_numbers(small_mirror):
    pairs = load("many/sets/two")["train"]
    assert pairs.to_dict() == {"text": ["x"], "pair": ["y"], "label": [0.5], "score": [0.5]}


def test_a_label_that_only_the_test_split_has_gets_a_number_too(small_mirror):
    file = small_mirror / "many/sets/one/test.parquet"
    datasets.Dataset.from_dict({"text": ["z", "w"], "label": ["r", None]}).to_parquet(file)
    parts = load("many/sets/one")
    assert parts["train"].features["label"].names == ["p", "q", "r"]
    assert parts["test"]["label"][:] == [2, -1]


def test_a_file_that_differs_from_the_manifest_is_not_loaded(small_mirror):
    file = small_mirror / "post/mail/test.parquet"
    entry = {"file": "post/mail/test.parquet", "sha256": hashlib.sha256(file.read_bytes())}
    entry["sha256"] = entry["sha256"].hexdigest()
    listing = {"datasets": [{"folder": "post/mail", "splits": {"test": entry}}]}
    (small_mirror / "manifest.json").write_text(json.dumps(listing))
    assert len(load("post/mail")["test"]) == 1
    listing["datasets"][0]["splits"]["train"] = {"rows": 2, "sha256": "of no file"}
    (small_mirror / "manifest.json").write_text(json.dumps(listing))
    assert len(load("post/mail")["train"]) == 2
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="test.parquet differs from the mirror's manifest"):
        load("post/mail")


@pytest.mark.parametrize("content", ["{", "[]", '{"datasets": [{}]}', '{"datasets": 1}', "\xff"])
def test_a_garbled_manifest_is_named(small_mirror, content):
    (small_mirror / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match="manifest.json is no manifest, .*; correct it or remove"):
        load("post/mail")


def test_a_truncated_file_is_named_without_a_manifest_too(small_mirror):
    file = small_mirror / "post/mail/test.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="test.parquet cannot be read"):
        load("post/mail")


def test_a_mirror_that_is_no_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBOOK_MIRROR", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match="TLBOOK_MIRROR names .*gone, which is no folder"):
        load("post/mail")


def test_the_catalogue_lists_the_mirror_beside_what_ships(small_mirror):
    (small_mirror / "manifest.json").write_text(
        json.dumps({"datasets": [{"folder": "post/mail", "what": "mail", "licence": "CC0"}]})
    )
    table = catalogue().set_index("name")
    mail = table.loc["post/mail"]
    assert (mail["task"], mail["licence"], mail["classes"]) == ("mail", "CC0", 2)
    assert (mail["rows"], mail["train"], mail["test"]) == (4, 2, 1)
    assert table["validation"].isna()["post/mail"]
    assert table.loc["many/sets/one", "licence"] == "not stated"
    assert "reviews" in table.index


def test_every_public_set_of_the_mirror_loads_or_asks_for_its_label(mirror):
    for name in mirror_names():
        if name.startswith("text/"):
            continue  # running text, large
        if name != "CogComp/trec":  # which has two labels
            assert all(len(part) for part in load(name).values())
    with pytest.raises(ValueError, match="'coarse_label' and 'fine_label' could each be the label"):
        load("CogComp/trec")
    trec = load("CogComp/trec", label="coarse_label")["train"]
    assert trec.column_names == ["text", "label", "fine_label"]
