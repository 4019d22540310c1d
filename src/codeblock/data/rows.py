"""Files as raw rows: bytes in, one dictionary or one named reason per row out.

Nothing a file holds raises an exception here: a row that cannot be read comes out with a reason, and the next row follows. What a
row is depends on the file:

- **JSON Lines** (``.jsonl``, ``.ndjson``, ``.json``; also gzipped): one line, ended by LF; CRLF is accepted. Lines of white space
  are not rows: they count as lines, not as rows. A byte order mark at the start of the file is skipped.
- **JSON array** (``.json`` whose first character is ``[``; also gzipped): one element of the array. It is split as a stream, so
  the file may be larger than memory.
- **Parquet**: one row.

Memory is bounded by the longest row allowed, not by the file.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from codeblock.errors import DataError

MAX_DEPTH = 200
"""Brackets that a row may nest."""

MAX_DIGITS = 400
"""Length of a number; a float has at most 17 significant digits, and 10**400 is beyond its range."""

HEAD_BYTES = 200
"""How many bytes of an unreadable row are kept."""

_CHUNK = 1 << 18
_PARQUET_BATCH = 64
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_STRUCTURE = re.compile(rb'["\[\]{},]')
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LINE_SUFFIXES = (".jsonl", ".ndjson", ".json")


class Unreadable(StrEnum):
    """Why a row is quarantined: it could not be read at all."""

    INVALID_UTF8 = "invalid_utf8"  # its bytes are not UTF-8
    LINE_TOO_LONG = "line_too_long"  # longer than `max_line_bytes`
    NESTED_TOO_DEEP = "nested_too_deep"  # more than `MAX_DEPTH` brackets deep
    NOT_JSON = "not_json"  # a syntax error
    NOT_AN_OBJECT = "not_an_object"  # JSON, but an array, a string, a number, true, false or null
    DUPLICATE_KEY = "duplicate_key"  # an object names a key twice: which one is meant?
    NOT_A_NUMBER = "not_a_number"  # NaN or Infinity, which JSON does not have
    HUGE_NUMBER = "huge_number"  # more than `MAX_DIGITS` digits, or beyond the range of a float
    LONE_SURROGATE = "lone_surrogate"  # half of a \ud83d\ude00 pair: text that has no UTF-8 form
    TRUNCATED_GZIP = "truncated_gzip"  # the compressed file ends early; stands for the rest of the file
    CORRUPT_GZIP = "corrupt_gzip"  # the compressed file is damaged; stands for the rest of the file
    BROKEN_ARRAY = "broken_array"  # the array does not end, or text follows it; stands for the rest of the file
    CORRUPT_PARQUET = "corrupt_parquet"  # the row group cannot be decoded; each of its rows gets this reason


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row of a file: a value, or the reason why there is none.

    Attributes:
        row: number in the file, from 0.
        line: line in the file on which it begins, from 1; None for Parquet.
        offset: of its first byte in the (uncompressed) file; None for Parquet.
        value: the row, or None.
        reason: why `value` is None.
        detail: the reason in words, with the place.
        head: the first `HEAD_BYTES` bytes of an unreadable row.
    """

    row: int
    line: int | None
    offset: int | None
    value: dict[str, Any] | None
    reason: Unreadable | None = None
    detail: str = ""
    head: bytes = b""


def is_readable(path: Path) -> bool:
    """Whether the name of a file is that of a kind that `read_rows` knows."""
    return path.suffix == ".parquet" or _suffix(path) in _LINE_SUFFIXES


