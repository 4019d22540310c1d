import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.data import rows
from codeblock.data.rows import RawRow, Unreadable, parse_row, read_rows
from codeblock.errors import DataError
from tests.data.odd import CAP, KEPT, NO_ROW, QUARANTINED, REJECTED, good

READABLE = {name: line for name, (line, _) in REJECTED.items()} | KEPT


def noisy(n: int) -> bytes:
    """A good row that does not compress away."""
    return good(n, noise=random.Random(n).getrandbits(64))


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def around(line: bytes) -> bytes:
    return b"".join(good(n) + b"\n" for n in range(5)) + line + b"\n" + b"".join(good(n) + b"\n" for n in range(5, 9))


def check_good(found: list[RawRow], at: int) -> RawRow:
    """All rows but number `at` are the good ones; return that one."""
    others = [r for r in found if r.row != at]
    assert [r.row for r in found] == list(range(10))
    assert [r.value and r.value["id"] for r in others] == [f"good-{n}" for n in range(9)]
    return found[at]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
@pytest.mark.parametrize("name", QUARANTINED)
def test_unreadable_line_between_good_ones(tmp_path: Path, name: str, suffix: str) -> None:
    line, reason = QUARANTINED[name]
    path = write(tmp_path / f"data.{suffix}", around(line))
    odd = check_good(list(read_rows(path, max_line_bytes=CAP)), 5)
    assert odd.reason == reason
    assert odd.value is None
    assert odd.detail
    assert (odd.line, odd.offset) == (6, sum(len(good(n)) + 1 for n in range(5)))
    assert odd.head == line[:200]


@pytest.mark.parametrize("name", READABLE)
def test_readable_line_between_good_ones(tmp_path: Path, name: str) -> None:
    line = READABLE[name]
    odd = check_good(list(read_rows(write(tmp_path / "data.jsonl", around(line)), max_line_bytes=CAP)), 5)
    assert odd.value == json.loads(line)
    assert odd.reason is None
    assert odd.head == b""


@pytest.mark.parametrize("name", NO_ROW)
def test_blank_line_is_no_row(tmp_path: Path, name: str) -> None:
    found = list(read_rows(write(tmp_path / "data.jsonl", around(NO_ROW[name]))))
    assert [r.value and r.value["id"] for r in found] == [f"good-{n}" for n in range(9)]
    assert [r.line for r in found] == [1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert [r.row for r in found] == list(range(9))


# lines with unbalanced brackets or quotes change where the elements of an array end
BALANCED = [
    name
    for name, (line, _) in QUARANTINED.items()
    if name not in {"truncated_object", "truncated_in_text", "truncated_in_escape", "deep_unclosed", "cut_character"}
    and name not in {"csv", "no_break_space", "form_feed"}
    and b",}" not in line
]


@pytest.mark.parametrize("chunk", [13, 1 << 18])
@pytest.mark.parametrize("name", BALANCED)
def test_unreadable_element_between_good_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, chunk: int) -> None:
    line, reason = QUARANTINED[name]
    if len(line) > 10_000:
        chunk *= 1000
    monkeypatch.setattr(rows, "_CHUNK", chunk)
    before = b"\n[ " + b" ,\n".join(good(n) for n in range(5)) + b" ,\n"
    content = before + line + b"\n,".join([b"", *(good(n) for n in range(5, 9))]) + b"]\n"
    odd = check_good(list(read_rows(write(tmp_path / "data.json", content), max_line_bytes=CAP)), 5)
    assert odd.reason == reason
    assert (odd.line, odd.offset) == (7, len(before))
    assert odd.head == line[:200]


@pytest.mark.parametrize(
    ("content", "reason", "offset"),
    [
        (b'[{"a": 1}, {"b": 2', "broken_array", 11),
        (b'[{"a": 1}, {"b": "2', "broken_array", 11),
        (b'[{"a": 1},', "broken_array", 10),
        (b'[{"a": 1},]', "not_json", 10),
        (b'[{"a": 1}] ]', "broken_array", 11),
        (b'[{"a": 1}]\n{"b": 2}', "broken_array", 11),
    ],
)
def test_damaged_array(tmp_path: Path, content: bytes, reason: str, offset: int) -> None:
    first, last = read_rows(write(tmp_path / "data.json", content))
    assert first.value == {"a": 1}
    assert (last.reason, last.offset) == (reason, offset)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", b"[]", b"[ \n ]", b"\xef\xbb\xbf[ ]\n"])
