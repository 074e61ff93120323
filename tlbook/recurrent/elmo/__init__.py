"""ELMo: a language model in each direction, and its layers as features of words in context.

Paper:    PAPERS["elmo"], section 3
Notebook: notebooks/1_recurrent/13_elmo.ipynb

Modules, in the order in which data flows: `words` (text to words), `settings`, `characters` (words
to vectors), `through_time`, `inference`, `lstm` and `contexts` (vectors in context), `published`
(weights of others), `embedding` (batches and caches), `prediction` (the softmax), `shipped`
(pocket-elmo); what lesson 13 does with them: `senses`, `probes`, `comparison`, `tuning`. Here
stands what a lesson uses.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tlbook.recurrent.elmo import embedding, published
from tlbook.recurrent.elmo.characters import CharacterCNN, ids_of
from tlbook.recurrent.elmo.contexts import both_ways
from tlbook.recurrent.elmo.lstm import Stack, State
from tlbook.recurrent.elmo.settings import Settings


class BiLM(nn.Module):
    """The bidirectional language model, without its softmax.

    ======  ===========================  ==============================================
    paper   here                         what it is
    ======  ===========================  ==============================================
    x_k     ``characters``               word vectors, of the characters alone
    h_kj    ``forwards``, ``backwards``  states of the LSTM layers j of each direction
    ======  ===========================  ==============================================

    Layer 0 is the word vector twice over, layer j the two states of LSTM layer j side by side.

    Args:
        settings: Sizes, clipping and activation.

    Example:
        >>> bilm = BiLM(Settings(filters=((1, 4), (2, 4)), projection=3, cell=5))
        >>> [vectors.shape for vectors in bilm.embed([["We", "ran", "."], ["Stop"]])]
        [(3, 3, 6), (3, 1, 6)]
    """

    def __init__(self, settings: Settings):
        super().__init__()
        self.settings = settings
        self.characters = CharacterCNN(settings)
        self.forwards = Stack(settings)
        self.backwards = Stack(settings)
        self.carried: State | None = None

    @property
    def width(self) -> int:
        """Features of a word in one layer."""
        return 2 * self.settings.projection

    @property
    def depth(self) -> int:
        """Layers, the word vectors included."""
        return self.settings.layers + 1

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def embed(
        self,
        sentences: Sequence[Sequence[str]],
        *,
        stateful: bool = False,
        batch_size: int | None = None,
        cache: bool = False,
        progress: bool = False,
    ) -> list[np.ndarray]:
        """Return the layers of every word, as features: no gradients, float32, in row order.

        The character CNN runs once for each distinct word. Sentences of like length share a
        batch, unless the order matters.

        Args:
            sentences: Each a list of words; begin and end of sentence are added and taken away.
            stateful: True does as the published code: the LSTMs begin where the batch before,
                in this call or an earlier one, left them, row i where row i ended, the first
                from zero. A batch is `batch_size` sentences in the order given. False begins
                each sentence from zero: the same sentence always has the same vectors.
            batch_size: Sentences per batch, 1 or more. By default as many as are fastest; if
                `stateful` 64, as in the published code.
            cache: True keeps the result on disk under a hash of weights and words, so that
                the same text is embedded once for all. Not for `stateful`.
            progress: True shows a bar.

        Returns:
            One array (layers, tokens, 2 * projection) per sentence.

        Raises:
            TypeError: If a sentence is a text instead of a list of words.
            ValueError: If `batch_size` is below 1, or `cache` and `stateful` are both asked for.
        """
        if batch_size is None:
            batch_size = embedding.PUBLISHED if stateful else embedding.FASTEST
        settings = {"stateful": stateful, "batch_size": batch_size, "progress": progress}
        return (embedding.cached if cache else embedding.embed)(self, sentences, **settings)

    def reset_state(self) -> None:
        """Let the next stateful call begin from zero."""
        self.carried = None

    def blank_state(self, rows: int) -> State:
        """Return (h, c) of zeros: (directions, layers, rows, projection) and (..., cell)."""
        shape = (2, self.settings.layers, rows)
        widths = (self.settings.projection, self.settings.cell)
        return tuple(torch.zeros(*shape, width, device=self.device) for width in widths)

    def word_vectors(self, words: Sequence[str]) -> Float[Tensor, "words projection"]:
        """Return the vectors of words out of context."""
        ids = torch.from_numpy(ids_of(words, self.settings.longest))
        return self.characters(ids.to(self.device, torch.long))

    def forward(
        self, sentences: Sequence[Sequence[str]]
    ) -> tuple[Float[Tensor, "layers batch tokens features"], Bool[Tensor, "batch tokens"]]:
        """Return the layers of a batch, from zero states, and where its words are real.

        Gradients flow to whatever weights require them. Padding is zero.
        """
        types, rows = embedding.indexed(sentences)
        ids, lengths = embedding.stacked(rows)
        vectors, blank = self.word_vectors(types), self.blank_state(len(rows))
        layers, _ = self.contexts(vectors, lengths, blank, ids.to(self.device))
        mask = torch.arange(ids.shape[1] - 2) < (lengths - 2)[:, None]
        mask = mask.to(self.device)
        return layers[:, :, 1:-1] * mask[..., None], mask

    contexts = both_ways


class ScalarMix(nn.Module):
    """Weigh the layers of a biLM: ``gamma * sum_j softmax(w)_j h_j`` (equation 1).

    Args:
        layers: How many, the word vectors included.
        layer_norm: True first gives every layer mean 0 and variance 1.

    Example:
        >>> mix = ScalarMix(2)
        >>> mix(torch.tensor([[[[2.0, 4.0]]], [[[4.0, 0.0]]]])).tolist()
        [[[3.0, 2.0]]]
    """

    def __init__(self, layers: int, *, layer_norm: bool = False):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))
        self.layer_norm = layer_norm

    @property
    def weights(self) -> Float[Tensor, " layers"]:
        """The share of each layer, softmax(w)."""
        return self.scores.softmax(0)

    def penalty(self) -> Float[Tensor, ""]:
        """Return ``sum_j w_j^2``; times lambda, a task's loss holds the layers near their mean."""
        return self.scores.square().sum()

    def forward(
        self,
        layers: Float[Tensor, "layers batch tokens features"],
        mask: Bool[Tensor, "batch tokens"] | None = None,
    ) -> Float[Tensor, "batch tokens features"]:
        """Mix the layers; padding, where `mask` is False, is left out of the normalisation."""
        if len(layers) != len(self.scores):
            raise ValueError(f"this mix is of {len(self.scores)} layers, got {len(layers)}")
        shares = self.gamma * self.weights
        if not self.layer_norm:
            return (shares @ layers.flatten(1)).view(layers.shape[1:])
        # (h - mean) / deviation of each layer, without a copy of the layers
        mean, deviation = self._moments(layers, mask)
        shares = shares / deviation
        return (shares @ layers.flatten(1) - shares @ mean).view(layers.shape[1:])

    @staticmethod
    def _moments(layers: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        # Paper: "layer normalization" is per token; the published code takes one mean and one
        # variance of each layer over all real tokens of the batch, and so do we.
        real = layers.flatten(1) if mask is None else layers[:, mask].flatten(1)
        # On a CPU these two take a twentieth of the time of `torch.var_mean`.
        mean, power = real.mean(1), torch.linalg.vector_norm(real, dim=1) ** 2 / real.shape[1]
        return mean, (power - mean**2).clamp_min(1e-12).sqrt()


class ELMoFeatures(nn.Module):
    """A biLM with one mix for each place of a task model where ELMo enters.

    The biLM is frozen, and runs once however many mixes there are.

    Args:
        bilm: The language model.
        mixes: How many, for instance 2 for the input and the output of a task's own network.
        dropout: On every mix, 0..1.
        layer_norm: See `ScalarMix`.

    Example:
        >>> bilm = BiLM(Settings(filters=((1, 4),), projection=3, cell=5))
        >>> (below, above), mask = ELMoFeatures(bilm, mixes=2)([["We", "ran", "."], ["Stop"]])
        >>> above.shape, mask.sum(1).tolist()
        (torch.Size([2, 3, 6]), [3, 1])
    """

    def __init__(
        self, bilm: BiLM, *, mixes: int = 1, dropout: float = 0.5, layer_norm: bool = False
    ):
        super().__init__()
        self.bilm = bilm.requires_grad_(False)
        self.mixes = nn.ModuleList(
            ScalarMix(bilm.depth, layer_norm=layer_norm) for _ in range(mixes)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, sentences: Sequence[Sequence[str]]
    ) -> tuple[list[Float[Tensor, "batch tokens features"]], Bool[Tensor, "batch tokens"]]:
        """Return every mix of a batch of sentences, and where their words are real."""
        layers, mask = self.bilm(sentences)
        return self.mixed(layers, mask), mask

    def mixed(
        self,
        layers: Float[Tensor, "layers batch tokens features"],
        mask: Bool[Tensor, "batch tokens"] | None = None,
    ) -> list[Float[Tensor, "batch tokens features"]]:
        """Return every mix of layers that are there already, for instance from `BiLM.embed`."""
        return [self.dropout(mix(layers, mask)) for mix in self.mixes]

    def penalty(self) -> Float[Tensor, ""]:
        """Return the sum of the mixes' penalties."""
        return torch.stack([mix.penalty() for mix in self.mixes]).sum()


def load_published(options_path: Path | str, weights_path: Path | str) -> BiLM:
    """Load a biLM that AllenNLP or bilm-tf published, in evaluation mode.

    =========  ==============================================  ==========  ====
    published  names end in ``_options.json, _weights.hdf5``   projection  cell
    =========  ==============================================  ==========  ====
    original   ``elmo_2x4096_512_2048cnn_2xhighway``           512         4096
    5.5B       ``elmo_2x4096_512_2048cnn_2xhighway_5.5B``      512         4096
    medium     ``elmo_2x2048_256_2048cnn_1xhighway``           256         2048
    small      ``elmo_2x1024_128_2048cnn_1xhighway``           128         1024
    =========  ==============================================  ==========  ====

    Args:
        options_path: The JSON file.
        weights_path: The HDF5 file; it is read, nothing in it is run.

    Raises:
        FileNotFoundError: If a file is missing; says which, and where such files come from.
        ValueError: If a file is damaged, or the two do not belong together; says what is wrong.
    """
    settings, weights = published.read(Path(options_path), Path(weights_path))
    bilm = BiLM(settings)
    bilm.load_state_dict(weights)
    return bilm.eval()
