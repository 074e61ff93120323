"""What training did to each matrix, and what is left of it when its rank is cut down.

The best approximation of rank r to a change keeps its r largest singular values.

Paper:    PAPERS["lora"], sections 7.2 and 7.3
Notebook: notebooks/3_efficient/33_lora.ipynb
"""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tlbook.efficient.lora import encoder_of


@dataclass(frozen=True)
class Change:
    """One matrix before training, and the singular values and vectors of its change.

    Attributes:
        before: The matrix that training began with.
        left: Left singular vectors, as columns.
        values: Singular values, the largest first.
        right: Right singular vectors, as rows.
    """

    before: Float[Tensor, "out_features in_features"]
    left: Float[Tensor, "out_features narrow"]
    values: Float[Tensor, " narrow"]
    right: Float[Tensor, "narrow in_features"]

    def kept(self, rank: int) -> Float[Tensor, "out_features in_features"]:
        """Return the matrix with the best change of at most this rank, 0 or more.

        Example:
            >>> same = torch.eye(2)
            >>> Change(torch.zeros(2, 2), same, torch.tensor([3.0, 1.0]), same).kept(1)
            tensor([[3., 0.],
                    [0., 0.]])
        """
        return self.before + (self.left[:, :rank] * self.values[:rank]) @ self.right[:rank]


@torch.no_grad()
def changes(tuned: nn.Module, base: nn.Module) -> dict[str, Change]:
    """Return the change of every linear layer's matrix, by the layer's dotted name.

    Args:
        tuned: An encoder, or a head of `tlbook.heads` with one in ``.encoder``.
        base: The encoder that its training began with.

    Raises:
        ValueError: If a matrix of `base` is missing in `tuned` or has another shape there.
    """
    trained, found = dict(encoder_of(tuned).named_modules()), {}
    for name, layer in base.named_modules():
        if not isinstance(layer, nn.Linear):
            continue
        after = getattr(trained.get(name), "weight", None)
        if after is None or after.shape != layer.weight.shape:
            raise ValueError(f"{name} is not the same layer in both models")
        before = layer.weight.to(after)
        found[name] = Change(before, *torch.linalg.svd(after - before, full_matrices=False))
    return found


@torch.no_grad()
def cut(tuned: nn.Module, known: dict[str, Change], rank: int) -> nn.Module:
    """Return a copy of a trained model in which no matrix has changed by more than `rank`.

    What is not in `known` (embeddings, biases, norms, the head) stays as training left it.

    Args:
        tuned: The model that `changes` was given.
        known: From `changes`.
        rank: Of each change, 0 or more; 0 puts the matrices back to where training began.

    Raises:
        ValueError: If `rank` is below 0.
    """
    if rank < 0:
        raise ValueError(f"rank must be 0 or more, got {rank}")
    model = copy.deepcopy(tuned)
    encoder = encoder_of(model)
    for name, change in known.items():
        encoder.get_submodule(name).weight.copy_(change.kept(rank))
    return model


def share_kept(known: dict[str, Change], rank: int) -> float:
    """Return the share (0..1) of all changes, as a sum of squares, that `rank` directions hold.

    Raises:
        ValueError: If nothing has changed.
    """
    total = sum(float((change.values**2).sum()) for change in known.values())
    if not total:
        raise ValueError("no matrix has changed")
    return sum(float((change.values[:rank] ** 2).sum()) for change in known.values()) / total


def after_cuts(
    tuned: nn.Module,
    known: dict[str, Change],
    ranks: Sequence[int],
    score: Callable[[nn.Module], float],
) -> pd.DataFrame:
    """Score what is left of a trained model at several ranks.

    Args:
        tuned: As for `cut`.
        known: As for `cut`.
        ranks: As for `cut`, one or more.
        score: Maps a model to 0..1.

    Returns:
        By rank: ``accuracy``, and ``kept`` as from `share_kept`.
    """
    found = {
        rank: {"accuracy": score(cut(tuned, known, rank)), "kept": share_kept(known, rank)}
        for rank in ranks
    }
    return pd.DataFrame(found).T.rename_axis("rank")


@torch.no_grad()
def by_matrix(known: dict[str, Change], *, share: float = 0.9) -> pd.DataFrame:
    """Return how far training moved each matrix, and over how many directions.

    Args:
        known: From `changes`.
        share: Of a change, as a sum of squares, above 0 and at most 1.

    Returns:
        A row a matrix: ``layer`` (from 1; 0 outside the layers), ``matrix`` (its name there),
        ``moved`` (norm of the change over norm of the matrix before), ``directions`` (how many
        singular values hold `share` of the change), ``of`` (how many there are).

    Raises:
        ValueError: If `share` is outside its range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie above 0 and at most at 1, got {share}")
    rows = []
    for name, change in known.items():
        # Without a number in its name a matrix stands outside the layers.
        _, layer, matrix = re.fullmatch(r"(?:(.*\.)?(\d+)\.)?(.*)", name).groups()
        squares = change.values.double() ** 2
        held = squares.cumsum(0) / squares.sum()  # rises to 1; NaN where nothing has changed
        rows.append(
            {
                "layer": 0 if layer is None else int(layer) + 1,
                "matrix": matrix,
                "moved": float(change.values.norm() / change.before.norm()),
                "directions": int((held < share - 1e-9).sum()) + 1 if squares.sum() else 0,
                "of": len(squares),
            }
        )
    return pd.DataFrame(rows)
