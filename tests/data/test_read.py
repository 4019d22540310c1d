import base64
import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from codeblock.config import ReadSettings
from codeblock.data import read as module
from codeblock.data.read import InputFile, ReadReport, read
from codeblock.errors import DataError, UnknownFormatError, UsageError
from codeblock.schemas import SAMPLES, row_to_sample
from codeblock.store import read_table
from tests.data.odd import CAP, KEPT, NO_ROW, QUARANTINED, REJECTED, good


def settings(**values: object) -> ReadSettings:
    return ReadSettings.model_validate({"shard_rows": 16, "max_line_bytes": CAP, **values})


def write(path: Path, lines: list[bytes]) -> Path:
    content = b"".join(line + b"\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def table(out: Path) -> pa.Table:
    return pa.concat_tables([read_table(path) for path in sorted(out.glob("part-*.parquet"))])


def quarantine(out: Path) -> list[dict]:
    return [json.loads(line) for path in sorted(out.glob("quarantine-*.jsonl")) for line in path.read_text().splitlines()]


def tree(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def account(report: ReadReport) -> None:
    stage = report.stage
    assert stage.rows == stage.kept + stage.rejected.total() + stage.quarantined.total()


OUTCOMES = (
    [(name, line, "quarantined", reason) for name, (line, reason) in QUARANTINED.items()]
    + [(name, line, "rejected", reason) for name, (line, reason) in REJECTED.items()]
    + [(name, line, "kept", None) for name, line in KEPT.items()]
    + [(name, line, "no row", None) for name, line in NO_ROW.items()]
)


def test_all_odd_rows_among_good_ones(tmp_path: Path) -> None:
    """Every kind at once, the odd ones with ids of their own, between and across shards."""
    lines: list[bytes] = []
    for number, (_, line, _, _) in enumerate(OUTCOMES):
        lines += [good(2 * number), good(2 * number + 1), line.replace(b'"id": "odd"', b'"id": "odd-%d"' % number)]
    path = write(tmp_path / "data.jsonl", lines)
    report = read([path], settings(max_quarantined=1), tmp_path / "out")
    account(report)
    n = len(OUTCOMES)
    assert report.stage.rows == 3 * n - len(NO_ROW)
    assert report.stage.kept == 2 * n + len(KEPT)
    assert report.stage.quarantined == Counter(reason for _, reason in QUARANTINED.values())
    assert report.stage.rejected == Counter(reason for _, reason in REJECTED.values())

    samples = table(tmp_path / "out").to_pylist()
    kept = [row for row in samples if row["reason"] is None]
    assert [row["id"] for row in kept if row["id"].startswith("good")] == [f"good-{i}" for i in range(2 * n)]
    content = path.read_bytes()
    for row in samples:
        line = content[row["offset"] :].split(b"\n", 1)[0]
        assert json.loads(line) is not None
        assert row["source"] == "data.jsonl"
        assert (row["messages"] is None) == (row["reason"] is not None)
    for record in quarantine(tmp_path / "out"):
        assert content[record["offset"] :].startswith(base64.b64decode(record["head"]))
        assert record["line"] == 1 + content.count(b"\n", 0, record["offset"])
    assert len({r["row"] for r in samples} | {r["row"] for r in quarantine(tmp_path / "out")}) == report.stage.rows


@pytest.mark.parametrize(("name", "line", "outcome", "reason"), OUTCOMES, ids=[o[0] for o in OUTCOMES])
def test_one_odd_row_costs_no_good_one(tmp_path: Path, name: str, line: bytes, outcome: str, reason: str | None) -> None:
    path = write(tmp_path / "data.jsonl.gz", [*(good(n) for n in range(5)), line, *(good(n) for n in range(5, 9))])
    report = read([path], settings(), tmp_path / "out")
    account(report)
    expected = {
        "kept": (10, {}, {}),
        "rejected": (9, {reason: 1}, {}),
        "quarantined": (9, {}, {reason: 1}),
        "no row": (9, {}, {}),
    }[outcome]
    assert (report.stage.kept, report.stage.rejected, report.stage.quarantined) == expected
    ids = [row["id"] for row in table(tmp_path / "out").to_pylist() if row["reason"] is None]
    assert [i for i in ids if i.startswith("good")] == [f"good-{n}" for n in range(9)]


def test_shards_and_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [good(n, score=n) for n in range(40)])
    report = read([path], settings(), tmp_path / "out")
    assert [len(read_table(tmp_path / "out" / f"part-{i:05d}.parquet")) for i in range(3)] == [16, 16, 8]
    assert report.stage.shards_done == 3
    assert report.inputs == (InputFile("data.jsonl", path.stat().st_size, sha256(path.read_bytes()).hexdigest()),)
    samples = table(tmp_path / "out")
    assert samples.schema.equals(SAMPLES)
    sample = row_to_sample(samples.to_pylist()[17])
    assert (sample.id, sample.row, sample.source, sample.extra) == ("good-17", 17, "data.jsonl", '{"score": 17}')


@pytest.mark.parametrize("count", [15, 16, 17, 32])
def test_any_number_of_rows_fills_whole_shards(tmp_path: Path, count: int) -> None:
    path = write(tmp_path / "data.jsonl", [good(n) for n in range(count)])
    report = read([path], settings(), tmp_path / "out")
    assert report.stage.kept == count
    assert report.stage.shards_done == -(-count // 16)
    assert read([path], settings(), tmp_path / "out").stage.shards_skipped == -(-count // 16)


def test_files_follow_each_other_across_shards(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", [good(n) for n in range(20)])
    array = tmp_path / "b.json"
    array.write_text(json.dumps([{"instruction": "q", "output": f"a{n}"} for n in range(20)]))
    parquet = tmp_path / "c.parquet"
    pq.write_table(pa.table({"query": [f"q{n}" for n in range(20)], "response": ["r"] * 20}), parquet)
    report = read([first, array, parquet], settings(), tmp_path / "out")
    assert report.stage.kept == 60
    rows = table(tmp_path / "out").to_pylist()
    assert [row["id"] for row in rows[20:22] + rows[40:42]] == ["b.json:0", "b.json:1", "c.parquet:0", "c.parquet:1"]
    assert rows[40]["offset"] is None


@pytest.mark.parametrize("damage", [[0], [1], [3], [0, 2], [1, 2, 3], [0, 1, 2, 3]])
@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "json", "parquet"])
def test_resuming_gives_the_same_bytes(tmp_path: Path, kind: str, damage: list[int]) -> None:
    values = [json.loads(good(n % 50)) for n in range(60)]  # the last ten are duplicates of the first
    path = tmp_path / f"data.{kind}"
    if kind == "json":
        path.write_text(json.dumps(values))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(values), path, row_group_size=7)
    else:
        write(path, [json.dumps(value).encode() for value in values])
    report = read([path], settings(), tmp_path / "out")
    assert report.stage.rejected == {"duplicate_id": 10}
    expected = tree(tmp_path / "out")
    for index in damage:
        (tmp_path / "out" / f"done-{index:05d}.json").unlink()
    again = read([path], settings(), tmp_path / "out")
    assert (again.stage.shards_done, again.stage.shards_skipped) == (len(damage), 4 - len(damage))
    assert again.stage.rejected == report.stage.rejected
    assert tree(tmp_path / "out") == expected


def test_nothing_is_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "data.jsonl", [good(n) for n in range(40)])
    read([path], settings(), tmp_path / "out")
    monkeypatch.setattr(module, "read_rows", lambda *_args, **_kwargs: pytest.fail("read again"))
    assert read([path], settings(), tmp_path / "out").stage.shards_skipped == 3


