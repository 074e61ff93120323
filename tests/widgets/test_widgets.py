"""A control redraws, and hides nothing that goes wrong."""

import ipywidgets
import pytest
from IPython.display import HTML

from tlbook.widgets import explore


def told(**settings):
    return HTML(str(settings))


def test_the_first_picture_is_drawn_at_once():
    assert explore(told, rank=[1, 2], seed=[0]).children[-1].value == "{'rank': 1, 'seed': 0}"


def test_a_moved_slider_draws_again_with_all_settings():
    box = explore(told, rank=[1, 2], seed=range(3))
    rank, seed, picture = box.children
    rank.value = 2
    assert picture.value == "{'rank': 2, 'seed': 0}"
    seed.value = 2
    assert picture.value == "{'rank': 2, 'seed': 2}"


def test_an_exception_at_the_start_comes_through():
    def broken(rank):
        raise RuntimeError("no such rank")

    with pytest.raises(RuntimeError, match="no such rank"):
        explore(broken, rank=[1])


def test_an_exception_after_a_move_comes_through():
    def draw(rank):
        if rank > 1:
            raise RuntimeError(f"rank {rank} is not drawn")
        return HTML("fine")

    box = explore(draw, rank=[1, 2])
    with pytest.raises(RuntimeError, match="rank 2 is not drawn"):
        box.children[0].value = 2


def test_pictures_are_no_output_widgets_which_swallow_errors():
    assert not any(isinstance(c, ipywidgets.Output) for c in explore(told, rank=[1]).children)


def test_a_slider_says_what_it_changes():
    box = explore(told, learning_rate=[0.1], rank=[1], captions={"rank": "rank (count)"})
    assert [slider.description for slider in box.children[:-1]] == ["learning rate", "rank (count)"]


def test_nothing_to_choose_is_an_error():
    with pytest.raises(ValueError, match="give at least one setting"):
        explore(told)
    with pytest.raises(ValueError, match="there are no values to choose for 'rank'"):
        explore(told, rank=[])
