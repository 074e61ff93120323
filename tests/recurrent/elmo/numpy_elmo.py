"""An oracle: a tiny biLM in the published layout, and its layers computed word by word in NumPy.

Nothing here is imported from tlbook: it follows the description of the format alone.
"""

import json

import h5py
import numpy as np

OPTIONS = {
    "lstm": {
        "dim": 6,
        "projection_dim": 4,
        "n_layers": 2,
        "cell_clip": 0.5,
        "proj_clip": 0.25,
        "use_skip_connections": True,
    },
    "char_cnn": {
        "activation": "relu",
        "embedding": {"dim": 3},
        "filters": [[1, 2], [2, 3], [3, 4]],
        "n_highway": 2,
        "n_characters": 262,
        "max_characters_per_token": 12,
    },
}
STREAMS = [  # batch by batch, the number of sentences and their lengths change
    [["The", "red", "ship", "sails", "."], ["No"], ["Ça", "va", "bien", "?"]],
    [["It", "sinks"], ["A", "very", "unextraordinarily", "long", "word", "."], ["Why", "?"]],
    [["Only", "one"]],
    [["Four"], ["now", "in", "here"], ["", "</S>"], ["<S>", "日本語日本語", "!"], ["Five"]],
]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Reference:
    """The weights as in the file, and what they compute.

    Args:
        options: As in ``options.json``.
        seed: Of the weights.
        scale: Of the weights; large ones make clipping matter.
    """

    def __init__(self, options=OPTIONS, seed=0, scale=0.7):
        self.options = options
        lstm, cnn = options["lstm"], options["char_cnn"]
        draw = np.random.default_rng(seed)
        width, narrow = cnn["embedding"]["dim"], lstm["projection_dim"]
        wide, cell = sum(n for _, n in cnn["filters"]), lstm["dim"]
        shapes = {"char_embed": (261, width)}
        for i, (span, n) in enumerate(cnn["filters"]):
            shapes |= {f"CNN/W_cnn_{i}": (1, span, width, n), f"CNN/b_cnn_{i}": (n,)}
        for k in range(cnn["n_highway"]):
            for part in ("carry", "transform"):
                shapes[f"CNN_high_{k}/W_{part}"] = (wide, wide)
                shapes[f"CNN_high_{k}/b_{part}"] = (wide,)
        shapes |= {"CNN_proj/W_proj": (wide, narrow), "CNN_proj/b_proj": (narrow,)}
        for d in (0, 1):
            for j in range(lstm["n_layers"]):
                place = f"RNN_{d}/RNN/MultiRNNCell/Cell{j}/LSTMCell"
                shapes |= {f"{place}/W_0": (2 * narrow, 4 * cell), f"{place}/B": (4 * cell,)}
                if narrow < cell:
                    shapes[f"{place}/W_P_0"] = (cell, narrow)
        self.arrays = {n: scale * draw.normal(size=s).astype("f4") for n, s in shapes.items()}
        self.states = {}

    def write(self, folder, name=""):
        """Write the two files, their names begun by `name`, and return their paths."""
        paths = folder / f"{name}options.json", folder / f"{name}weights.hdf5"
        paths[0].write_text(json.dumps(self.options))
        with h5py.File(paths[1], "w") as file:
            for array in self.arrays:
                file[array] = self.arrays[array]
        return paths

    def spelling(self, word):
        longest = self.options["char_cnn"]["max_characters_per_token"]
        special = {"<S>": [256], "</S>": [257]}
        inner = special.get(word) or list(word.encode())[: longest - 2]
        ids = [258, *inner, 259]
        return ids + [260] * (longest - len(ids))

    def word(self, word):
        """The vector of a word out of context."""
        cnn = self.options["char_cnn"]
        letters = self.arrays["char_embed"][self.spelling(word)].astype(float)
        squash = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}[cnn["activation"]]
        found = []
        for i, (span, _) in enumerate(cnn["filters"]):
            kernel = self.arrays[f"CNN/W_cnn_{i}"][0]
            runs = [
                np.einsum("sw,swn->n", letters[start : start + span], kernel)
                for start in range(len(letters) - span + 1)
            ]
            found.append(squash(np.array(runs) + self.arrays[f"CNN/b_cnn_{i}"]).max(0))
        x = np.concatenate(found)
        for k in range(cnn["n_highway"]):
            gate = {
                part: x @ self.arrays[f"CNN_high_{k}/W_{part}"]
                + self.arrays[f"CNN_high_{k}/b_{part}"]
                for part in ("carry", "transform")
            }
            carry = sigmoid(gate["carry"])
            x = carry * np.maximum(gate["transform"], 0) + (1 - carry) * x
        return x @ self.arrays["CNN_proj/W_proj"] + self.arrays["CNN_proj/b_proj"]

    def direction(self, d, vectors, row):
        """The states of every layer; `row` names the states to begin with and to leave behind."""
        lstm = self.options["lstm"]
        narrow, clip = lstm["projection_dim"], lstm["cell_clip"] or np.inf
        clip_h = lstm["proj_clip"] or np.inf
        outputs = []
        for j in range(lstm["n_layers"]):
            place = f"RNN_{d}/RNN/MultiRNNCell/Cell{j}/LSTMCell"
            weights, bias = self.arrays[f"{place}/W_0"], self.arrays[f"{place}/B"]
            project = self.arrays.get(f"{place}/W_P_0", np.eye(narrow))
            h, c = self.states.get((row, d, j), (np.zeros(narrow), np.zeros(lstm["dim"])))
            states = []
            for x in vectors:
                i, new, f, o = np.split(np.concatenate([x, h]) @ weights + bias, 4)
                c = np.clip(sigmoid(f + 1) * c + sigmoid(i) * np.tanh(new), -clip, clip)
                h = np.clip((sigmoid(o) * np.tanh(c)) @ project, -clip_h, clip_h)
                states.append(h)
            self.states[row, d, j] = h, c
            added = vectors if j and lstm["use_skip_connections"] else 0
            vectors = np.array(states) + added
            outputs.append(vectors)
        return outputs

    def embed(self, sentence, row):
        """The layers (layers, tokens, 2 * projection), states carried over from `row`."""
        vectors = np.array([self.word(word) for word in ["<S>", *sentence, "</S>"]])
        there = self.direction(0, vectors, row)
        back = [y[::-1] for y in self.direction(1, vectors[::-1], row)]
        layers = [(vectors, vectors), *zip(there, back, strict=True)]
        return np.array([np.concatenate(pair, axis=-1)[1:-1] for pair in layers])

    def embed_anew(self, sentence):
        """The layers, from states of zero."""
        self.states = {}
        return self.embed(sentence, "new")
