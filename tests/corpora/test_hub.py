"""The Hub when it answers, when it does not, and what it sent before."""

import datasets
import pytest

from tests.hub_on_localhost import hub, python
from tlbook import corpora
from tlbook.corpora.hub import nearest

NOBODY = "http://127.0.0.1:9"  # the discard port: connections are refused


@pytest.fixture
def tiny_hub(tmp_path):
    """A Hub that holds one set with class names, in two splits."""
    folder = tmp_path / "hub" / "datasets" / "tiny" / "opinions"
    folder.mkdir(parents=True)
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["con", "pro"])}
    )
    for split, texts in {"train": ["no", "yes", "nay"], "test": ["aye"]}.items():
        rows = {"sentence": texts, "label": [int(text in ("yes", "aye")) for text in texts]}
        part = datasets.Dataset.from_dict(rows, features)
        part.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return tmp_path / "hub"


SHOW = """
from tlbook.corpora import load
parts = load("tiny/opinions")
print({split: part.to_dict() for split, part in parts.items()})
print(parts["train"].features["label"].names)
"""
SHOWN = [
    "{'train': {'text': ['no', 'yes', 'nay'], 'label': [0, 1, 0]}, "
    "'test': {'text': ['aye'], 'label': [1]}}",
    "['con', 'pro']",
]
FAIL = """
import sys, time
import datasets
from tlbook.corpora import load
start = time.monotonic()
try:
    load({name!r})
except Exception as problem:
    print(type(problem).__name__, "within 10 s" if time.monotonic() - start < 10 else "late")
    print(problem)
"""


def test_a_set_comes_from_the_hub_and_from_its_cache_once_the_hub_is_gone(tiny_hub, tmp_path):
    with hub(tiny_hub) as url:
        assert python(SHOW, url, tmp_path / "home").splitlines() == SHOWN
    assert python(SHOW, url, tmp_path / "home").splitlines() == SHOWN


def test_an_id_that_the_hub_does_not_have_names_the_near_ones(tiny_hub, tmp_path):
    with hub(tiny_hub) as url:
        said = python(FAIL.format(name="tlbook/review"), url, tmp_path / "home")
    assert said.startswith("ValueError")
    assert "Did you mean 'reviews'" in said


def test_an_unreachable_hub_fails_fast_and_says_what_would_do(tmp_path):
    said = python(FAIL.format(name="stanfordnlp/sst2"), NOBODY, tmp_path / "home")
    assert said.startswith("ConnectionError within 10 s")
    assert f"cannot reach the Hub at {NOBODY} for 'stanfordnlp/sst2'" in said
    assert "set TLBOOK_MIRROR to a folder laid out like the Hub" in said
    assert "reviews (sentiment)" in said


def test_an_unreachable_hub_does_not_matter_to_what_ships(tmp_path):
    code = "from tlbook.corpora import load; print(len(load('posts')))"
    assert python(code, NOBODY, tmp_path / "home") == "3\n"
    assert not (tmp_path / "home" / "datasets").exists(), "nothing is written to the cache"


def test_an_unknown_plain_name_suggests_the_nearest_and_lists_all():
    with pytest.raises(ValueError, match="no corpus 'emotion'. Did you mean 'emotions'") as raised:
        corpora.load("emotion")
    assert all(name in str(raised.value) for name in corpora.CORPORA)


def test_the_nearest_name_is_found_in_any_case():
    with pytest.raises(ValueError, match="no corpus 'REVIEWS'. Did you mean 'reviews'"):
        corpora.load("REVIEWS")
    assert nearest("Someone/REVIEWS").startswith("Did you mean 'reviews'")


@pytest.mark.parametrize("name", ["post/mial", "POST/MAIL", "other/Mail", "other/mails"])
def test_an_unreachable_hub_is_no_reason_to_hide_the_near_name_in_the_mirror(small_mirror, name):
    small_mirror("Post/mail", text=["a", "b"], label=["x", "y"])
    with pytest.raises(ConnectionError, match="does not hold it. Did you mean 'Post/mail'"):
        corpora.load(name)


def test_the_nearest_name_is_found_behind_behind_another_organisation():
    assert nearest("someone/reviews").startswith("Did you mean 'reviews'")
