"""What a notebook asks first: the profile, the seed, the device, and what pays here."""

import json
import os
import random
import threading
import time

import numpy as np
import pytest
import torch

from tests.hub_on_localhost import python
from tlbook import runtime


@pytest.fixture(autouse=True)
def own_threads(monkeypatch):
    """Ask for no number of threads, and give the process its own settings back afterwards."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    runtime._probed.cache_clear()
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(before)
    torch.use_deterministic_algorithms(strict, warn_only=True)
    runtime._probed.cache_clear()


def known(monkeypatch, *, bfloat16, threads=1):
    """Leave the result of a probe of this machine on disk."""
    path = runtime.cache_folder() / "probe.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {runtime._machine(): {"bfloat16": bfloat16, "threads": threads}}
    path.write_text(json.dumps(found))


def test_the_pocket_profile_is_the_default():
    assert runtime.start()[0] == "pocket"


def test_the_profile_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("TLBOOK_PROFILE", "hub")
    assert runtime.start()[0] == "hub"


def test_an_unknown_profile_is_an_error_that_names_the_known_ones(monkeypatch):
    monkeypatch.setenv("TLBOOK_PROFILE", "pockt")
    with pytest.raises(ValueError, match="TLBOOK_PROFILE must be pocket or hub, got 'pockt'"):
        runtime.start()


def test_the_same_seed_draws_the_same_numbers_everywhere():
    drawn = []
    for _ in range(2):
        runtime.seed_all(5)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))  # noqa: NPY002
    assert drawn[0] == drawn[1]


def test_threads_add_up_a_gradient_in_the_same_order_every_time(monkeypatch):
    known(monkeypatch, bfloat16=False, threads=2)
    monkeypatch.setenv("TLBOOK_DEVICE", "cpu")
    runtime.start()
    assert torch.get_num_threads() == 2
    rows, places = torch.randn(16, 32), torch.randint(16, (20_000,))
    factors = torch.randn(20_000, 32)

    def gradient():
        weight = rows.clone().requires_grad_()
        (weight[places] * factors).sum().backward()
        return weight.grad

    first = gradient()
    assert all(torch.equal(gradient(), first) for _ in range(20))


def test_the_cpu_can_be_insisted_on(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runtime.device() == torch.device("cuda")
    monkeypatch.setenv("TLBOOK_DEVICE", "cpu")
    assert runtime.device() == torch.device("cpu")


def test_an_unknown_device_is_an_error(monkeypatch):
    monkeypatch.setenv("TLBOOK_DEVICE", "tpu")
    with pytest.raises(ValueError, match="TLBOOK_DEVICE must be cpu, cuda or mps, got 'tpu'"):
        runtime.device()


def test_a_device_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("TLBOOK_DEVICE", "cuda")
    with pytest.raises(ValueError, match="TLBOOK_DEVICE is cuda, but torch .* sees none here"):
        runtime.start()


def test_a_probe_takes_less_than_half_a_second_of_work(monkeypatch):
    begun = time.process_time()
    runtime.probe()
    assert time.process_time() - begun < 0.5


def test_where_bfloat16_is_emulated_the_probe_is_as_quick_and_says_no(monkeypatch):
    asked = []

    def emulated(kind, *, rows):
        asked.append((kind, rows))
        return 1.0 if kind is torch.float32 else 40.0

    monkeypatch.setattr(runtime, "_seconds_of", emulated)
    assert not runtime.probe().bfloat16
    assert {rows for _, rows in asked} == {8}, "the large product is not tried"


@pytest.mark.parametrize(("faster", "pays"), [(2.0, True), (1.1, False)])
def test_bfloat16_is_used_only_where_it_is_clearly_faster(monkeypatch, faster, pays):
    seconds = {torch.float32: faster, torch.bfloat16: 1.0}
    monkeypatch.setattr(runtime, "_seconds_of", lambda kind, *, rows: seconds[kind])
    assert runtime.probe().bfloat16 is pays


def test_a_machine_is_probed_once(monkeypatch):
    found = runtime.probe()
    runtime._probed.cache_clear()  # as in a new process
    monkeypatch.setattr(runtime, "_bfloat16_pays", lambda: pytest.fail("probed again"))
    assert runtime.probe() == found


def test_another_machine_with_the_same_home_is_probed_too(monkeypatch):
    known(monkeypatch, bfloat16=True)
    monkeypatch.setattr(runtime, "_machine", lambda: "another processor")
    monkeypatch.setattr(runtime, "_bfloat16_pays", lambda: False)
    assert not runtime.probe().bfloat16
    assert len(json.loads((runtime.cache_folder() / "probe.json").read_text())) == 2


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"x": 1}', "null"])
def test_a_damaged_cache_of_the_probe_is_made_anew(content):
    path = runtime.cache_folder() / "probe.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert runtime.probe().threads >= 1
    assert runtime._machine() in json.loads(path.read_text())


def test_a_cache_that_cannot_be_written_to_does_not_stop_a_lesson(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path / "file" / "below"))  # also root cannot
    assert runtime.start()[0] == "pocket"


def test_threads_asked_for_are_obeyed(monkeypatch):
    known(monkeypatch, bfloat16=False, threads=2)
    assert runtime.probe().threads == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    runtime.start()
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("bfloat16", [True, False])
def test_precision_follows_the_probe_on_a_cpu(monkeypatch, bfloat16):
    known(monkeypatch, bfloat16=bfloat16)
    wanted = torch.bfloat16 if bfloat16 else torch.float32
    assert runtime.precision(torch.device("cpu")) is wanted


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_products_run_in_the_precision_asked_for(monkeypatch, name):
    monkeypatch.setenv("TLBOOK_PRECISION", name)
    with runtime.autocast(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is getattr(torch, name)


def test_an_unknown_precision_is_an_error(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "int8")
    with pytest.raises(ValueError, match="must be float32 or bfloat16, got 'int8'"):
        runtime.precision()


def test_an_empty_variable_counts_as_none(monkeypatch):
    for name in ("TLBOOK_PROFILE", "TLBOOK_DEVICE", "TLBOOK_CACHE", "TLBOOK_PRECISION"):
        monkeypatch.setenv(name, "")
    assert runtime.start()[0] == "pocket"
    assert runtime.cache_folder().is_absolute()


def test_the_clock_starts_again_with_each_lesson():
    runtime.start()
    first = runtime.seconds()
    time.sleep(0.02)
    assert runtime.seconds() - first >= 0.02
    runtime.start()
    assert runtime.seconds() < first + 0.02


def test_peak_memory_covers_what_was_held():
    before = runtime.peak_mib()
    held = bytearray(b"x") * (8 * 2**20)
    assert runtime.peak_mib() >= max(before, len(held) / 2**20)


def test_versions_name_what_decides_a_result():
    told = runtime.versions()
    assert f"torch {torch.__version__}" in told
    assert told.startswith("python 3.")


def test_what_is_drawn_undisturbed_is_drawn_again():
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002

    runtime.seed_all(3)
    with runtime.undisturbed():
        first = draw()
        runtime.seed_all(4)
    assert draw() == first


def test_generators_are_put_back_after_an_exception_too():
    def draw_and_fail():
        with runtime.undisturbed():
            first.append(torch.rand(()))
            raise KeyError

    first = []
    runtime.seed_all(3)
    with pytest.raises(KeyError):
        draw_and_fail()
    assert torch.rand(()) == first[0]


def test_bars_are_hidden_in_one_thread_and_shown_in_the_others(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    found = {}

    def look():
        found["there"] = runtime.progress_bar([1], shown=True).disable

    with runtime.without_bars():
        found["here"] = runtime.progress_bar([1], shown=True).disable
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    found["after"] = runtime.progress_bar([1], shown=True).disable
    assert found == {"here": True, "there": False, "after": False}


@pytest.mark.slow
def test_bars_are_hidden_by_the_caller_or_the_environment(monkeypatch):
    assert runtime.progress_bar([1], shown=False).disable
    code = "from tlbook import runtime; print(runtime.progress_bar([1], shown=True).disable)"
    assert python(code, "http://127.0.0.1:9", os.devnull, TQDM_DISABLE="1") == "True\n"