def _suffix(path: Path) -> str:
    """The ending of a file's name, before that of its compression."""
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def read_rows(path: Path, *, start: int = 0, max_line_bytes: int = 8 << 20) -> Iterator[RawRow]:
    """Yield the rows of a file from number `start` on. Earlier rows are split off, but not parsed.

    Raises:
        DataError: the file cannot be opened, is of no known kind, or is no Parquet file in spite of its name.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic == b"PAR1" or path.suffix == ".parquet":
                yield from _read_parquet(file, path, start)
                return
            gzipped = magic[:2] == b"\x1f\x8b"
            suffix = _suffix(path)
            if suffix not in _LINE_SUFFIXES:
                raise DataError(f"{path} is of no known kind: .jsonl, .ndjson and .json (also with .gz) and .parquet can be read")
            yield from _read_json(_Chunks(file, gzipped), suffix == ".json", start, max_line_bytes)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def parse_row(raw: bytes) -> dict[str, Any] | tuple[Unreadable, str]:
    """Parse one JSON object, strictly; or say why it is not one."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return Unreadable.INVALID_UTF8, f"byte {raw[error.start]:#04x} at byte {error.start} of the row"
    if (depth := _depth(raw)) > MAX_DEPTH:
        return Unreadable.NESTED_TOO_DEEP, f"{depth} brackets deep, at most {MAX_DEPTH} are read"
    try:
        value = _DECODER.decode(text)
        if _SURROGATE.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
    except _Refused as refused:
        return refused.reason, refused.detail
    except json.JSONDecodeError as error:
        return Unreadable.NOT_JSON, f"{error.msg} at character {error.pos} of the row"
    except UnicodeEncodeError as error:
        return Unreadable.LONE_SURROGATE, f"\\u{ord(error.object[error.start]):04x} without its other half"
    if not isinstance(value, dict):
        return Unreadable.NOT_AN_OBJECT, f"a JSON {_JSON_NAMES[type(value)]}"
    return value


_JSON_NAMES = {list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


class _Refused(Exception):
    """Legal for Python's parser, but refused here. Not a ValueError: the parser would pass that on as its own."""

    def __init__(self, reason: Unreadable, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(Unreadable.DUPLICATE_KEY, f"key {twice[:80]!r} occurs {names.count(twice)} times")
    return value


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Refused(Unreadable.HUGE_NUMBER, f"a number of {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits) if len(digits) <= MAX_DIGITS else float("inf")
    if value in (float("inf"), float("-inf")):
        raise _Refused(Unreadable.HUGE_NUMBER, f"{digits[:40]} is beyond the range of a float")
    return value


def _constant(name: str) -> Any:
    raise _Refused(Unreadable.NOT_A_NUMBER, f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_constant)


def _depth(raw: bytes) -> int:
    """How deep the brackets outside strings nest; an upper bound where that is cheaper and small enough."""
    bound = raw.count(b"[") + raw.count(b"{")
    if bound <= MAX_DEPTH:
        return bound
    depth = deepest = 0
    for bracket in re.findall(rb"[\[\]{}]", _STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class _Chunks:
    """The uncompressed bytes of a file, in pieces; `damage` says why they ended before the file did."""

    def __init__(self, file: BinaryIO, gzipped: bool) -> None:
        self._file = file
        self._gzipped = gzipped
        self.damage: tuple[Unreadable, str] | None = None

    def __iter__(self) -> Iterator[bytes]:
        if not self._gzipped:
            while chunk := self._file.read(_CHUNK):
                yield chunk
            return
        try:
            with gzip.GzipFile(fileobj=self._file) as stream:
                # read1 hands out what was decompressed before the damage; read would keep it
                while chunk := stream.read1(_CHUNK):
                    yield chunk
        except EOFError:
            self.damage = Unreadable.TRUNCATED_GZIP, "the compressed file ends early; what follows is lost"
        except (gzip.BadGzipFile, zlib.error) as error:
            self.damage = Unreadable.CORRUPT_GZIP, f"{error}; what follows is lost"


@dataclass(slots=True)
class _Piece:
    """A line, or an element of an array, before it is parsed."""

    line: int
    offset: int
    content: bytes  # at least its head, when something is wrong with it
    wrong: tuple[Unreadable, str] | None = None


def _read_json(chunks: _Chunks, may_be_array: bool, start: int, cap: int) -> Iterator[RawRow]:
    """Rows of a JSON Lines file or a JSON array."""
    stream = iter(chunks)
    first = next(stream, b"")
    while not first.strip(_BOM + _SPACE) and (more := next(stream, b"")):
        first += more
    skipped = len(_BOM) if first.startswith(_BOM) else 0
    pending = _rejoin(first[skipped:], stream)
    is_array = may_be_array and first[skipped:].lstrip(_SPACE)[:1] == b"["
    pieces = _split_array(chunks, pending, skipped, cap) if is_array else _split_lines(chunks, pending, skipped, cap)
    for row, piece in enumerate(pieces):
        if row < start:
            continue
        parsed = piece.wrong or parse_row(piece.content)
        if isinstance(parsed, dict):
            yield RawRow(row, piece.line, piece.offset, parsed)
        else:
            yield RawRow(row, piece.line, piece.offset, None, parsed[0], parsed[1], piece.content[:HEAD_BYTES])


def _rejoin(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _split_lines(chunks: _Chunks, stream: Iterator[bytes], offset: int, cap: int) -> Iterator[_Piece]:
    """Lines that hold more than white space. A line beyond `cap` is passed over without being held in memory."""
    line = 1
    parts: list[bytes] = []  # of the line that has begun
    size = 0  # of that line so far
    for chunk in stream:
        begin = 0
        while (end := chunk.find(b"\n", begin)) >= 0:
            if parts:
                piece = _line(line, offset, parts, chunk[begin:end], size + end - begin, cap)
            else:
                piece = _line(line, offset, parts, chunk[begin:end], end - begin, cap)
            if piece:
                yield piece
            offset += size + end - begin + 1
            line += 1
            parts, size, begin = [], 0, end + 1
        if begin < len(chunk):
            if size <= max(cap, HEAD_BYTES):
                parts.append(chunk[begin:])
            size += len(chunk) - begin
    if chunks.damage:
        yield _Piece(line, offset, b"".join(parts)[:HEAD_BYTES], chunks.damage)
    elif piece := _line(line, offset, parts, b"", size, cap):
        yield piece


def _line(line: int, offset: int, parts: list[bytes], last: bytes, size: int, cap: int) -> _Piece | None:
    """A line of `size` bytes, of which `parts` and `last` are known; None when it is blank."""
    content = b"".join((*parts, last)) if parts else last
    if size > cap:
        return _Piece(line, offset, content[:HEAD_BYTES], (Unreadable.LINE_TOO_LONG, f"{size} bytes, at most {cap} are read"))
    return _Piece(line, offset, content) if content.strip(_SPACE) else None


def _split_array(chunks: _Chunks, stream: Iterator[bytes], offset: int, cap: int) -> Iterator[_Piece]:
    """Elements of the array, which begins in the first chunk. Only strings and brackets are looked at; parsing comes later."""
    buffer = next(stream)
    opening = buffer.index(b"[") + 1
    line = 1 + buffer.count(b"\n", 0, opening)
    offset += opening
    buffer = buffer[opening:]  # the element that has begun, and what follows it
    position = depth = elements = dropped = 0  # dropped: bytes of an element beyond the cap, no longer in the buffer
    newlines = 0  # in those
    head = b""
    in_string = False

    def element(end: int) -> _Piece:
        piece = _trimmed(line, offset, head + buffer[:end])
        size = dropped + end if dropped else len(piece.content)
        if size > cap:
            piece.content = piece.content[:HEAD_BYTES]
            piece.wrong = Unreadable.LINE_TOO_LONG, f"{size} bytes, at most {cap} are read"
        elif not size:
            piece.wrong = Unreadable.NOT_JSON, "an empty element"
        return piece

    while True:
        if in_string:
            match = _STRING_REST.match(buffer, position)
            position = match.end() if match else position
            if position < len(buffer) and buffer[position] == 0x22:
                in_string = False
                position += 1
                continue
        elif match := _STRUCTURE.search(buffer, position):
            position = match.end()
            mark = match.group()
            if mark == b'"':
                in_string = True
            elif mark in b"[{":
                depth += 1
            elif depth and mark in b"]}":
                depth -= 1
            elif depth == 0:
                end = position - 1
                last = mark in b"]}"
                if not last or elements or dropped or buffer[:end].strip(_SPACE):
                    yield element(end)
                    elements += 1
                line += newlines + buffer.count(b"\n", 0, position)
                offset += dropped + position
                buffer = buffer[position:]
                position = dropped = newlines = 0
                head = b""
                if last:
                    break
            continue
        else:
            position = len(buffer)
        chunk = next(stream, b"")
        if not chunk:
            piece = _trimmed(line, offset, head + buffer)
            piece.wrong = chunks.damage or (Unreadable.BROKEN_ARRAY, "the file ends inside the array")
            yield piece
            return
        if not dropped:
            space = len(buffer) - len(buffer.lstrip(_SPACE))
            line += buffer.count(b"\n", 0, space)
            offset += space
            buffer, position = buffer[space:], position - space
        if dropped + len(buffer) > cap:
            head = (head + buffer[:position])[:HEAD_BYTES]
            newlines += buffer.count(b"\n", 0, position)
            dropped += position
            buffer, position = buffer[position:], 0
        buffer += chunk
    while not buffer.strip(_SPACE) and (chunk := next(stream, b"")):
        line += buffer.count(b"\n")
        offset += len(buffer)
        buffer = chunk
    if buffer.strip(_SPACE) or chunks.damage:
        piece = _trimmed(line, offset, buffer)
        piece.wrong = chunks.damage or (Unreadable.BROKEN_ARRAY, "text follows the end of the array")
        yield piece


def _trimmed(line: int, offset: int, content: bytes) -> _Piece:
    """A piece without the white space around it."""
    begin = len(content) - len(content.lstrip(_SPACE))
    return _Piece(line + content.count(b"\n", 0, begin), offset + begin, content.strip(_SPACE))


def _read_parquet(file: BinaryIO, path: Path, start: int) -> Iterator[RawRow]:
    """Rows of a Parquet file, one batch in memory at a time."""
    try:
        parquet = pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} is not a readable Parquet file: {error}") from error
    names = parquet.schema_arrow.names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path} has more than one column named {', '.join(twice)}: rename them")
    begin = 0
    for group in range(parquet.num_row_groups):
        end = begin + parquet.metadata.row_group(group).num_rows
        if end > start:
            yield from (row for row in _read_row_group(parquet, group, begin, end) if row.row >= start)
        begin = end


def _read_row_group(parquet: pq.ParquetFile, group: int, begin: int, end: int) -> Iterator[RawRow]:
    row = begin
    try:
        for batch in parquet.iter_batches(_PARQUET_BATCH, row_groups=[group]):
            for index in range(batch.num_rows):
                try:
                    value = batch.slice(index, 1).to_pylist()[0]
                except UnicodeDecodeError as error:
                    yield RawRow(row, None, None, None, Unreadable.INVALID_UTF8, str(error), error.object[:HEAD_BYTES])
                else:
                    yield RawRow(row, None, None, value)
                row += 1
    except (OSError, pa.ArrowException) as error:
        for lost in range(row, end):
            yield RawRow(lost, None, None, None, Unreadable.CORRUPT_PARQUET, str(error)[:HEAD_BYTES])
