"""BiLSTMs over words that tag each word or classify the text, with or without ELMo.

A word is a vector learned here and its spelling read by a small character CNN; the layers of a
frozen biLM join them at the input of the BiLSTM, its output, or both.

Paper:    PAPERS["elmo"], sections 3.3 and 4; the tagger: Ma and Hovy (2016), sections 2.1 and 2.2,
          https://arxiv.org/abs/1603.01354, without its CRF
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tlbook.batches import Batch
from tlbook.encoders.features import pooled
from tlbook.heads import classification_loss, tagging_loss
from tlbook.recurrent.elmo import ELMoFeatures
from tlbook.recurrent.elmo.characters import CharacterCNN
from tlbook.recurrent.elmo.lstm import reversed_rows
from tlbook.recurrent.word_batches import SPELLING, WordBatches
from tlbook.training import Record, recipe

PLACES = ("input", "output")


def both_directions(
    lstm: nn.LSTM, x: Float[Tensor, "batch tokens inputs"], mask: Int[Tensor, "batch tokens"]
) -> Float[Tensor, "batch tokens hidden"]:
    """Run a batch-first bidirectional LSTM over the real tokens; states of padding are 0."""
    lengths = mask.sum(1)
    if x.is_cuda:  # cuDNN wants the weights of both directions in one piece
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]
    # On a CPU packed rows of several lengths are read word by word, which takes twice as long.
    blank, weights = x.new_zeros(1, len(x), lstm.hidden_size), lstm.all_weights
    one_way = {"has_biases": lstm.bias, "num_layers": 1, "dropout": 0.0, "train": lstm.training}
    one_way |= {"bidirectional": False, "batch_first": True}
    for there, back in zip(weights[::2], weights[1::2], strict=True):
        ahead = torch.lstm(x, (blank, blank), there, **one_way)[0]
        behind = torch.lstm(reversed_rows(x, lengths), (blank, blank), back, **one_way)[0]
        x = torch.cat([ahead, reversed_rows(behind, lengths)], dim=-1)
    return x * mask[..., None]


class WordReader(nn.Module):
    """A BiLSTM over word vectors and spellings, and ELMo where it is wanted.

    Args:
        vocab: ``len(vocabulary)``.
        elmo: A biLM with one mix for each of `places`; it stays frozen. None does without.
        places: Where ELMo enters: ``input``, ``output`` or both, in the order of the mixes.
        embedding: Width of the word vectors.
        hidden: Width of each direction of the BiLSTM.
        dropout: Share of the inputs and of the states set to zero in training, 0..1; ELMo has
            its own.

    Raises:
        ValueError: If a place is unknown or named twice, or there is not one for each mix.
    """

    def __init__(
        self,
        vocab: int,
        *,
        elmo: ELMoFeatures | None = None,
        places: Sequence[str] = ("input",),
        embedding: int = 64,
        hidden: int = 64,
        dropout: float = 0.3,
    ):
        super().__init__()
        wanted = 0 if elmo is None else len(elmo.mixes)
        if wanted and (
            len(places) != wanted or sorted(set(places) & set(PLACES)) != sorted(places)
        ):
            raise ValueError(f"name one of {PLACES} for each of {wanted} mixes, got {places}")
        self.elmo, self.places = elmo, tuple(places) if elmo is not None else ()
        added = {place: elmo.bilm.width for place in self.places}
        self.embedding = nn.Embedding(vocab, embedding, padding_idx=0)
        self.spelling = CharacterCNN(SPELLING)
        width = embedding + SPELLING.projection + added.get("input", 0)
        self.lstm = nn.LSTM(width, hidden, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.width = 2 * hidden + added.get("output", 0)

    def forward(
        self,
        input_ids: Int[Tensor, "batch tokens"],
        attention_mask: Int[Tensor, "batch tokens"],
        spellings: Int[Tensor, "words characters"],
        spelt: Int[Tensor, "batch tokens"],
        layers: Float[Tensor, "layers batch tokens features"] | None = None,
        **_labels: Tensor,
    ) -> Float[Tensor, "batch tokens hidden"]:
        """Return the states of a batch, and ELMo's features beside them where they are wanted.

        Raises:
            ValueError: If ELMo is wanted and the batch has no layers.
        """
        if self.elmo is not None and layers is None:
            raise ValueError("the batch has no layers; give layers=bilm.embed(...) to WordBatches")
        # A small LSTM is slow in bfloat16, also where large matrix products are fast.
        with torch.autocast(input_ids.device.type, enabled=False):
            found = self.elmo.mixed(layers, attention_mask.bool()) if self.places else []
            mixed = dict(zip(self.places, found, strict=True))
            spelling = self.spelling(spellings)[spelt]
            learned = self.dropout(torch.cat([self.embedding(input_ids), spelling], dim=-1))
            x = torch.cat([learned, mixed["input"]], dim=-1) if "input" in mixed else learned
            states = self.dropout(both_directions(self.lstm, x, attention_mask))
            return torch.cat([states, mixed["output"]], dim=-1) if "output" in mixed else states


class BiLSTMTagger(nn.Module):
    """One class per word: a linear layer on the states of a `WordReader`.

    Args:
        reader: Reads the words.
        classes: Number of tags.

    Example:
        >>> from tlbook.recurrent.word_batches import Vocabulary
        >>> vocabulary = Vocabulary([["the", "ship", "left"]], at_least=1)
        >>> rows = vocabulary.rows([["the", "ship"]], [[0, 1]])
        >>> BiLSTMTagger(WordReader(len(vocabulary)), 2)(**next(iter(WordBatches(rows)))).shape
        torch.Size([1, 2, 2])
    """

    def __init__(self, reader: WordReader, classes: int):
        super().__init__()
        self.reader, self.head = reader, nn.Linear(reader.width, classes)

    def forward(self, **batch: Tensor) -> Float[Tensor, "batch tokens classes"]:
        return self.head(self.reader(**batch))


class BiLSTMClassifier(nn.Module):
    """One class per text: a linear layer on the mean state of a `WordReader`.

    Args:
        reader: Reads the words.
        classes: Number of classes.
    """

    def __init__(self, reader: WordReader, classes: int):
        super().__init__()
        self.reader, self.head = reader, nn.Linear(reader.width, classes)

    def forward(self, **batch: Tensor) -> Float[Tensor, "batch classes"]:
        return self.head(pooled(self.reader(**batch), batch["attention_mask"], "mean"))


def train(
    model: BiLSTMTagger | BiLSTMClassifier,
    batches: WordBatches,
    *,
    learning_rate: float,
    epochs: int,
    penalty: float = 0.0,
    progress: bool = True,
) -> list[Record]:
    """Train by Adam with warm-up and linear decay; return the records of `tlbook.training.fit`.

    Args:
        model: A tagger or a classifier; trained in place, but for the biLM.
        batches: The training rows.
        learning_rate: The peak.
        epochs: Passes over the rows, 1 or more.
        penalty: Lambda of section 3.3, on the weights of the mixes, 0 or more.
        progress: False hides the bar.
    """
    task_loss = tagging_loss if isinstance(model, BiLSTMTagger) else classification_loss

    def loss_of(model: nn.Module, batch: Batch) -> Tensor:
        loss = task_loss(model, batch)
        return loss + penalty * model.reader.elmo.penalty() if model.reader.places else loss

    options = {"learning_rate": learning_rate, "epochs": epochs, "weight_decay": 0.0}  # Adam
    return recipe.train(model, batches, loss_of=loss_of, progress=progress, **options)
