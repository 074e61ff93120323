"""A file is there as a whole or as it was before, whatever breaks off its writing."""

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tlbook import files


def test_what_was_written_is_read_back(tmp_path):
    files.write(tmp_path / "deep" / "page.html", "old")
    files.write(tmp_path / "deep" / "page.html", "é\r\n\n")
    assert (tmp_path / "deep" / "page.html").read_bytes() == "é\r\n\n".encode()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["page.html"]
    files.write(tmp_path / "text", b"a")
    files.write_array(tmp_path / "numbers.npy", np.arange(3))
    assert (tmp_path / "text").read_bytes() == b"a"
    np.testing.assert_array_equal(np.load(tmp_path / "numbers.npy"), [0, 1, 2])


def test_weights_may_share_memory_and_come_with_a_note(tmp_path):
    whole = torch.arange(6.0).reshape(2, 3)
    weights = {"whole": whole, "turned": whole.T, "row": whole[1]}
    files.write_weights(tmp_path / "model.safetensors", weights, {"of": "a test"})
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.metadata() == {"of": "a test"}
        for name, weight in weights.items():
            assert torch.equal(file.get_tensor(name), weight)


@pytest.mark.parametrize("name", ["write", "write_array", "write_weights"])
def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, monkeypatch, name):
    def killed(*given):
        raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(files.os, "replace", killed)
    content = {"write": b"new", "write_array": np.ones(2), "write_weights": {"w": torch.ones(2)}}
    with pytest.raises(KeyboardInterrupt):
        getattr(files, name)(path, content[name])
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
