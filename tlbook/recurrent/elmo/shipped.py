"""pocket-elmo: the small biLM that ships with tlbook, or another one in a folder of its kind.

=======================  ======================================================
file in the folder       what it holds
=======================  ======================================================
``options.json``         sizes, as published models tell theirs
``model.safetensors``    `LanguageModel`, float16
``vocabulary.txt``       words of the softmax, one a line
=======================  ======================================================
"""

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from tlbook.encoders import sources
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.prediction import LanguageModel
from tlbook.recurrent.elmo.settings import Settings

NAME = "pocket-elmo"


def load(folder: Path | str = NAME) -> BiLM:
    """Return the biLM, in evaluation mode and float32; see `load_language_model`."""
    return load_language_model(folder).bilm


def load_language_model(folder: Path | str = NAME) -> LanguageModel:
    """Return the biLM with its softmax, in evaluation mode and float32.

    Args:
        folder: ``pocket-elmo``, or a folder with the files above.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged, or the shipped one is not the one that was published.
    """
    place = sources.shipped(NAME) if folder == NAME else Path(folder)
    options, weights, words = (
        place / name for name in ("options.json", "model.safetensors", "vocabulary.txt")
    )
    for path in (options, weights, words):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; name {NAME!r} or a folder that has it")
    try:
        settings = Settings.from_options(json.loads(options.read_text(encoding="utf-8")))
        vocabulary = words.read_text(encoding="utf-8").split("\n")
        model = LanguageModel(BiLM(settings), vocabulary)
        model.load_state_dict({name: w.float() for name, w in load_file(weights).items()})
    except (ValueError, SafetensorError, RuntimeError) as error:
        raise ValueError(f"{place} is damaged ({error}); install or make it again") from error
    return model.eval()