def test_other_settings_replace_everything(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [*(good(n) for n in range(60)), b"oops"])
    read([path], settings(shard_rows=8), tmp_path / "out")
    report = read([path], settings(shard_rows=40, limit=50), tmp_path / "out")
    assert (report.stage.rows, report.stage.shards_done) == (50, 2)
    names = {"part-00000.parquet", "part-00001.parquet", "done-00000.json", "done-00001.json"}
    assert set(tree(tmp_path / "out")) == names
    read([path], settings(shard_rows=40, limit=50), tmp_path / "fresh")
    assert tree(tmp_path / "fresh") == tree(tmp_path / "out")


@pytest.mark.parametrize("change", [{"shard_rows": 15}, {"limit": 39}, {"max_line_bytes": 9999}, {"format": "prompt-completion"}])
def test_every_setting_that_shapes_the_result_is_part_of_the_key(tmp_path: Path, change: dict) -> None:
    path = write(tmp_path / "data.jsonl", [good(n) for n in range(40)])
    read([path], settings(), tmp_path / "out")
    assert read([path], settings(**change), tmp_path / "out").stage.shards_skipped == 0


def test_the_threshold_is_not_part_of_the_key(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [good(n) for n in range(40)])
    read([path], settings(), tmp_path / "out")
    assert read([path], settings(max_quarantined=0.5), tmp_path / "out").stage.shards_skipped == 3


