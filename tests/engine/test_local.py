import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from codeblock.config import ReadSettings
from codeblock.data.read import read
from codeblock.engine.local import run_stage
from codeblock.errors import CodeblockError, StoreError
from codeblock.store import read_table
from tests.engine.toys import Toy, tree, write_samples


def table(out: Path) -> pa.Table:
    return pa.concat_tables([read_table(path) for path in sorted(out.glob("part-*.parquet"))])


def test_one_shard_for_each_shard(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, {3: "reject", 20: "reject"})
    report = run_stage(Toy(), [samples], tmp_path / "toy")
    assert (report.name, report.rows, report.kept, report.rejected) == ("toy", 40, 38, {"asked_for": 2})
    assert (report.shards_done, report.shards_skipped) == (3, 0)
    assert [len(read_table(tmp_path / "toy" / f"part-{i:05d}.parquet")) for i in range(3)] == [16, 16, 8]
    result = table(tmp_path / "toy")
    assert result.schema.equals(Toy().schema)
    assert result["id"].to_pylist() == [f"row-{n}" for n in range(40)]
    assert [n for n, reason in enumerate(result["reason"].to_pylist()) if reason] == [3, 20]
    again = run_stage(Toy(), [samples], tmp_path / "toy")
    assert (again.shards_done, again.shards_skipped, again.kept) == (0, 3, 38)


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, {3: "reject"})
    run_stage(Toy(), [samples], tmp_path / "one")
    expected = tree(tmp_path / "one")
    for workers in (2, 8):
        run_stage(Toy(), [samples], tmp_path / f"{workers}", workers=workers)
        assert tree(tmp_path / f"{workers}") == expected
    run_stage(Toy(), [samples], tmp_path / "guarded", row_seconds=10)
    assert tree(tmp_path / "guarded") == expected


def test_a_dropped_row_is_passed_on_and_not_shown(tmp_path: Path) -> None:
    lines = [{"id": f"r{n}", "prompt": "q", "completion": "" if n % 3 == 1 else f"a{n}"} for n in range(10)]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, lines)))
    read([tmp_path / "data.jsonl"], ReadSettings.model_validate({"shard_rows": 4}), tmp_path / "samples")
    report = run_stage(Toy(), [tmp_path / "samples"], tmp_path / "toy")
    assert (report.rows, report.kept, report.rejected) == (7, 7, {})
    rows = table(tmp_path / "toy").to_pylist()
    assert [row["id"] for row in rows] == [f"r{n}" for n in range(10)]
    assert [row["reason"] for row in rows] == ["empty_response" if n % 3 == 1 else None for n in range(10)]
    assert [row["digest"] is None for row in rows] == [n % 3 == 1 for n in range(10)]


def test_shard_without_a_living_row(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, dict.fromkeys(range(16), "reject"))
    run_stage(Toy(), [samples], tmp_path / "first")
    report = run_stage(Toy(column="second"), [samples, tmp_path / "first"], tmp_path / "second", row_seconds=10)
    assert (report.rows, report.kept, report.rejected) == (24, 24, {})
    assert table(tmp_path / "second")["reason"].to_pylist() == ["asked_for"] * 16 + [None] * 24


def test_inputs_side_by_side(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, {5: "reject"})
    run_stage(Toy(), [samples], tmp_path / "first")
    seen: list[pa.Table] = []

    class Both(Toy):
        def __call__(self, batch: pa.Table) -> pa.Table:
            seen.append(batch)
            return super().__call__(batch)

    report = run_stage(Both(column="second"), [samples, tmp_path / "first"], tmp_path / "second")
    assert (report.rows, report.kept) == (39, 39)
    assert seen[0].column_names == ["id", "reason", "messages", "source", "row", "offset", "extra", "digest"]
    assert seen[0]["id"].to_pylist() == [f"row-{n}" for n in range(16) if n != 5]
    assert seen[0]["digest"].null_count == 0
    assert table(tmp_path / "second")["reason"].to_pylist()[5] == "asked_for"


