"""The quick dropout is dropout: the same shares, the same scale, the same generator."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from tlbook.training import fit
from tlbook.training.dropout import dropout, quick_dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_share_of_p_is_dropped_and_the_rest_scaled_up(p):
    torch.manual_seed(0)
    count = 100_000
    found = dropout(torch.ones(count), p=p)
    dropped = (found == 0).float().mean().item()
    assert abs(dropped - p) < 5 * (p * (1 - p) / count) ** 0.5, "five deviations of a mean of draws"
    kept = found[found != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - p)), rtol=1e-4, atol=0)


def test_each_of_the_four_that_share_a_number_is_dropped_as_often_and_on_its_own():
    torch.manual_seed(0)
    kept = dropout(torch.ones(50_000, 4), p=0.5) / 2
    torch.testing.assert_close(kept.mean(0), torch.full((4,), 0.5), rtol=0, atol=0.01)
    torch.testing.assert_close(kept.T.corrcoef(), torch.eye(4), rtol=0, atol=0.02)


def test_the_gradient_goes_where_the_value_went():
    x = torch.full((3, 5), 2.0, requires_grad=True)
    found = dropout(x, p=0.4)
    found.sum().backward()
    torch.testing.assert_close(x.grad, found.detach() / 2)


def test_the_global_seed_decides():
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(dropout(torch.ones(64), p=0.5))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (0, 4)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_shape_and_format_stay(shape, kind):
    found = dropout(torch.ones(shape, dtype=kind), p=0.5)
    assert found.shape == shape
    assert found.dtype is kind


def test_what_is_not_contiguous_is_dropped_too():
    found = dropout(torch.ones(4, 6).T, p=0.5)
    assert set(found.unique().tolist()) <= {0.0, 2.0}
    assert found.shape == (6, 4)


def test_without_training_or_without_a_share_nothing_changes():
    x = torch.ones(100)
    assert dropout(x, p=0.5, training=False) is x
    assert torch.equal(dropout(x, p=0.0), x)
    assert torch.equal(dropout(x, p=1.0), torch.zeros(100))


def test_a_share_outside_its_range_is_the_error_of_pytorch():
    with pytest.raises(ValueError, match="has to be between 0 and 1"):
        dropout(torch.ones(2), p=1.5)


def test_in_place_stays_in_place():
    x = torch.ones(100)
    assert dropout(x, p=0.5, inplace=True) is x
    assert set(x.tolist()) == {0.0, 2.0}


def drawn(inside):
    """Dropout drawn after one seed, as a module and as a function, in `inside` or out of it."""
    torch.manual_seed(0)
    x = torch.ones(64)
    if inside:
        with quick_dropout():
            return nn.Dropout(0.5).train()(x), nn.functional.dropout(x, 0.5)
    return nn.Dropout(0.5).train()(x), nn.functional.dropout(x, 0.5)


def test_it_takes_the_place_of_dropout_only_while_it_is_active():
    torch.manual_seed(0)
    own = [dropout(torch.ones(64), p=0.5) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(own, drawn(inside=True), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(own, drawn(inside=False), strict=True))


def test_the_dropout_of_pytorch_comes_back_after_an_error():
    before = nn.functional.dropout
    with pytest.raises(KeyError), quick_dropout():
        raise KeyError
    assert nn.functional.dropout is before


@pytest.mark.parametrize("reentrant", [True, False])
def test_activations_computed_again_in_the_backward_pass_drop_the_same(reentrant):
    x = torch.full((64,), 3.0, requires_grad=True)
    with quick_dropout():
        found = checkpoint(lambda x: nn.functional.dropout(x, 0.5) * x, x, use_reentrant=reentrant)
        found.sum().backward()
    kept = found.detach() != 0
    torch.testing.assert_close(x.grad, torch.where(kept, 2 * 2 * 3.0, 0.0))


def test_training_drops_the_quick_way_and_leaves_pytorch_as_it_was():
    before, seen = nn.functional.dropout, []

    def loss_of(model, batch):
        seen.append(nn.functional.dropout)
        return model(batch["x"]).square().mean()

    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    fit(model, [{"x": torch.ones(2, 1)}], loss_of=loss_of, optimizer=optimizer, epochs=1)
    assert seen == [dropout]
    assert nn.functional.dropout is before
