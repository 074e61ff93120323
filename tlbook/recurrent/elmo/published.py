"""Read what AllenNLP and bilm-tf published: ``options.json`` and weights in HDF5.

===================================================  ======================  ====================
in the file                                          shape                   here
===================================================  ======================  ====================
``char_embed``                                       (261, character width)  below a row of zeros
``CNN/W_cnn_i``, ``b_cnn_i``                         (1, span, width, n)     transposed
``CNN_high_k/W_transform``, ``W_carry``, ``b_...``   (features, features)    transposed, stacked
``CNN_proj/W_proj``, ``b_proj``                      (features, projection)  transposed
``RNN_d/RNN/MultiRNNCell/Cellj/LSTMCell/W_0, B``     (2 projection, 4 cell)  gates i j f o
``.../W_P_0``                                        (cell, projection)      transposed
===================================================  ======================  ====================

Direction d is 0 forwards, 1 backwards. The candidate j is PyTorch's g, which stands behind f there.
TensorFlow adds 1 to the bias of the forget gate when it runs; here it is added when it is read.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tlbook.recurrent.elmo.characters import CHARACTERS
from tlbook.recurrent.elmo.settings import Settings

SOURCE = (
    "the published models are pairs such as elmo_2x4096_512_2048cnn_2xhighway_options.json and "
    "elmo_2x4096_512_2048cnn_2xhighway_weights.hdf5 of AllenNLP; download both and give their paths"
)
Arrays = dict[str, np.ndarray]
Shapes = dict[str, tuple[int, ...]]


def read(options_path: Path, weights_path: Path) -> tuple[Settings, dict[str, Tensor]]:
    """Return the settings and the weights of a published biLM, named as those of `BiLM`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged or they do not belong together.
    """
    for path, what in ((options_path, "options"), (weights_path, "weights")):
        if not path.is_file():
            raise FileNotFoundError(f"no {what} at {path}; {SOURCE}")
    try:
        settings = Settings.from_options(json.loads(options_path.read_text(encoding="utf-8")))
    except ValueError as error:  # also of a text that is no JSON, or no text
        raise ValueError(f"{options_path} is not the options.json of a biLM: {error}") from error
    arrays = arrays_of(weights_path, shapes_of(settings))
    weights = characters_of(arrays, settings)
    for direction, stack in enumerate(("forwards", "backwards")):
        for layer in range(settings.layers):
            cell = arrays_below(arrays, cell_of(direction, layer))
            told = lstm_of(cell, settings).items()
            weights |= {f"{stack}.layers.{layer}.lstm.{name}": array for name, array in told}
    return settings, {name: torch.from_numpy(array) for name, array in weights.items()}


def cell_of(direction: int, layer: int) -> str:
    """Return where the weights of one LSTM layer stand in the file."""
    return f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell/"


def shapes_of(settings: Settings) -> Shapes:
    """Return the arrays that the file must hold."""
    wide, narrow, cell = settings.features, settings.projection, settings.cell
    shapes: Shapes = {"char_embed": (CHARACTERS - 1, settings.character_width)}
    for place, (span, count) in enumerate(settings.filters):
        shapes[f"CNN/W_cnn_{place}"] = (1, span, settings.character_width, count)
        shapes[f"CNN/b_cnn_{place}"] = (count,)
    for place in range(settings.highways):
        for part in ("transform", "carry"):
            shapes[f"CNN_high_{place}/W_{part}"] = (wide, wide)
            shapes[f"CNN_high_{place}/b_{part}"] = (wide,)
    shapes |= {"CNN_proj/W_proj": (wide, narrow), "CNN_proj/b_proj": (narrow,)}
    for direction in (0, 1):
        for layer in range(settings.layers):
            place = cell_of(direction, layer)
            shapes |= {f"{place}W_0": (2 * narrow, 4 * cell), f"{place}B": (4 * cell,)}
            if settings.projected:
                shapes[f"{place}W_P_0"] = (cell, narrow)
    return shapes


def arrays_of(path: Path, shapes: Shapes) -> Arrays:
    """Read the arrays of an HDF5 file.

    Raises:
        ValueError: If it is no HDF5 file, is truncated, lacks an array, or holds one of another
            shape or with values that are not finite.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            arrays = {name: array_of(file, name, shape) for name, shape in shapes.items()}
    except OSError as error:
        raise ValueError(
            f"{path} is truncated, damaged or not HDF5 ({error}); download it again"
        ) from error
    except LookupError as error:
        raise ValueError(f"{path} does not fit the options: {error.args[0]}") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{path} is damaged: {name} is not finite; download it again")
    return arrays


def array_of(file: object, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read one array; a `LookupError` says what is not as it should be."""
    if name not in file or not hasattr(file[name], "shape"):
        raise LookupError(f"it has no array {name}")
    if file[name].shape != shape:
        raise LookupError(f"{name} has the shape {file[name].shape} instead of {shape}")
    return file[name][...].astype(np.float32)


def arrays_below(arrays: Arrays, place: str) -> Arrays:
    """Return the arrays whose names begin with `place`, without it."""
    return {n.removeprefix(place): array for n, array in arrays.items() if n.startswith(place)}


def characters_of(arrays: Arrays, settings: Settings) -> Arrays:
    """Return the weights of the character CNN."""
    found = {"embedding.weight": np.pad(arrays["char_embed"], ((1, 0), (0, 0)))}
    for place in range(len(settings.filters)):
        (kernel,) = arrays[f"CNN/W_cnn_{place}"]
        found[f"filters.{place}.weight"] = kernel.transpose(2, 1, 0)
        found[f"filters.{place}.bias"] = arrays[f"CNN/b_cnn_{place}"]
    for place in range(settings.highways):
        layer = arrays_below(arrays, f"CNN_high_{place}/")
        both = np.concatenate([layer["W_transform"], layer["W_carry"]], axis=1)
        found[f"highways.{place}.gates.weight"] = both.T
        found[f"highways.{place}.gates.bias"] = np.append(layer["b_transform"], layer["b_carry"])
    found["projection.weight"] = arrays["CNN_proj/W_proj"].T
    found["projection.bias"] = arrays["CNN_proj/b_proj"]
    return {f"characters.{name}": np.ascontiguousarray(array) for name, array in found.items()}


def lstm_of(arrays: Arrays, settings: Settings) -> Arrays:
    """Return the weights of one LSTM layer as PyTorch names and orders them."""
    i, j, f, o = np.split(arrays["W_0"].T, 4)
    both = np.concatenate([i, f, j, o])  # (4 cell, inputs and then states)
    i, j, f, o = np.split(arrays["B"], 4)
    bias = np.concatenate([i, f + 1, j, o])
    narrow = settings.projection
    found = {
        "weight_ih_l0": both[:, :narrow],
        "weight_hh_l0": both[:, narrow:],
        "bias_ih_l0": bias,
        "bias_hh_l0": np.zeros_like(bias),
    }
    if settings.projected:
        found["weight_hr_l0"] = arrays["W_P_0"].T
    return {name: np.ascontiguousarray(array) for name, array in found.items()}
