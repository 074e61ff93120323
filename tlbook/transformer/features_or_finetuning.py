"""Features or fine-tuning: heads on frozen states beside a tuned encoder.

Paper:    PAPERS["features_or_finetuning"]; ELMo (Peters et al. 2018), equation 1, for the
          weighted sum
Notebook: notebooks/2_transformer/26_features_or_finetuning.ipynb
"""

import copy
import time
from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from tlbook import heads, runtime
from tlbook.batches import Batch, Batches
from tlbook.tokens import Row
from tlbook.training import fit, recipe
from tlbook.training.reports import reporting


class LayerMix(nn.Module):
    """A learned weighted sum of layers, ``gamma * sum_j softmax(w)_j h_j`` (ELMo, equation 1).

    =======  ===========  ===========  ============
    paper    here         shape        at the start
    =======  ===========  ===========  ============
    w        ``weights``  (layers)     0: the mean
    gamma    ``gamma``    ()           1
    =======  ===========  ===========  ============

    Args:
        layers: How many layers are summed, 1 or more.

    Raises:
        ValueError: If `layers` is below 1.

    Example:
        >>> mix = LayerMix(2)
        >>> mix(torch.tensor([[[1.0, 3.0], [3.0, 5.0]]]))
        tensor([[2., 4.]], grad_fn=<MulBackward0>)
    """

    def __init__(self, layers: int):
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers must be 1 or more, got {layers}")
        self.weights = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))

    def shares(self) -> Float[Tensor, " layers"]:
        """Return the share of each layer; they sum to 1."""
        return self.weights.softmax(0)

    def forward(
        self, states: Float[Tensor, "*rows layers hidden"]
    ) -> Float[Tensor, "*rows hidden"]:
        return self.gamma * (self.shares().unsqueeze(-1) * states).sum(-2)


