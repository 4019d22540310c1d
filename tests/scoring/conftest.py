from pathlib import Path

import pytest

from tests.scoring.build import tiny, tokenizer


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with its tokenizer."""
    path = tmp_path_factory.mktemp("models") / "tiny-llama"
    tiny("llama", vocab_size=512).save_pretrained(path)
    tokenizer().save_pretrained(path)
    return path
