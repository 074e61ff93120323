"""A folder with an encoder: whether its files are there and can be read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"
# transformers would make an empty tokenizer, which knows no word, without complaint
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
OBJECTS = ("config.json", "tokenizer.json", "tokenizer_config.json")  # JSON that must be a {...}
SAVE = "with model.save_pretrained(folder) and tokenizer.save_pretrained(folder)"


def checked(folder: Path) -> Path:
    """Return the folder if it holds a configuration, readable weights and a tokenizer.

    Raises:
        ValueError: If one is missing, or weights are truncated or damaged; names the file.
    """
    lacking = [] if (folder / "config.json").exists() else ["config.json"]
    if not (folder / WEIGHTS).exists() and not (folder / INDEX).exists():
        lacking.append(WEIGHTS)
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZERS):
        lacking.append("tokenizer.json")
    if lacking:
        raise ValueError(f"{folder} has no {_instead(folder, lacking)}")
    for path in _weight_files(folder):
        try:
            with safe_open(path, "pt") as file:
                file.keys()
        except SafetensorError as error:
            raise ValueError(_damaged(path, error)) from error
    return folder


def weights_file(folder: Path) -> Path:
    """Return the file that stands for the weights: the only one, or the index of several."""
    return folder / (WEIGHTS if (folder / WEIGHTS).exists() else INDEX)


def remedy(folder: Path) -> str:
    """Say how to come by whole files in place of a folder's damaged ones."""
    cached = folder.parents[1] if folder.parent.name == "snapshots" else folder
    if cached.name.startswith("models--"):  # a damaged file of the cache would be found there again
        return f"delete {cached} and load the encoder again, to fetch it anew"
    return f"copy the model anew, or save it again {SAVE}"


@contextmanager
def named_if_unusable(path: Path) -> Iterator[None]:
    """Turn what transformers says of a file into a `ValueError` that names it.

    Errors that name the folder already, of the system or of a package not installed, pass.

    Args:
        path: ``config.json`` or ``tokenizer.json``, whichever is used inside.
    """
    try:
        yield
    except Exception as error:  # the core of the tokenizers raises no special ones
        for name in OBJECTS:
            if (path.parent / name).exists():
                _check_object(path.parent / name)
        passing = ImportError, OSError, MemoryError, RuntimeError
        if isinstance(error, passing) or str(path.parent) in str(error):
            raise
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} cannot be used ({why}); {remedy(path.parent)}") from error


def _instead(folder: Path, lacking: list[str]) -> str:
    """What is lacking, what lies there in its place, and what to do."""
    if WEIGHTS in lacking and (folder / ADAPTER).exists():
        return (
            f"{' and no '.join(lacking)} but {ADAPTER}, which only adapts another model: load "
            "that, then add the adapter with peft.PeftModel.from_pretrained(model, folder)"
        )
    others = sorted(path.name for path in folder.glob("*.safetensors"))
    if lacking == [WEIGHTS] and others:
        return (
            f"{WEIGHTS} but {', '.join(others)}; rename it to {WEIGHTS} if it is all of the "
            f"model, or save a model there {SAVE}"
        )
    return f"{lacking[0]}; save a model there {SAVE}"


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads weights from: one, or all that the index names."""
    first = weights_file(folder)
    if first.name == WEIGHTS:
        return [first]
    try:
        index = json.loads(first.read_text(encoding="utf-8"))
        index["metadata"]  # transformers needs it
        files = [folder / name for name in sorted(set(index["weight_map"].values()))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(_damaged(first, error)) from error
    for path in files:
        if not path.exists():
            raise ValueError(f"{folder} has no {path.name}, which {INDEX} names; {remedy(folder)}")
    return files


def _check_object(path: Path) -> None:
    """Raise `ValueError` unless the file is a JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(_damaged(path, error)) from error
    if not isinstance(content, dict):
        raise ValueError(_damaged(path, f"a JSON {type(content).__name__}, not an object"))


def _damaged(path: Path, why: Exception | str) -> str:
    said = f"{type(why).__name__}: {why}" if isinstance(why, KeyError) else why
    return f"{path} is truncated or damaged ({said}); {remedy(path.parent)}"
