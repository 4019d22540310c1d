"""`codeblock explain` over a real artefact of a tiny model, and over files."""

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path
from unittest import mock

import pyarrow.parquet as pq
import pytest

from codeblock.cli import main

ANSWER = "Take it:\n\n```python\ndef add(a, b):\n    return a + b\n```\n"


def explain(*args: object, code: int = 0) -> str:
    """What the command prints; on failure, its message."""
    out, messages = io.StringIO(), io.StringIO()
    with (
        pytest.raises(SystemExit) as ended,
        mock.patch.object(sys, "argv", ["codeblock", "explain", *map(str, args)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(messages),
    ):
        main()
    assert (ended.value.code or 0) == code, messages.getvalue()
    return messages.getvalue() if code else out.getvalue()


@pytest.fixture(scope="module")
def artefact(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explain")
    rows = [{"id": name, "prompt": f"Add {name}.", "completion": ANSWER.replace("add", name)} for name in ("one", "two", "3")]
    rows.insert(1, {"id": "none", "prompt": "?", "completion": ""})
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    argv = ["codeblock", "select", str(root / "rows.jsonl"), "--model", str(tiny_model), "--out", str(root / "run")]
    with pytest.raises(SystemExit) as ended, mock.patch.object(sys, "argv", [*argv, "--shard-rows", "2", "--budget", "0.9"]):
        main()
    assert not ended.value.code
    return root / "run"


def test_a_sample_is_found_by_its_id_or_else_by_its_place(artefact: Path) -> None:
    assert json.loads(explain(artefact, "--id", "two", "--json"))["row"] == 2
    assert json.loads(explain(artefact, "--id", "2", "--json"))["id"] == "two"
    assert json.loads(explain(artefact, "--id", "3", "--json"))["row"] == 3, "an id that is a number is an id first"


def test_json_is_the_annotation_with_the_conversation(artefact: Path) -> None:
    found = json.loads(explain(artefact, "--id", "two", "--json"))
    (stored,) = (row for p in artefact.glob("annotations/*") for row in pq.read_table(p).to_pylist() if row["id"] == "two")
    assert {key: found[key] for key in stored} == stored
    assert [m["role"] for m in found["messages"]] == ["user", "assistant"]
    assert found["messages"][1]["content"] == ANSWER.replace("add", "two")
    assert [item["verdict"] in ("chosen", "required", "budget") for item in found["items"]] == [True, True]


def test_a_sample_in_the_terminal(artefact: Path) -> None:
    shown = explain(artefact, "--id", "two", "--width", 120)
    assert "two  (rows.jsonl, row 2)" in shown
    assert "def two(a, b):" in shown
    assert "return a + b" in shown
    assert "dropped: empty_response" in explain(artefact, "--id", "none")


def test_samples_that_are_not_there(artefact: Path, tmp_path: Path) -> None:
    assert "no sample has the id 'tow'; did you mean 'two'? (places are 0 to 3)" in explain(artefact, "--id", "tow", code=2)
    assert "say which sample with --id" in explain(artefact, code=2)
    assert "holds no annotations" in explain(tmp_path, "--id", "0", code=1)
    assert f"{tmp_path / 'nosuch'} does not exist" in explain(tmp_path / "nosuch", "--id", "0", code=2)


def test_damaged_artefacts(artefact: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(artefact, tmp_path / "broken"))
    shutil.rmtree(broken / "stages")
    assert "run the command that made it again" in explain(broken, "--id", "0", code=1)
    (broken / "annotations" / "train-00000.parquet").write_bytes(b"no Parquet")
    assert "run the command that made it again" in explain(broken, "--id", "0", code=1)


def test_a_source_file_needs_no_model(tmp_path: Path) -> None:
    path = tmp_path / "add.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\ny = x\n")
    found = json.loads(explain(path, "--json"))
    assert [item["node"] for item in found["items"]] == ["expression_statement"] * 2, "a byte order mark is no code"
    assert [(e["source"], e["target"], e["variable"]) for e in found["edges"]] == [(0, 1, "x")]
    assert "y = x" in explain(path)
    path.write_bytes(b"\xff")
    assert f"{path} is not UTF-8: byte 0 is 0xff" in explain(path, code=2)
    assert "--id chooses a sample of a directory" in explain(path, "--id", "0", code=2)
    path.rename(tmp_path / "add.xyz")
    assert ".xyz" in explain(tmp_path / "add.xyz", code=2)
