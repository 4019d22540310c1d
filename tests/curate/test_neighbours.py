import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.curate import neighbours
from codeblock.curate.neighbours import exact_neighbours, inverted_lists, listed_neighbours, recall
from codeblock.curate.scarcity import scarcity


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(count: int, seed: int = 0, dimensions: int = 16, spread: float = 0.5) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(max(1, count // 50), dimensions))
    return unit(centres[random.integers(0, len(centres), count)] + spread * random.normal(size=(count, dimensions)))


def naive(vectors: np.ndarray, k: int) -> np.ndarray:
    """[N, k] similarities to the nearest others, the readable way."""
    best = np.full((len(vectors), k), np.nan)
    for number, vector in enumerate(vectors):
        others = np.delete(vectors, number, axis=0)
        found = np.sort(others @ vector)[::-1][:k]
        best[number, : len(found)] = found
    return best


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 1000))
def test_exact_neighbours_are_those_of_the_definition(count: int, k: int, seed: int) -> None:
    vectors = clustered(count, seed)
    found, similar = exact_neighbours(vectors, np.arange(count), k)
    np.testing.assert_allclose(similar, naive(vectors, k), atol=1e-5)
    for number in range(count):
        mine = found[number][found[number] >= 0]
        assert number not in mine
        assert len(set(mine.tolist())) == len(mine) == min(k, count - 1)
        np.testing.assert_allclose(vectors[mine] @ vectors[number], similar[number][: len(mine)], atol=1e-5)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(500)
    found, similar = exact_neighbours(vectors, np.arange(500), 10)
    monkeypatch.setattr(neighbours, "_QUERIES", 64)
    monkeypatch.setattr(neighbours, "_BASE", 33)
    again, alike = exact_neighbours(vectors, np.arange(500), 10)
    np.testing.assert_allclose(similar, alike, atol=1e-6)
    assert (found == again).mean() > 0.99  # but for ties in the last bit
    parts = [exact_neighbours(vectors, np.arange(begin, begin + 125), 10)[0] for begin in range(0, 500, 125)]
    assert (np.concatenate(parts) == found).mean() > 0.99


def test_equal_vectors_are_neighbours_in_their_order() -> None:
    vectors = np.tile(unit(np.ones((1, 4))), (6, 1))
    found, similar = exact_neighbours(vectors, np.arange(6), 3)
    assert found[0].tolist() == [1, 2, 3]
    assert found[4].tolist() == [0, 1, 2]
    np.testing.assert_allclose(similar, 1, atol=1e-6)


def test_inverted_lists_find_nearly_all_neighbours_and_none_too_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_CELL", 100)
    random = np.random.default_rng(1)
    vectors = np.concatenate([clustered(6000), unit(random.normal(size=(50, 16)))])
    lists = inverted_lists(vectors)
    assert np.array_equal(np.sort(np.concatenate(lists.members)), np.arange(len(vectors)))
    found, similar = listed_neighbours(vectors, lists, np.arange(len(vectors)), 10, probes=15)
    assert recall(vectors, np.arange(len(vectors)), similar, 10) > 0.97
    assert recall(vectors, np.arange(6000, 6050), similar[6000:], 10) > 0.8
    assert (similar <= naive(vectors, 10) + 1e-5).all()
    assert all(len(set(row)) == 10 and n not in row for n, row in enumerate(found.tolist()))
    again, _ = listed_neighbours(vectors, lists, np.arange(len(vectors))[::-1], 10, probes=15)
    assert (again[::-1] == found).mean() > 0.99  # but for ties in the last bit


def test_all_cells_are_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_CELL", 40)
    vectors = clustered(300)
    _, similar = listed_neighbours(vectors, inverted_lists(vectors), np.arange(300), 10, probes=99)
    np.testing.assert_allclose(similar, naive(vectors, 10), atol=1e-5)


def test_recall_counts_what_is_missing() -> None:
    vectors = clustered(100)
    queries = np.arange(100)
    _, similar = exact_neighbours(vectors, queries, 10)
    assert recall(vectors, queries, similar, 10) == 1
    similar[:, 5:] = -1
    assert recall(vectors, queries, similar, 10) == 0.5
    few = vectors[:4]
    _, similar = exact_neighbours(few, np.arange(4), 10)
    assert recall(few, np.arange(4), similar, 10) == 1


def test_scarcity_is_the_scaled_mean_distance() -> None:
    similar = np.array([[0.9, 0.7], [0.5, 0.1], [1.0, 1.0]], dtype=np.float32)
    assert scarcity(similar).tolist() == pytest.approx([0.2 / 0.7, 1.0, 0.0], abs=1e-6)
    assert scarcity(np.full((3, 2), 0.5, dtype=np.float32)).tolist() == [0, 0, 0]
    assert scarcity(np.array([[0.9, np.nan], [0.4, np.nan]], dtype=np.float32)).tolist() == [0, 1]
    assert scarcity(np.zeros((0, 10), dtype=np.float32)).tolist() == []