def test_no_rows(tmp_path: Path, content: bytes) -> None:
    assert list(read_rows(write(tmp_path / "data.json", content))) == []
    assert list(read_rows(write(tmp_path / "data.json.gz", content))) == []


def test_json_file_with_lines(tmp_path: Path) -> None:
    found = list(read_rows(write(tmp_path / "data.json", around(b'["not", "first"]'))))
    assert check_good(found, 5).reason == Unreadable.NOT_AN_OBJECT


def test_array_in_a_jsonl_file_is_one_bad_row(tmp_path: Path) -> None:
    (only,) = read_rows(write(tmp_path / "data.jsonl", b'[{"a": 1}]'))
    assert only.reason == Unreadable.NOT_AN_OBJECT


def test_byte_order_mark_and_missing_final_newline(tmp_path: Path) -> None:
    found = list(read_rows(write(tmp_path / "data.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}')))
    assert [(r.value, r.line, r.offset) for r in found] == [({"a": 1}, 1, 3), ({"a": 2}, 2, 13)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=6),
    st.booleans(),
    st.sampled_from([None, 1, "\t"]),
    st.integers(1, 40),
)
def test_array_splits_like_the_json_module(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, object]], ascii_only: bool, indent: int, chunk: int
) -> None:
    content = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace")
    path = write(tmp_path_factory.getbasetemp() / "array.json", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_CHUNK", chunk)
        found = list(read_rows(path))
    if any(row.reason for row in found):  # Hypothesis makes lone surrogates too; json.dumps escapes them
        assert ascii_only
        assert {row.reason for row in found} <= {None, Unreadable.LONE_SURROGATE}
    else:
        assert [row.value for row in found] == json.loads(content)
    assert len(found) == len(values)
    for row in found:
        assert row.offset is not None
        assert content[row.offset : row.offset + 1] == b"{"
        assert row.line == 1 + content.count(b"\n", 0, row.offset)


@given(st.binary(max_size=400), st.integers(1, 50), st.integers(1, 40))
def test_any_bytes_give_one_row_per_line(tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk: int, cap: int) -> None:
    content = content.removeprefix(b"PAR1").removeprefix(b"\x1f\x8b")
    path = write(tmp_path_factory.getbasetemp() / "any.jsonl", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_CHUNK", chunk)
        found = list(read_rows(path, max_line_bytes=cap))
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    expected = [line for line in lines if line.strip(b" \t\r") or len(line) > cap]
    assert len(found) == len(expected)
    for row, line in zip(found, expected, strict=True):
        assert row.offset is not None
        assert content[row.offset :].startswith(line)
        assert row.value is not None or row.head == line[:200]
        assert (row.reason == Unreadable.LINE_TOO_LONG) == (len(line) > cap)


MUTATION = st.tuples(st.integers(0, 10**6), st.binary(max_size=3))


@given(st.lists(MUTATION, min_size=1, max_size=4), st.sampled_from(sorted(KEPT)))
def test_mutated_rows_are_objects_or_reasons(mutations: list[tuple[int, bytes]], name: str) -> None:
    line = KEPT[name][:2000]
    for place, new in mutations:
        place %= len(line) + 1
        line = line[:place] + new + line[place + 1 :]
    parsed = parse_row(line)
    if isinstance(parsed, dict):
        json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()
    else:
        assert isinstance(parsed[0], Unreadable)
        assert parsed[1]


def test_start_skips_rows_but_counts_them(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", around(b"oops"))
    everything = list(read_rows(path))
    for start in range(12):
        assert list(read_rows(path, start=start)) == everything[start:]


# --- gzip


def test_truncated_gzip_keeps_what_came_before(tmp_path: Path) -> None:
    content = b"".join(noisy(n) + b"\n" for n in range(2000))
    packed = gzip.compress(content)
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    *before, last = read_rows(path)
    assert len(before) > 1000
    assert [r.value and r.value["id"] for r in before] == [f"good-{n}" for n in range(len(before))]
    assert last.reason == Unreadable.TRUNCATED_GZIP
    assert last.offset == content.index(noisy(len(before)))
    assert content[last.offset :].startswith(last.head)


@pytest.mark.parametrize(("place", "reason"), [(-8, "corrupt_gzip"), (-4, "corrupt_gzip")])
def test_wrong_checksum_or_length_at_the_end(tmp_path: Path, place: int, reason: str) -> None:
    packed = bytearray(gzip.compress(around(good(99))))
    packed[place] ^= 1
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(packed)
    *before, last = read_rows(path)
    assert len(before) == 10
    assert all(r.value for r in before)
    assert last.reason == reason


def test_damage_in_the_compressed_data(tmp_path: Path) -> None:
    content = b"".join(noisy(n) + b"\n" for n in range(20_000))
    packed = bytearray(gzip.compress(content))
    middle = len(packed) // 2
    packed[middle : middle + 64] = bytes(64)
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(packed)
    found = list(read_rows(path))
    assert found[-1].reason in (Unreadable.CORRUPT_GZIP, Unreadable.TRUNCATED_GZIP)
    whole = [r.value["id"] for r in found[:5000] if r.value]
    assert whole == [f"good-{n}" for n in range(5000)]


def test_gzip_members_and_garbage_after_them(tmp_path: Path) -> None:
    members = gzip.compress(good(0) + b"\n" + good(1)[:10]) + gzip.compress(good(1)[10:] + b"\n") + bytes(512)
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(members)
    assert [r.value and r.value["id"] for r in read_rows(path)] == ["good-0", "good-1"]
    path.write_bytes(members + b"garbage")
    *before, last = read_rows(path)
    assert [r.value and r.value["id"] for r in before] == ["good-0", "good-1"]
    assert last.reason == Unreadable.CORRUPT_GZIP


def test_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(gzip.compress(good(0)))
    assert [r.value and r.value["id"] for r in read_rows(path)] == ["good-0"]


def test_truncated_gzip_array(tmp_path: Path) -> None:
    packed = gzip.compress(b"[" + b",".join(noisy(n) for n in range(2000)) + b"]")
    path = tmp_path / "data.json.gz"
    path.write_bytes(packed[: len(packed) // 2])
    *before, last = read_rows(path)
    assert len(before) > 500
    assert all(r.value for r in before)
    assert last.reason == Unreadable.TRUNCATED_GZIP


# --- Parquet


def test_parquet_rows(tmp_path: Path) -> None:
    values = [{"id": n, "text": f"t{n}", "turns": [{"role": "user", "content": "q"}]} for n in range(500)]
    pq.write_table(pa.Table.from_pylist(values), tmp_path / "data.parquet", row_group_size=130)
    found = list(read_rows(tmp_path / "data.parquet"))
    assert [r.value for r in found] == values
    assert [(r.row, r.line, r.offset) for r in found] == [(n, None, None) for n in range(500)]
    for start in (0, 1, 129, 130, 131, 499, 500):
        assert list(read_rows(tmp_path / "data.parquet", start=start)) == found[start:]


def test_parquet_text_that_is_not_utf8(tmp_path: Path) -> None:
    binary = pa.array([b"a", b"\xff\xfe", b"c"], pa.binary())
    pq.write_table(pa.table({"text": pa.Array.from_buffers(pa.string(), 3, binary.buffers())}), tmp_path / "data.parquet")
    found = list(read_rows(tmp_path / "data.parquet"))
    assert [r.value for r in found] == [{"text": "a"}, None, {"text": "c"}]
    assert found[1].reason == Unreadable.INVALID_UTF8
    assert found[1].head == b"\xff\xfe"


def test_damaged_row_group_costs_its_rows_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"text": [f"text {n}" for n in range(300)]}), path, row_group_size=100)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)
    found = list(read_rows(path))
    assert [r.reason for r in found] == [None] * 100 + [Unreadable.CORRUPT_PARQUET] * 100 + [None] * 100
    assert [r.row for r in found] == list(range(300))


def test_not_a_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    with pytest.raises(DataError, match=r"data\.parquet is not a readable Parquet file"):
        list(read_rows(tmp_path / "data.parquet"))


def test_parquet_columns_of_one_name(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "data.parquet")
    with pytest.raises(DataError, match="more than one column named a: rename them"):
        list(read_rows(tmp_path / "data.parquet"))


def test_unknown_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"data\.csv is of no known kind: \.jsonl, \.ndjson and \.json"):
        list(read_rows(tmp_path / "data.csv"))
