"""A folder whose files are missing or damaged is refused in words that name the file."""

import json
import re

import pytest

from tests.tiny_models import tiny_bert
from tlbook import encoders

INDEX = "model.safetensors.index.json"
READ = ["config.json", "tokenizer.json", "tokenizer_config.json"]


@pytest.fixture
def sharded(folder):
    """The tiny encoder again, in four files of weights and an index of them."""
    (folder / "model.safetensors").unlink()
    tiny_bert().save_pretrained(folder, max_shard_size="3KB")
    assert len(list(folder.glob("model-*-of-00004.safetensors"))) == 4
    return folder


def refused(folder, message):
    with pytest.raises(ValueError, match="^" + re.escape(str(folder)) + message):
        encoders.load(str(folder))


def test_weights_in_several_files_are_read(sharded):
    _, model = encoders.load(str(sharded))
    assert model.num_parameters() == tiny_bert().num_parameters()


def test_a_missing_part_of_the_weights_is_named(sharded):
    (sharded / "model-00002-of-00004.safetensors").unlink()
    refused(
        sharded, f" has no model-00002-of-00004.safetensors, which {INDEX} names; .*copy the model"
    )


def test_a_truncated_part_of_the_weights_is_named(sharded):
    part = sharded / "model-00003-of-00004.safetensors"
    part.write_bytes(part.read_bytes()[:-1])
    refused(
        sharded, r"/model-00003-of-00004.safetensors is truncated or damaged \(.*copy the model"
    )


@pytest.mark.parametrize("content", ["", '{"weight_map": {"a', "{}", "[]", '{"weight_map": []}'])
def test_a_damaged_index_of_the_weights_is_named(sharded, content):
    (sharded / INDEX).write_text(content)
    refused(sharded, f"/{INDEX} is truncated or damaged .*; .*copy the model")


def test_weights_under_another_name_are_not_taken_for_the_model(folder):
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    refused(folder, " has no model.safetensors but weights.safetensors; rename it to model.safet")


@pytest.mark.parametrize("with_config", [False, True])
def test_an_adapter_alone_is_not_taken_for_a_model(folder, with_config):
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    if not with_config:
        (folder / "config.json").unlink()
    refused(
        folder,
        " has no .*model.safetensors but adapter_model.safetensors, .*PeftModel.from_pretrained",
    )


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kept", [0, 40, -3])
def test_a_truncated_json_file_is_named(folder, name, kept):
    path = folder / name
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, rf"/{name} is truncated or damaged \(.*; .*copy the model")


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("content", [b"[]", b"3", b"\xff\xfe\x00"])
def test_a_file_that_holds_something_else_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    refused(folder, rf"/{name} is truncated or damaged \(.*; .*copy the model")


def test_json_that_is_no_tokenizer_is_named(folder):
    (folder / "tokenizer.json").write_text("{}")
    refused(folder, r"/tokenizer.json cannot be used \(KeyError: .*; .*copy the model")


def test_a_configuration_that_makes_no_model_is_named(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 9}))
    refused(folder, r"/config.json cannot be used \(ValueError: .*9.*; .*copy the model")


def test_files_in_the_cache_of_the_hub_are_to_be_fetched_anew(folder):
    snapshot = folder / "models--tiny--bert" / "snapshots" / "0a1b"
    tiny_bert().save_pretrained(snapshot)
    (snapshot / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="delete .*/models--tiny--bert and load the encoder again"):
        encoders.load(str(snapshot))
