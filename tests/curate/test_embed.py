import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codeblock.curate.embed import EMBEDDERS, find_embedder, load_vectors
from codeblock.errors import MissingExtraError, UsageError
from tests.curate.programs import programs

CODE = programs(120)
PROSE = [f"The weather in month {n} of that year was mild, and the harvest of the villages plentiful." for n in range(40)]


@pytest.mark.parametrize("name", EMBEDDERS)
def test_vectors_tell_code_from_prose_and_depend_on_their_text_alone(name: str) -> None:
    embedder = find_embedder(name)
    embedder.setup(lambda: CODE + PROSE)
    vectors = embedder.embed([*CODE, *PROSE, ""])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors[:-1], axis=1), 1, atol=1e-5)
    assert not vectors[-1].any()
    similar = vectors @ vectors.T
    assert similar[120:160, 120:160].mean() > similar[:120, 120:160].mean() + 0.2
    alone = np.concatenate([embedder.embed([text]) for text in CODE[:5]])
    np.testing.assert_array_equal(alone, vectors[:5])
    assert embedder.embed([]).shape == (0, vectors.shape[1])


def test_tfidf_learns_from_the_sample_alone_whatever_it_embeds_later() -> None:
    one, other = find_embedder("tfidf"), find_embedder("tfidf")
    one.setup(lambda: CODE)
    other.setup(lambda: CODE)
    other.embed(PROSE)
    np.testing.assert_array_equal(one.embed(CODE[:3]), other.embed(CODE[:3]))
    assert one.fingerprint() == other.fingerprint()


def test_wordllama_asks_no_network() -> None:
    code = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from codeblock.curate.embed import find_embedder\n"
        "embedder = find_embedder('wordllama'); embedder.setup(list)\n"
        "import sys; print(embedder.embed(['def f(): pass']).shape, 'torch' in sys.modules, 'wordllama' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 256) False False"


def test_what_is_no_embedder() -> None:
    with pytest.raises(UsageError, match=r"unknown embedder 'tf-idf'; did you mean 'tfidf'\?"):
        find_embedder("tf-idf")
    with pytest.raises(MissingExtraError, match="needs sentence-transformers, which is not installed"):
        find_embedder("sentence-transformers:some/model")


def test_vectors_of_ones_own(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 4), dtype=np.float16))
    assert load_vectors(tmp_path / "a.npy", 3).shape == (3, 4)
    with pytest.raises(UsageError, match=r"hold float16 of shape \(3, 4\): floating-point numbers of shape \(5, D\) are needed"):
        load_vectors(tmp_path / "a.npy", 5)
    (tmp_path / "b.npy").write_bytes(b"no array")
    with pytest.raises(UsageError, match="cannot read embeddings"):
        load_vectors(tmp_path / "b.npy", 5)
    np.save(tmp_path / "c.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(UsageError, match="cannot read embeddings"):
        load_vectors(tmp_path / "c.npy", 1)