def test_changed_input_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [good(n) for n in range(40)])
    read([path], settings(), tmp_path / "out")
    write(path, [good(n) for n in range(39)])
    assert read([path], settings(), tmp_path / "out").stage.shards_done == 3


def test_limit_counts_unreadable_rows_and_crosses_files(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", [good(0), b"oops", good(1)])
    b = write(tmp_path / "b.jsonl", [good(n) for n in range(2, 9)])
    report = read([a, b], settings(limit=5, shard_rows=2), tmp_path / "out")
    assert (report.stage.rows, report.stage.kept, report.stage.shards_done) == (5, 4, 3)
    (tmp_path / "out" / "done-00002.json").unlink()
    again = read([a, b], settings(limit=5, shard_rows=2), tmp_path / "out")
    assert (again.stage.rows, again.stage.kept, again.stage.shards_done) == (5, 4, 1)


def test_an_id_that_was_rejected_may_come_again(tmp_path: Path) -> None:
    lines = [b'{"id": "a", "prompt": "q", "completion": ""}', b'{"id": "a", "prompt": "q", "completion": "r"}']
    report = read([write(tmp_path / "data.jsonl", lines)], settings(shard_rows=1), tmp_path / "out")
    assert (report.stage.kept, report.stage.rejected) == (1, {"empty_response": 1})


def test_too_many_unreadable_rows_stop_the_run(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [good(n) for n in range(600)] + [b"oops"] * 9 + [b"[1]"] * 2)
    message = re.escape(
        "11 of 611 rows (1.8%) cannot be read, more than the 1.0% allowed by max_quarantined: not_json 9, not_an_object 2"
    )
    for _ in range(2):
        with pytest.raises(DataError, match=f"^{message}$"):
            read([path], settings(), tmp_path / "out")
    assert read([path], settings(max_quarantined=0.02), tmp_path / "out").stage.kept == 600


def test_ten_unreadable_rows_never_stop_a_run(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [good(0)] + [b"oops"] * 10)
    assert read([path], settings(max_quarantined=0), tmp_path / "out").stage.kept == 1


def test_hopeless_file_is_given_up_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EARLY_ROWS", 32)
    path = write(tmp_path / "data.jsonl", [good(0)] + [b"oops"] * 400)
    with pytest.raises(DataError, match=r"^31 of 32 rows"):
        read([path], settings(), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf\n"])
def test_no_rows_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=r"^no rows in data\.jsonl$"):
        read([tmp_path / "data.jsonl"], settings(), tmp_path / "out")


def test_no_usable_row(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [good(n) for n in range(3)])
    with pytest.raises(DataError, match=r"^none of the 3 rows can be used: missing_field 3; see "):
        read([path], settings(format="alpaca"), tmp_path / "out")


def test_unknown_shape_names_the_file(tmp_path: Path) -> None:
    good_file = write(tmp_path / "a.jsonl", [good(0)])
    bad_file = write(tmp_path / "b.jsonl", [b'{"text": "x"}'])
    with pytest.raises(UnknownFormatError, match=r"^b\.jsonl has no known shape\. Fields found: text\."):
        read([good_file, bad_file], settings(), tmp_path / "out")


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.jsonl does not exist$"):
        read([tmp_path / "absent.jsonl"], settings(), tmp_path / "out")
    with pytest.raises(DataError, match=r" is a directory: name the files in it$"):
        read([tmp_path], settings(), tmp_path / "out")
    path = write(tmp_path / "a.jsonl", [good(0)])
    with pytest.raises(UsageError, match=r"a\.jsonl is given twice$"):
        read([path, tmp_path / "." / "a.jsonl"], settings(), tmp_path / "out")


def test_files_of_one_name_keep_apart(tmp_path: Path) -> None:
    lines = [b'{"prompt": "q", "completion": "r"}']
    paths = [write(tmp_path / folder / "train.jsonl", lines) for folder in ("python", "java")]
    report = read(paths, settings(), tmp_path / "out")
    assert [file.name for file in report.inputs] == ["python/train.jsonl", "java/train.jsonl"]
    assert table(tmp_path / "out")["id"].to_pylist() == ["python/train.jsonl:0", "java/train.jsonl:0"]


def test_progress(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [good(n) for n in range(40)])
    calls: list[tuple[int, int | None]] = []
    read([path], settings(), tmp_path / "out", progress=lambda done, total: calls.append((done, total)))
    assert calls == [(16, None), (32, None), (40, None)]


def test_set_of_ids_is_a_set() -> None:
    seen = module._Seen()
    texts = [f"id {n % 3000}" for n in range(9000)]
    assert [seen.add(text) for text in texts] == [n < 3000 for n in range(9000)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of one program")
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path) -> None:
    # not ru_maxrss: a child inherits that of the process that started it
    code = (
        "import sys; from pathlib import Path; from codeblock.config import ReadSettings; from codeblock.data.read import read; "
        "read([Path(sys.argv[1])], ReadSettings(), Path(sys.argv[2])); print(Path('/proc/self/status').read_text())"
    )
    peaks = []
    for count in (5_000, 50_000):
        path = write(tmp_path / f"{count}.jsonl", [good(n, completion="x = 1\n" * 300) for n in range(count)])
        command = [sys.executable, "-c", code, path, tmp_path / f"out-{count}"]
        status = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        peaks.append(int(status.split("VmHWM:")[1].split()[0]))
    assert peaks[1] <= 1.1 * peaks[0]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "rows"), [("leetcode/train.jsonl.gz", 1600), ("gpteacher/codegen-instruct.json", 4535)])
def test_real_data(tmp_path: Path, shared_data: Path, name: str, rows: int) -> None:
    report = read([shared_data / name], ReadSettings.model_validate({}), tmp_path / "out")
    account(report)
    assert (report.stage.rows, report.stage.quarantined) == (rows, {})
    assert report.stage.kept >= rows - 5


@pytest.mark.shared
@pytest.mark.parametrize("name", ["neetcode/articles.jsonl.gz", "exercism/go.jsonl.gz", "mceval/Python.jsonl.gz"])
def test_real_data_of_other_shapes(tmp_path: Path, shared_data: Path, name: str) -> None:
    with pytest.raises(UnknownFormatError, match=r"Fields found: \w+, "):
        read([shared_data / name], ReadSettings.model_validate({}), tmp_path / "out")