class FeatureClassifier(nn.Module):
    """Logistic regression on frozen features: ``logits = W combine((h - mean) / std) + b``.

    Features are brought to mean 0 and each layer to deviation 1 over the training rows, so
    that one penalty fits all.

    Args:
        features: Of the training rows; only their mean and deviation are kept.
        classes: Number of classes, 2 or more.
        combine: ``concatenation`` of the layers given, or their ``mix`` by `LayerMix`.

    Raises:
        ValueError: If `combine` is neither.
    """

    def __init__(
        self, features: Float[Tensor, "rows layers hidden"], classes: int, *, combine: str
    ):
        super().__init__()
        if combine not in ("concatenation", "mix"):
            raise ValueError(f"combine must be 'concatenation' or 'mix', got {combine!r}")
        _, layers, hidden = features.shape
        self.mix = LayerMix(layers) if combine == "mix" else None
        mean = features.mean(0)
        scale = (features - mean).square().mean((0, 2)).sqrt().clamp(min=1e-6)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale.unsqueeze(-1))  # (layers, 1)
        self.head = nn.Linear(hidden if self.mix else layers * hidden, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def evened(
        self, features: Float[Tensor, "rows layers hidden"]
    ) -> Float[Tensor, "rows layers hidden"]:
        """Bring features to the mean 0 and the deviation 1 of the training rows."""
        return (features - self.mean) / self.scale

    def logits(self, even: Float[Tensor, "rows layers hidden"]) -> Float[Tensor, "rows classes"]:
        """Classify what is `evened` already."""
        if self.mix is None:
            return self.head(even.flatten(1))
        # W is linear, so the mix of W h_j is W of the mix: the same sum over far fewer numbers.
        return self.mix(even @ self.head.weight.T) + self.head.bias

    def forward(
        self, features: Float[Tensor, "rows layers hidden"]
    ) -> Float[Tensor, "rows classes"]:
        return self.logits(self.evened(features))


def fit_features(
    features: Float[Tensor, "rows layers hidden"],
    labels: Int[Tensor, " rows"],
    *,
    classes: int,
    combine: str = "concatenation",
    strength: float = 0.01,
    steps: int = 50,
    learning_rate: float = 0.02,
    report: Callable[..., None] | None = None,
) -> FeatureClassifier:
    """Train a `FeatureClassifier`: minimise ``CE + |W|^2 / (2 strength rows)``.

    Args:
        features: Frozen, from `tlbook.encoders.features.embed`.
        labels: One class number per row.
        classes: Number of classes.
        combine: See `FeatureClassifier`.
        strength: How far to trust the labels, above 0: scikit-learn's ``C``.
        steps: Optimizer steps, each over all rows: the epochs of `fit`.
        learning_rate: Of Adam.
        report: Is told of each step; see `tlbook.training.reports`.

    Returns:
        The trained head, on the CPU.

    Raises:
        ValueError: If `strength` is not above 0.
    """
    if strength <= 0:
        raise ValueError(f"strength must be above 0, got {strength}")
    device = runtime.device()
    head = FeatureClassifier(features, classes, combine=combine).to(device)
    penalty = 1 / (strength * len(features))

    def loss_of(model: FeatureClassifier, batch: Batch) -> Tensor:
        with torch.autocast(device.type, enabled=False):  # so little work gains nothing from it
            loss = cross_entropy(model.logits(batch["even"]), batch["labels"])
            return loss + penalty / 2 * model.head.weight.square().sum()

    batch = {"even": head.evened(features.to(device)), "labels": labels}
    optimizer = torch.optim.Adam(head.parameters(), lr=learning_rate)
    told = reporting(loss_of, report, steps) if report else loss_of
    fit(head, [batch], loss_of=told, optimizer=optimizer, epochs=steps, progress=False)
    return head.cpu().eval()


def adapt(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    loss_of: Callable[[nn.Module, Batch], Tensor],
    learning_rate: float,
    epochs: int,
    report: Callable[..., None] | None = None,
) -> nn.Module:
    """Train all weights of `model` by AdamW with 10% warm-up and a linear fall (lesson 24).

    Args:
        model: A head on stored states, or an encoder with its head; it is returned.
        batches: With a length.
        loss_of: As for `fit`.
        learning_rate: The peak.
        epochs: Passes over `batches`.
        report: Is told of each step; see `tlbook.training.reports`.
    """
    if report is not None:
        loss_of = reporting(loss_of, report, epochs * len(batches))
    recipe.train(model, batches, loss_of=loss_of, learning_rate=learning_rate, epochs=epochs)
    return model


def fine_tune(
    encoder: PreTrainedModel,
    rows: Sequence[Row],
    *,
    classes: int,
    learning_rate: float,
    epochs: int,
    size: int,
    seed: int,
    pooling: str = "mean",
    report: Callable[..., None] | None = None,
) -> heads.Classifier:
    """Fine-tune a copy of `encoder` on labelled rows; the original stays as it is.

    Args:
        encoder: Pre-trained, or from `tlbook.heads.scratch`.
        rows: From `tlbook.tokens.encode`, with labels.
        classes: Number of classes.
        learning_rate: The peak; see `adapt`.
        epochs: Passes over `rows`.
        size: Rows per batch.
        seed: Of the head's first weights, dropout, and the order of the rows.
        pooling: ``mean`` or ``cls``.
        report: Is told of each step; see `tlbook.training.reports`.
    """
    runtime.seed_all(seed)
    model = heads.Classifier(copy.deepcopy(encoder), classes, pooling=pooling)
    return adapt(
        model,
        Batches(rows, size, seed=seed),
        loss_of=heads.classification_loss,
        learning_rate=learning_rate,
        epochs=epochs,
        report=report,
    )


def bag_of_words(texts: Sequence[str], labels: Sequence[int], *, strength: float):
    """Fit the baseline that knows no language: TF-IDF of words and word pairs, then a linear head.

    Args:
        texts: Of the training rows.
        labels: One class number per text.
        strength: ``C`` of the logistic regression, above 0.

    Returns:
        A scikit-learn pipeline; the weights are ``[-1].coef_``.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return make_pipeline(vectors, LogisticRegression(C=strength, max_iter=1000)).fit(texts, labels)


def timed(work: Callable, *given, **options) -> tuple[object, float]:
    """Call `work` and return what it returned and the seconds it took.

    Example:
        >>> found, spent = timed(max, 3, 5)
        >>> found, 0 <= spent < 1
        (5, True)
    """
    started = time.perf_counter()
    found = work(*given, **options)
    return found, time.perf_counter() - started