def test_inputs_that_do_not_belong_together(tmp_path: Path) -> None:
    first, second = write_samples(tmp_path / "a"), write_samples(tmp_path / "b", count=30)
    run_stage(Toy(), [second], tmp_path / "toy")
    with pytest.raises(StoreError, match=r"needs equally many shards of each input, but there are .*a/samples: 3, .*toy: 2$"):
        run_stage(Toy(column="x"), [first, tmp_path / "toy"], tmp_path / "out")
    with pytest.raises(StoreError, match=r"needs equally many shards of each input, but there are .*absent: 0$"):
        run_stage(Toy(), [tmp_path / "absent"], tmp_path / "out")
    other = write_samples(tmp_path / "c", count=33)
    run_stage(Toy(), [write_samples(tmp_path / "d", count=40)], tmp_path / "forty")
    with pytest.raises(StoreError, match="shard 2 of the inputs does not hold the same rows"):
        run_stage(Toy(column="x"), [other, tmp_path / "forty"], tmp_path / "out")
    with pytest.raises(StoreError, match="two inputs have a column messages"):
        run_stage(Toy(), [first, write_samples(tmp_path / "e")], tmp_path / "out")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", ["part-00001.parquet", "done-00001.json"])
@pytest.mark.parametrize("damage", [flip_a_bit, truncate, Path.unlink])
def test_exactly_the_damaged_shard_is_made_again(tmp_path: Path, damage: Callable[[Path], None], name: str) -> None:
    samples = write_samples(tmp_path)
    run_stage(Toy(), [samples], tmp_path / "toy")
    expected = tree(tmp_path / "toy")
    path = tmp_path / "toy" / name
    if name.endswith(".json") and damage is truncate:
        path.write_bytes(path.read_bytes()[:-3])  # the last byte is only a new line
    else:
        damage(path)
    report = run_stage(Toy(), [samples], tmp_path / "toy")
    assert (report.shards_done, report.shards_skipped) == (1, 2)
    assert tree(tmp_path / "toy") == expected


def test_other_fingerprint_redoes_all(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    run_stage(Toy(), [samples], tmp_path / "toy")
    assert run_stage(Toy(version=2), [samples], tmp_path / "toy").shards_done == 3


def test_changed_shard_redoes_that_shard(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, {20: "first"})
    run_stage(Toy(), [samples], tmp_path / "toy")
    write_samples(tmp_path, {20: "other"})  # as long as before, so that no offset changes
    report = run_stage(Toy(), [samples], tmp_path / "toy")
    assert (report.shards_done, report.shards_skipped) == (1, 2)


def test_fewer_shards_leave_none_behind(tmp_path: Path) -> None:
    run_stage(Toy(), [write_samples(tmp_path)], tmp_path / "toy")
    report = run_stage(Toy(), [write_samples(tmp_path, count=20)], tmp_path / "toy")
    assert (report.rows, report.shards_done) == (20, 1)
    assert sorted(tree(tmp_path / "toy")) == ["done-00000.json", "done-00001.json", "part-00000.parquet", "part-00001.parquet"]


def test_damaged_input_is_refused(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    flip_a_bit(samples / "part-00001.parquet")
    with pytest.raises(StoreError, match=r"shard 1 of .*samples is damaged: run the command that made it again$"):
        run_stage(Toy(), [samples], tmp_path / "toy")


def test_stage_is_set_up_once_and_only_when_needed(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    for workers in (1, 2):
        pids = tmp_path / f"pids-{workers}"
        stage = Toy(pids=pids)
        run_stage(stage, [samples], tmp_path / f"{workers}", workers=workers)
        before = pids.read_text()
        run_stage(stage, [samples], tmp_path / f"{workers}", workers=workers)
        assert pids.read_text() == before
        assert before.count("call") == 3
        assert 1 <= before.count("setup") <= workers


def test_stage_that_loses_a_row_is_refused(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    with pytest.raises(StoreError, match="stage toy must return the rows it gets: 16 entered shard 0, 15 left"):
        run_stage(Toy(broken="drops a row"), [samples], tmp_path / "toy")
    assert not list((tmp_path / "toy").glob("*"))


def test_failing_stage_stops_the_run(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, {20: "raise"})
    with pytest.raises(IndexError, match="no such item"):
        run_stage(Toy(), [samples], tmp_path / "here")
    with pytest.raises(CodeblockError, match=r"(?s)stage toy failed: .*IndexError: no such item"):
        run_stage(Toy(), [samples], tmp_path / "there", workers=2)


def test_progress(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    run_stage(Toy(), [samples], tmp_path / "toy")
    (tmp_path / "toy" / "done-00001.json").unlink()
    calls: list[tuple[int, int | None]] = []
    run_stage(Toy(), [samples], tmp_path / "toy", progress=lambda done, total: calls.append((done, total)))
    assert calls == [(24, 40), (40, 40)]
