"""An argument takes on what its copy became, as the object that it is."""

import numpy as np
import pytest
import torch

from tlbook.workbook.course.changes import restore


def test_tensors_and_arrays_change_in_place():
    tensor, array = torch.zeros(2), np.zeros(2)
    restore([tensor, array], [torch.ones(2), np.ones(2)])
    assert tensor.tolist() == array.tolist() == [1, 1]


def test_groups_change_with_what_is_in_them():
    inner, tensor = [1], torch.zeros(1)
    given = [{"a": inner, "b": (tensor, 2)}, {1}]
    restore(given, [{"a": [1, 5], "b": (torch.ones(1), 2)}, {3}])
    assert given == [{"a": [1, 5], "b": (torch.ones(1), 2)}, {3}]
    assert given[0]["a"] is inner
    assert tensor.item() == 1


def test_lists_and_dictionaries_may_grow_and_shrink():
    given = [[1, 2, 3], {"a": 1}]
    restore(given, [[1], {"a": 1, "b": 2}])
    assert given == [[1], {"a": 1, "b": 2}]


def test_a_tensor_in_a_list_may_be_replaced():
    given = [torch.zeros(2)]
    restore(given, [torch.ones(3)])
    assert given[0].tolist() == [1, 1, 1]


def test_what_did_not_change_is_not_written_to():
    tensor = torch.zeros(1).expand(3)  # writing to it would fail
    restore(tensor, torch.zeros(3))
    assert tensor.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("given", "changed", "message"),
    [
        (torch.zeros(2), torch.zeros(3), "changed the shape"),
        (torch.zeros(2), torch.zeros(2, dtype=torch.int64), "shape or the kind"),
        (torch.zeros(2), [0, 0], "a Tensor that was given is one no more"),
        (np.zeros(2), None, "a ndarray that was given is one no more"),
        ([1], (1,), "a list that was given is one no more"),
        ((1,), (1, 2), "another length"),
    ],
)
def test_what_an_object_cannot_become_is_refused(given, changed, message):
    with pytest.raises(ValueError, match=message):
        restore(given, changed)
