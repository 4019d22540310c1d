"""The label hash against a naive oracle."""

from __future__ import annotations

import hashlib
import struct

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from codeblock.export.labels import IGNORED, labels_hash

ROWS = st.lists(st.lists(st.one_of(st.just(IGNORED), st.integers(0, 2**31 - 1)), max_size=12), max_size=8)


def column(rows: list[list[int]]) -> pa.ListArray:
    return pa.array(rows, pa.list_(pa.int32()))


def naive(rows: list[list[int]]) -> str:
    triples = [(r, p, label) for r, row in enumerate(rows) for p, label in enumerate(row) if label != IGNORED]
    return hashlib.sha256(b"".join(struct.pack("<qqq", *triple) for triple in triples)).hexdigest()


@settings(deadline=None)
@given(ROWS, st.integers(0, 8))
def test_equals_the_naive_hash_however_rows_are_chunked(rows: list[list[int]], cut: int):
    expected = naive(rows)
    assert labels_hash([column(rows)]) == expected
    assert labels_hash([column(rows[:cut]), column([]), column(rows[cut:])]) == expected
    assert labels_hash([column([[7, 7], *rows]).slice(1)]) == expected


def test_tells_rows_positions_and_labels_apart():
    variants = [[[5], []], [[], [5]], [[IGNORED, 5], []], [[6], []]]
    assert len({labels_hash([column(rows)]) for rows in variants}) == len(variants)
