"""What several tests of encoders start from."""

import pytest

from tests.tiny_models import tiny_bert, tiny_tokenizer


@pytest.fixture
def folder(tmp_path):
    """A saved tiny encoder with its tokenizer."""
    tiny_bert().save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    return tmp_path
