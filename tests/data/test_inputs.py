import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from codeblock.data.inputs import Input, expand, fetch
from codeblock.errors import DataError


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    for name in ("a/x.jsonl", "a/deep/y.json.gz", "a/README.md", "a/z.parquet", "b/x.jsonl", "c/only.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def found(pool: Path, *names: str) -> list[tuple[str, str]]:
    return [(str(one.path.relative_to(pool)), one.source) for one in expand([str(pool / name) for name in names], pool / "hub")]


def test_directories_and_globs_become_their_files_by_name(pool: Path) -> None:
    assert found(pool, "a") == [("a/deep/y.json.gz", "a"), ("a/x.jsonl", "a"), ("a/z.parquet", "a")]
    assert found(pool, "*/x.jsonl") == [("a/x.jsonl", "x.jsonl"), ("b/x.jsonl", "x.jsonl")]
    assert found(pool, "**/*.gz") == [("a/deep/y.json.gz", "*.gz")]


def test_sources_are_the_shortest_distinct_ends(pool: Path) -> None:
    assert found(pool, "a/x.jsonl", "b/x.jsonl", "a/z.parquet") == [
        ("a/x.jsonl", "a/x.jsonl"),
        ("b/x.jsonl", "b/x.jsonl"),
        ("a/z.parquet", "z.parquet"),
    ]


def test_relative_globs(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pool / "c")
    assert expand(["../a/*.jsonl"], pool) == [Input(Path("../a/x.jsonl"), "*.jsonl")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c", "directory .*c holds no .jsonl, .ndjson, .json"),
        ("*.csv", "no file of a known kind matches .*csv"),
        ("nosuch.jsonl", r"nosuch.jsonl does not exist$"),
    ],
)
def test_what_is_not_there(pool: Path, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        found(pool, name)


def test_hub_ids_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def load_dataset(name: str, split: str) -> SimpleNamespace:
        asked.append((name, split))
        table = pa.table({"prompt": ["p"], "completion": ["c"]})
        return SimpleNamespace(to_parquet=lambda file: pq.write_table(table, file))

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset, __spec__=object()))
    files = expand(["some-org/data.set", "some-org/data.set:train[:10%]"], tmp_path / "hub")
    assert [file.path.name for file in files] == ["some-org--data.set--train.parquet", "some-org--data.set--train__10__.parquet"]
    assert asked == []
    fetch(files)
    fetch(files)
    assert asked == [("some-org/data.set", "train"), ("some-org/data.set", "train[:10%]")]
    assert pq.read_table(files[0].path).to_pylist() == [{"prompt": "p", "completion": "c"}]


def test_a_hub_that_gives_nothing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str, split: str) -> None:
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset, __spec__=object()))
    with pytest.raises(DataError, match="org/name is no file or directory, and the Hub does not give it: no network"):
        fetch(expand(["org/name"], tmp_path / "hub"))
    assert not (tmp_path / "hub").exists()
