"""The main job from end to end, on a tiny model."""

import contextlib
import errno
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from unittest import mock

import pyarrow.parquet as pq
import pytest

from codeblock.cli import main
from codeblock.engine import pipeline
from codeblock.errors import DiskFullError
from codeblock.export.labels import label_columns, labels_hash
from codeblock.schemas import list_values

PROGRAM = '''def total_{n}(values, limit={n}):
    """Sum the values below a limit."""
    result = 0
    for value in values:
        if value < limit:
            result += value  # keep it
    return result
'''


def rows(count: int) -> list[dict]:
    good = [
        {
            "id": f"r{n}",
            "prompt": f"Write total_{n}.",
            "completion": f"Here it is:\n\n```python\n{PROGRAM.format(n=n)}```\nIt sums.",
        }
        for n in range(count)
    ]
    return good


def write(path: Path, lines: list[dict | str]) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def codeblock(*args: object, code: int = 0) -> str:
    """Run a command in this process; return what it wrote to stderr."""
    messages = io.StringIO()
    with (
        pytest.raises(SystemExit) as ended,
        mock.patch.object(sys, "argv", ["codeblock", *map(str, args)]),
        contextlib.redirect_stderr(messages),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        main()
    assert (ended.value.code or 0) == code, messages.getvalue()
    return messages.getvalue()


def tree(root: Path) -> dict[str, str]:
    """Content hashes of a run directory, without the lock."""
    files = (p for p in sorted(root.rglob("*")) if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(root)): sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bad: list[dict | str] = [
        {"id": "r1", "prompt": "again", "completion": "a = 1"},
        {"id": "empty", "prompt": "nothing", "completion": ""},
        "{broken",
        {"id": "long", "prompt": "much", "completion": "x = 1\n" * 2000},
        {"id": "prose", "prompt": "say", "completion": "There is no code here, merely words about programming."},
    ]
    return write(tmp_path_factory.mktemp("data") / "pairs.jsonl", [*rows(20), *bad])


@pytest.fixture(scope="module")
def finished(data: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    codeblock("select", data, "--model", tiny_model, "--out", out, "--shard-rows", 8)
    return out


def manifest(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text())


def test_every_row_is_accounted_for(finished: Path) -> None:
    counts = manifest(finished)["counts"]
    assert counts["rows_in"] == 25
    assert counts["quarantined"] == {"not_json": 1}
    assert counts["rejected"] == {"duplicate_id": 1, "empty_response": 1, "longer_than_context": 1}
    assert counts["kept"] == 21
    assert counts["rows_in"] == counts["kept"] + sum(counts["rejected"].values()) + sum(counts["quarantined"].values())


def test_the_artefact_is_what_the_manifest_says(finished: Path) -> None:
    facts = manifest(finished)
    shards = sorted((finished / "data").glob("*.parquet"))
    assert [str(p.relative_to(finished)) for p in shards] == [p for p in facts["files"] if p.startswith("data/")]
    assert labels_hash(label_columns(shards)) == facts["labels_sha256"]
    supervised, longest = 0, 0
    for path in shards:
        table = pq.read_table(path)
        assert table.schema.names == ["input_ids", "attention_mask", "labels"]
        assert table.schema.metadata is None
        for row in table.to_pylist():
            assert len(row["input_ids"]) == len(row["labels"]) == len(row["attention_mask"])
            assert row["labels"][0] == -100
            assert all(label in (-100, token) for label, token in zip(row["labels"], row["input_ids"], strict=True))
            supervised += sum(label != -100 for label in row["labels"])
            longest = max(longest, len(row["labels"]))
    assert supervised == facts["supervised_tokens"] + facts["end_of_turn_rows"]
    assert longest == facts["max_length"]
    assert facts["supervised_tokens"] <= 0.4 * facts["pool_response_tokens"]
    assert facts["supervised_ratio_pool"] == pytest.approx(facts["supervised_tokens"] / facts["pool_response_tokens"], abs=1e-6)


def test_supervised_tokens_are_those_that_the_annotations_name(finished: Path) -> None:
    notes = [row for p in sorted((finished / "annotations").glob("*")) for row in pq.read_table(p).to_pylist()]
    kept = [row for row in notes if row["reason"] is None]
    trained = [row for p in sorted((finished / "data").glob("*")) for row in pq.read_table(p).to_pylist()]
    assert len(notes) == 24, "rejected rows are annotated with their reason"
    assert len(kept) == len(trained) == 21
    for note, row in zip(kept, trained, strict=True):
        wanted = {p for p, s in zip(note["position"], note["supervised"], strict=True) if s}
        found = {n for n, label in enumerate(row["labels"]) if label != -100}
        assert wanted <= found
        assert len(found - wanted) == note["end_of_turn"]
        for number, item in enumerate(note["items"]):
            assert item["verdict"] in ("chosen", "required", "budget", "nothing", "words", "damaged"), number


def test_the_same_command_again_redoes_nothing(finished: Path, data: Path, tiny_model: Path) -> None:
    before = tree(finished)
    again = codeblock("select", data, "--model", tiny_model, "--out", finished, "--shard-rows", 8)
    assert tree(finished) == before
    assert again.count("4 of 4 shards were there already") == 4


def test_reuse_selects_again_without_the_model(finished: Path, data: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "less"
    codeblock("select", "--reuse", finished, "--budget", 0.1, "--out", out)
    less, more = manifest(out), manifest(finished)
    assert 0 < less["supervised_tokens"] <= 0.1 * less["pool_response_tokens"]
    assert less["supervised_tokens"] < more["supervised_tokens"]
    assert less["scores"] == more["scores"]
    fresh = tmp_path / "fresh"
    codeblock("select", data, "--model", tiny_model, "--out", fresh, "--shard-rows", 8, "--budget", 0.1)
    assert manifest(fresh)["labels_sha256"] == less["labels_sha256"]
    codeblock("select", "--reuse", out, "--budget", 0.4)
    assert manifest(out)["labels_sha256"] == more["labels_sha256"]


@pytest.mark.parametrize("stage", ["samples", "analysis", "scores"])
def test_reuse_refuses_stages_that_were_not_made_together(stage: str, finished: Path, data: Path, tmp_path: Path) -> None:
    mixed = Path(shutil.copytree(finished, tmp_path / "mixed"))
    done = mixed / "stages" / stage / "done-00001.json"
    done.write_text(done.read_text().replace('"key": "', '"key": "0'))  # as a killed run with other settings leaves it
    for out in (mixed, tmp_path / "out"):
        refused = codeblock("select", "--reuse", mixed, "--out", out, code=1)
        assert f"the stages in {mixed} are not those that were scored together" in refused
        assert (out / "manifest.json").exists() == (out == mixed)


@pytest.mark.parametrize("stage", ["samples", "analysis", "scores"])
def test_reuse_refuses_damaged_stages(stage: str, finished: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(finished, tmp_path / "damaged"))
    part = damaged / "stages" / stage / "part-00002.parquet"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    refused = codeblock("select", "--reuse", damaged, "--budget", 0.2, code=1)
    assert f"shard 2 of {part.parent} is damaged" in refused


@pytest.mark.parametrize("content", ["", "[]", "{}", None])
def test_reuse_needs_finished_scores(content: str | None, finished: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(finished, tmp_path / "broken"))
    scored = broken / "stages" / "scored.json"
    scored.unlink() if content is None else scored.write_text(content)
    refused = codeblock("select", "--reuse", broken, code=1)
    assert ("holds no finished scores" if content is None else f"cannot read {scored}") in refused


def test_reuse_without_links_copies(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    codeblock("select", "--reuse", finished, "--out", tmp_path / "copy")
    assert manifest(tmp_path / "copy")["labels_sha256"] == manifest(finished)["labels_sha256"]
    assert tree(tmp_path / "copy" / "stages" / "scores") == tree(finished / "stages" / "scores")

    def full(path: Path, content: bytes) -> None:
        raise DiskFullError(f"no space left to write {path}")

    monkeypatch.setattr(pipeline, "write_bytes_atomic", full)
    codeblock("select", "--reuse", finished, "--out", tmp_path / "full", code=74)
    assert not (tmp_path / "full" / "stages" / "scored.json").exists()


def test_a_call_that_cannot_succeed_changes_nothing(finished: Path, data: Path, tiny_model: Path, tmp_path: Path) -> None:
    before = tree(finished)
    for code, *wrong in (
        (1, "nosuch.jsonl", "--model", tiny_model),
        (1, data, "--model", tmp_path / "nosuch"),
        (1, data, "--model", tiny_model, "--device", "nosuch"),
        (2, data, data, "--model", tiny_model),
        (2, data, "--model", tiny_model, "--format", "nosuch"),
        (2, data, "--model", tiny_model, "--strategy", "nosuch"),
    ):
        codeblock("select", *wrong, "--out", finished, code=code)
        assert tree(finished) == before, wrong


def test_a_finished_result_is_replaced_only_when_told_to(finished: Path, data: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    before = tree(out)
    other = write(tmp_path / "other.jsonl", rows(3))
    command = "--model", tiny_model, "--out", out, "--shard-rows", 8
    for wrong, said in (
        ((other, *command), "whose data is ['pairs.jsonl'], not ['other.jsonl']"),
        ((data, *command, "--limit", 5), "whose limit is None, not 5"),
        ((data, *command, "--max-length", 40), "whose scoring max_length is None, not 40"),
    ):
        refused = codeblock("select", *wrong, code=2)
        assert f"{out} holds the result of another run, {said}: choose another --out, or replace it with --overwrite" in refused
        assert tree(out) == before
    changed = write(tmp_path / "pairs.jsonl", rows(3))
    assert "whose data pairs.jsonl is '" in codeblock("select", changed, *command, code=2)
    codeblock("select", data, *command, "--budget", 0.2)  # the same scores
    codeblock("select", other, *command, "--overwrite")
    assert manifest(out)["counts"]["kept"] == 3
    refused = codeblock("select", "--reuse", finished, "--out", out, code=2)
    assert f"{out} holds other scores than {finished}: choose another --out, or replace it with --overwrite" in refused
    codeblock("select", "--reuse", finished, "--out", out, "--overwrite")
    assert manifest(out)["labels_sha256"] == manifest(finished)["labels_sha256"]


def test_a_budget_for_nothing_is_an_error(finished: Path, tmp_path: Path) -> None:
    refused = codeblock("select", "--reuse", finished, "--budget", 1e-9, "--out", tmp_path / "none", code=1)
    assert "no row has a supervised token under a budget of 1e-09" in refused
    assert not (tmp_path / "none" / "manifest.json").exists()
    before = tree(finished)
    codeblock("select", "--reuse", finished, "--budget", 1e-9, code=1)
    assert tree(finished) == before, "what was there is as it was"
    each = "--budget", 1.5, "--scope", "sample", "--prose-fraction", 0, "--out", tmp_path / "few"
    refused = codeblock("select", "--reuse", finished, *each, code=1)
    assert "none of 25 rows has a supervised token under a budget of 1.5: no_supervised_token 2" in refused


def test_a_directory_of_something_else_is_left_alone(finished: Path, data: Path, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train-99999.parquet").write_bytes(b"mine")
    for command in ((data, "--model", tiny_model), ("--reuse", finished)):
        refused = codeblock("select", *command, "--out", tmp_path, code=2)
        assert f"{tmp_path} is not empty and holds no earlier run: choose another --out" in refused
    assert (tmp_path / "data" / "train-99999.parquet").read_bytes() == b"mine"


def test_a_length_beyond_the_models_context_changes_nothing(finished: Path, data: Path, tiny_model: Path, tmp_path: Path) -> None:
    codeblock("select", data, "--model", tiny_model, "--out", tmp_path / "long", "--max-length", 100_000)
    assert manifest(tmp_path / "long")["counts"] == manifest(finished)["counts"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_in_a_sentence(
    number: signal.Signals, code: int, finished: Path, data: Path, tiny_model: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "codeblock", "select", str(data), "--model", str(tiny_model), "--out", str(tmp_path / "run")]
    command += ["--shard-rows", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "run").glob("stages/samples/done-*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    out, messages = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    assert f"stopped by {number.name}; the same command goes on" in " ".join(messages.split())
    assert "Traceback" not in messages
    assert not list(tmp_path.rglob("*.tmp-*"))
    subprocess.run(command, check=True, capture_output=True)
    assert manifest(tmp_path / "run")["labels_sha256"] == manifest(finished)["labels_sha256"]


def test_reuse_refuses_another_model_or_other_data(finished: Path) -> None:
    refused = codeblock("select", "--reuse", finished, "--model", "other", code=2)
    assert "where model is " in refused
    assert "not 'other': leave it out, or run without --reuse" in refused
    codeblock("select", "other.jsonl", "--reuse", finished, code=2)


def test_a_budget_that_leaves_nothing_to_choose_is_said_aloud(finished: Path, tmp_path: Path) -> None:
    for budget, enough in ((1.0, True), (0.2, False)):
        summary = codeblock("select", "--reuse", finished, "--budget", budget, "--out", tmp_path / str(budget))
        verdicts = manifest(tmp_path / str(budget))["items_by_verdict"]
        line = " ".join(next(line for line in summary.splitlines() if line.startswith("code items")).split())
        assert f"{verdicts['chosen']} chosen, {verdicts.get('required', 0)} required" in line
        assert ("all fit the budget" in line) == enough == ("budget" not in verdicts)


def test_supervised_tokens_are_told_by_part(finished: Path, tmp_path: Path) -> None:
    summary = codeblock("select", "--reuse", finished, "--strategy", "full", "--out", tmp_path / "full")
    facts, parts = manifest(tmp_path / "full"), manifest(tmp_path / "full")["supervised_tokens_by_part"]
    assert sum(parts.values()) == facts["supervised_tokens"]
    assert min(parts.values()) > 0
    assert f"code {parts['code']:,}, comments {parts['comments']:,}, prose {parts['prose']:,}" in " ".join(summary.split())


def test_full_supervises_every_response_token(finished: Path, tmp_path: Path) -> None:
    codeblock("select", "--reuse", finished, "--strategy", "full", "--out", tmp_path / "full")
    facts = manifest(tmp_path / "full")
    assert facts["supervised_tokens"] == facts["response_tokens"] == facts["pool_response_tokens"]


def test_token_cleaning_compares_with_the_scores_of_another_model(
    finished: Path, data: Path, tiny_model: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.lm_head.weight.data *= 20  # as sure of itself as a tuned one
    shutil.copytree(tiny_model, tmp_path / "tuned")
    model.save_pretrained(tmp_path / "tuned")
    reference, out = tmp_path / "reference", tmp_path / "out"
    codeblock("select", data, "--model", tmp_path / "tuned", "--out", reference, "--shard-rows", 8)
    cleaned = "--reuse", finished, "--out", out, "--strategy", "token-cleaning", "--budget", 0.6
    assert "name that run with --reference" in codeblock("select", *cleaned, code=2)
    codeblock("select", *cleaned, "--reference", reference)

    base, tuned = (nll_by_row(directory) for directory in (finished, reference))
    chosen = [excess for excess, supervised in excess_of(out, base, tuned) if supervised]
    others = [excess for excess, supervised in excess_of(out, base, tuned) if not supervised]
    assert min(chosen) >= max(others)
    assert manifest(out)["supervised_ratio_pool"] == pytest.approx(0.6, abs=0.01)

    write(tmp_path / "other.jsonl", [*rows(3)])
    codeblock("select", tmp_path / "other.jsonl", "--model", tiny_model, "--out", tmp_path / "few")
    assert "no scores of the same rows" in codeblock("select", *cleaned, "--reference", tmp_path / "few", code=1)
    assert "has no use for --reference" in codeblock(
        "select", "--reuse", finished, "--out", out, "--reference", reference, code=2
    )


def nll_by_row(directory: Path) -> dict[str, list[float]]:
    shards = sorted((directory / "stages" / "scores").glob("*.parquet"))
    return {row["id"]: row["nll"] for shard in shards for row in pq.read_table(shard).to_pylist() if row["reason"] is None}


def excess_of(out: Path, base: dict[str, list[float]], tuned: dict[str, list[float]]) -> list[tuple[float, bool]]:
    """Per response token of the pool, its loss under one model minus that under the other, and whether it is supervised."""
    pairs: list[tuple[float, bool]] = []
    for shard in sorted((out / "annotations").glob("*.parquet")):
        for row in pq.read_table(shard).to_pylist():
            if row["supervised"] is not None:
                losses = zip(base[row["id"]], tuned[row["id"]], row["supervised"], strict=True)
                pairs += [(one - other, supervised) for one, other, supervised in losses]
    return pairs


def test_rows_without_a_supervised_token_are_dropped_and_counted(finished: Path, tmp_path: Path) -> None:
    codeblock("select", "--reuse", finished, "--budget", 30, "--out", tmp_path / "few")
    facts = manifest(tmp_path / "few")
    dropped = facts["counts"]["rejected"]["no_supervised_token"]
    assert dropped > 0
    assert facts["rows"] == facts["counts"]["kept"] == 21 - dropped
    assert facts["response_tokens"] < facts["pool_response_tokens"]
    total = sum(list_values(c)[1].size for p in (tmp_path / "few" / "data").glob("*") for c in label_columns([p]))
    assert total > 0


def test_a_recipe_gives_the_same_result_as_flags(finished: Path, tmp_path: Path) -> None:
    recipe = (finished / "recipe.yaml").read_text().replace(f"out: {finished}", f"out: {tmp_path / 'again'}")
    (tmp_path / "recipe.yaml").write_text(recipe)
    codeblock("run", tmp_path / "recipe.yaml")
    assert manifest(tmp_path / "again")["labels_sha256"] == manifest(finished)["labels_sha256"]


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_at_any_moment_the_same_command_gives_the_same_bytes(
    kills: int, data: Path, tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "codeblock",
        "select",
        str(data),
        "--model",
        str(tiny_model),
        "--out",
        str(out),
        "--shard-rows",
        "4",
    ]
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    whole = time.monotonic() - started
    expected = tree(out)
    for seed in range(kills):
        for path in sorted(out.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.Random(seed).uniform(0.3, 0.95) * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        finished = (out / "manifest.json").exists()
        assert not finished or tree(out) == expected
        subprocess.run(command, check=True, capture_output=True)
        assert tree(out) == expected


def test_two_runs_into_one_directory_refuse_each_other(finished: Path, data: Path, tiny_model: Path) -> None:
    from codeblock.store import run_lock

    with run_lock(finished):
        refused = codeblock("select", data, "--model", tiny_model, "--out", finished, code=1)
    assert f"another run is writing into {finished}" in " ".join(refused.split("\n"))


def test_errors_say_what_to_do(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert "setting 'select.budget' is 0.0: input should be greater than 0" in codeblock(
        "select", data, "--model", tiny_model, "--out", out, "--budget", 0, code=2
    )  # fmt: skip
    assert "did you mean 'codeblock'?" in codeblock(
        "select", data, "--model", tiny_model, "--out", out, "--strategy", "codeblok", code=2
    )  # fmt: skip
    missing = codeblock("select", data, "--model", tmp_path / "nowhere", "--out", out, code=1)
    assert "nowhere" in missing
    assert "missing setting 'score': say which model scores the tokens with --model" in codeblock(
        "select", data, "--out", out, code=2
    )
    write(tmp_path / "odd.jsonl", [{"alpha": 1, "beta": 2}] * 3)
    odd = codeblock("select", tmp_path / "odd.jsonl", "--model", tiny_model, "--out", out, code=1)
    assert "alpha" in odd
    assert "messages" in odd
    (tmp_path / "recipe.yaml").write_text("data: [x]\nout: y\nscore: {model: m}\nselect: {budgte: 1}\n")
    assert "unknown setting 'select.budgte'; did you mean 'budget'?" in codeblock("run", tmp_path / "recipe.yaml", code=2)


def curated(data: Path, tiny_model: Path, out: Path, *more: object, code: int = 0) -> str:
    options = (
        "--samples",
        8,
        "--near-duplicate",
        0.5,
        "--embedder",
        "tfidf",
        "--shard-rows",
        4,
        "--pool-shard-rows",
        10,
        "--workers",
        1,
    )
    return codeblock("select", data, "--model", tiny_model, "--out", out, *options, *more, code=code)


@pytest.fixture(scope="module")
def curated_run(data: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("curated") / "run"
    curated(data, tiny_model, out)
    return out


def test_select_curates_first_when_told_how_many_samples(curated_run: Path) -> None:
    facts = manifest(curated_run)
    counts = facts["counts"]
    assert counts["rows_in"] == 25 == counts["kept"] + sum(counts["rejected"].values()) + sum(counts["quarantined"].values())
    assert counts["quarantined"] == {"not_json": 1}
    # 20 programs that differ in a number are near-duplicates
    assert counts["rejected"]["near_duplicate"] == 19
    assert {"duplicate_id", "empty_response"} < counts["rejected"].keys()
    assert facts["curation"]["counts"]["kept"] == len(
        [row for p in (curated_run / "stages" / "samples").glob("*.parquet") for row in pq.read_table(p).to_pylist()]
    )
    assert facts["config"]["curate"]["samples"] == 8


def test_a_curated_run_can_be_run_again_explained_and_reused(
    curated_run: Path, data: Path, tiny_model: Path, tmp_path: Path
) -> None:
    before = tree(curated_run)
    told = curated(data, tiny_model, curated_run)
    assert tree(curated_run) == before
    assert "chosen of 25" in told
    codeblock("run", curated_run / "recipe.yaml")
    assert tree(curated_run) == before
    codeblock("curate", "--out", curated_run, "--explain", "r3")
    codeblock("explain", curated_run, "--id", 0)
    codeblock("select", "--reuse", curated_run, "--budget", 0.2, "--out", tmp_path / "reused")
    assert manifest(tmp_path / "reused")["counts"]["rows_in"] == 25
    message = codeblock("select", "--reuse", curated_run, "--samples", 3, "--out", tmp_path / "reused", code=2)
    assert "where samples is 8.0, not 3.0" in message


def test_another_curation_does_not_replace_scores_unless_told_to(curated_run: Path, data: Path, tiny_model: Path) -> None:
    before = tree(curated_run)
    assert "holds the result of `codeblock select`" in codeblock("curate", data, "--out", curated_run, "--samples", 3, code=2)
    assert "whose curate.near_duplicate is 0.5, not 1.0" in curated(data, tiny_model, curated_run, "--near-duplicate", 1, code=2)
    assert tree(curated_run) == before


def test_a_recipe_with_a_curation(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"data: [{data}]\nout: {tmp_path / 'run'}\nscore: {{model: {tiny_model}}}\nanalyze: {{workers: 1}}\n"
        "curate: {samples: 3, sample_strategy: random, near_duplicate: 1}\n"
    )
    codeblock("run", recipe)
    facts = manifest(tmp_path / "run")
    assert facts["curation"]["counts"]["kept"] == 3
    assert facts["curation"]["neighbours"] == {}
    recipe.write_text(recipe.read_text().replace("sample_strategy", "strategie"))
    assert "unknown setting 'curate.strategie'; did you mean 'sample_strategy'?" in codeblock("run", recipe, code=2)
