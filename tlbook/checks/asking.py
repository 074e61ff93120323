"""Ask an answer first and compare later, so that it can look nothing up while it is asked.

A check calls a learner's function on all its inputs before it computes what it will compare
with: whoever reads the frames of the callers finds the inputs there, and nothing else. What comes
back is copied into plain data: no object of the learner's own takes part in a comparison.
"""

import copy
import types
from collections.abc import Iterator, Sequence

import numpy as np
import torch

SIMPLE = (bool, int, float, str, types.NoneType, types.EllipsisType)
TENSORS = (torch.Tensor, torch.nn.Parameter)
LISTED = (
    *(list, range, types.GeneratorType, map, filter, zip, enumerate),
    *(type({}.keys()), type({}.values()), type({}.items())),
)


class Replies:
    """What an answer gave for each case, in plain data.

    Looking at a reply that is an error raises it: inside a test of `tlbook.checks.judge` it then
    counts as failed, with its message shown.
    """

    def __init__(self, outcomes: Sequence[object]):
        self._outcomes = list(outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)

    def __getitem__(self, place: int) -> object:
        outcome = self._outcomes[place]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def __iter__(self) -> Iterator[object]:
        return (self[place] for place in range(len(self)))


def ask(answer: object, cases: Sequence[tuple]) -> Replies:
    """Call an answer once on a copy of each case, and keep what it gives or raises.

    Args:
        answer: The learner's function. What is no function gives only errors.
        cases: Its arguments, a tuple for each call.

    Returns:
        The replies in the order of the cases, each as `bare` makes it.

    Example:
        >>> replies = ask(lambda one, other: one / other, [(6, 3), (1, 0)])
        >>> replies[0]
        2.0
        >>> replies[1]
        Traceback (most recent call last):
        ZeroDivisionError: division by zero
    """
    outcomes = []
    for case in cases:
        try:
            outcomes.append(bare(answer(*copy.deepcopy(case))))
        except KeyboardInterrupt:  # the reader's own, when a function does not end
            raise
        except BaseException as error:  # noqa: BLE001 -- SystemExit must not pass for an answer
            outcomes.append(error)
    return Replies(outcomes)


def bare(value: object) -> object:
    """Copy a value into numbers, texts, lists, tuples, sets, dictionaries and numpy arrays.

    Subclasses lose what they changed, tensors become arrays, and lazy sequences lists.

    Raises:
        TypeError: If it is anything else; names the type.

    Example:
        >>> bare((np.float32(0.5), torch.ones(2, requires_grad=True), map(abs, [-1])))
        (0.5, array([1., 1.], dtype=float32), [1])
    """
    kind = type(value)
    if kind in SIMPLE:
        return value
    if kind in LISTED:
        return [bare(item) for item in value]
    if kind in (tuple, set, frozenset):
        return kind([bare(item) for item in value])
    if kind is dict:
        return {bare(key): bare(item) for key, item in value.items()}
    if kind in TENSORS:  # called on the class: an instance may carry a `detach` of its own
        found = torch.Tensor.detach(value).cpu()
        value = (found.double() if found.dtype == torch.bfloat16 else found).numpy()
    # Not asked of other objects: numpy would look for ever into one that holds itself.
    if isinstance(value, (int, float, str)) or hasattr(kind, "__array__"):
        array = np.array(np.asarray(value))  # a copy of numpy's own class, whatever came in
        if array.dtype.kind in "biufU":
            return array if array.ndim else array.item()
    raise TypeError(f"return numbers, texts, lists, arrays or tensors, not {kind.__name__}")
