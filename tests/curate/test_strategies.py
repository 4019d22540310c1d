import numpy as np
import pytest

from codeblock.config import CurateSettings
from codeblock.curate.strategies import SAMPLE_STRATEGIES, Pool


def settings(**values: object) -> CurateSettings:
    return CurateSettings.model_validate({"samples": 1, **values})


def pool(count: int = 60, seed: int = 0) -> Pool:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, 16)).astype(np.float32)
    quality = random.integers(0, 4, (count, 2)).astype(float)
    quality[::7] = np.nan
    return Pool(
        tuple(sorted(random.bytes(16) for _ in range(count))),
        quality,
        np.where(np.isnan(quality), -1, quality).astype(np.int64),
        random.integers(10, 1000, count),
        random.random(count),
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        np.where(random.random(count) < 0.1, np.nan, random.random(count) * 1.5),
    )


@pytest.mark.parametrize("name", SAMPLE_STRATEGIES)
@pytest.mark.parametrize("extra", [{}, {"order": "weighted"}, {"clam": "density"}, {"clusters": 3}])
def test_every_strategy_orders_all_samples_the_same_way_each_time(name: str, extra: dict) -> None:
    given = pool()
    order = SAMPLE_STRATEGIES[name].order(given, settings(**extra))
    assert sorted(order.tolist()) == list(range(60))
    assert (order == SAMPLE_STRATEGIES[name].order(given, settings(**extra))).all()


def keys(name: str, given: Pool, **extra: object) -> np.ndarray:
    return SAMPLE_STRATEGIES[name].order(given, settings(**extra))


def test_codeblock_is_quality_classes_then_scarcity() -> None:
    given = pool()
    order = keys("codeblock", given)
    ranked = [(*given.classes[n].tolist(), given.scarcity[n]) for n in order]
    assert ranked == sorted(ranked, reverse=True)


def test_the_weighted_order_is_a_sum() -> None:
    given = pool()
    assert (keys("codeblock", given, order="weighted", quality_weight=0.0) == keys("scarcity", given)).all()
    order = keys("codeblock", given, order="weighted", quality_weight=0.25)
    scaled = (given.classes + 1) / (given.classes.max(axis=0) + 1)
    total = 0.25 * scaled.mean(axis=1) + 0.75 * given.scarcity
    assert (np.diff(total[order]) <= 1e-12).all()


def test_baselines_are_what_they_say() -> None:
    given = pool()
    assert (np.diff(given.length[keys("longest", given)]) <= 0).all()
    assert (np.diff(given.scarcity[keys("scarcity", given)]) <= 0).all()
    first = given.quality[keys("quality", given), 0]
    known = ~np.isnan(first)
    assert (np.diff(first[known]) <= 0).all()
    assert not known[np.flatnonzero(known).max() + 1 :].any(), "missing is last"
    ds2 = keys("ds2-order", given)
    ranked = [(given.classes[n, 0], given.scarcity[n]) for n in ds2]
    assert ranked == sorted(ranked, reverse=True)


def test_ifd_takes_the_hardest_that_the_instruction_helps_with() -> None:
    given = pool()
    hardness = given.difficulty[keys("ifd", given)]
    helped = int((given.difficulty < 1).sum())
    assert (hardness[:helped] < 1).all()
    assert (np.diff(hardness[:helped]) <= 0).all()
    assert not (hardness[helped:] < 1).any()
    assert np.isnan(hardness[-int(np.isnan(given.difficulty).sum()) :]).all()


def test_random_depends_on_seed_and_content_alone() -> None:
    given = pool()
    one = keys("random", given, sample_seed=1)
    assert (one != keys("random", given, sample_seed=2)).any()
    fewer = Pool(*(getattr(given, name)[:30] for name in Pool.__slots__))
    assert [n for n in one.tolist() if n < 30] == keys("random", fewer, sample_seed=1).tolist()


def test_clam_takes_every_cluster_in_proportion() -> None:
    random = np.random.default_rng(0)
    centres = np.eye(3, 12)
    sizes = (60, 30, 10)
    vectors = np.concatenate([c + 0.02 * random.normal(size=(n, 12)) for c, n in zip(centres, sizes, strict=True)]).astype(
        np.float32
    )
    given = pool(100)
    given = Pool(given.hashes, given.quality, given.classes, given.length, given.scarcity, vectors, given.difficulty)
    for how in ("diversity", "density"):
        taken = keys("clam", given, clusters=3, clam=how)[:50]
        assert np.histogram(taken, [0, 60, 90, 100])[0].tolist() == [30, 15, 5], how
