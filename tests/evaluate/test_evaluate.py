import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from codeblock.cli import app
from codeblock.errors import CodeblockError, DataError, UsageError
from codeblock.evaluate.benchmarks.registry import BENCHMARKS
from codeblock.evaluate.benchmarks.task import Task, load_tasks
from codeblock.evaluate.judge import Judged
from codeblock.evaluate.report import summarize
from codeblock.evaluate.samples import read_samples
from codeblock.evaluate.sandbox.jobs import Level, Verdict


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return load_tasks(BENCHMARKS["humaneval"], None)


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments: object) -> dict[str, object]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_samples_of_every_form(tmp_path: Path, tasks: list[Task]) -> None:
    task = tasks[0]
    rows = [
        {"task_id": task.id, "solution": "x"},
        {"task_id": task.id, "completion": "    return 1"},
        {"task_id": task.id, "response": f"```python\ndef {task.entry_point}():\n    pass\n```"},
    ]
    samples = read_samples(write(tmp_path / "s.jsonl", rows), tasks, partial=True)
    assert [s.number for s in samples] == [0, 1, 2]
    assert [s.program for s in samples] == ["x", f"{task.prompt}    return 1", f"def {task.entry_point}():\n    pass\n"]
    for name in ("10", "2"):
        (tmp_path / "d" / "HumanEval_0").mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / "HumanEval_0" / f"{name}.py").write_text(name)
    assert [s.program for s in read_samples(tmp_path / "d", tasks, partial=True)] == ["2", "10"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "line 1: no JSON"), ("[]", "a list instead of an object"), ("", "has no samples"),
        ('{"task_id": "HumanEval/999", "solution": ""}', "the benchmark has no task 'HumanEval/999'; did you mean"),
        ('{"task_id": "HumanEval/0", "code": ""}', "no text under 'solution', 'completion' or 'response'; found 'task_id', 'code'"),
        ('\n{"task_id": "HumanEval/0", "solution": ""}', "has no sample for 163 of 164 tasks, e.g. HumanEval/1; --partial"),
    ],
)  # fmt: skip
def test_bad_sample_files_are_named(tmp_path: Path, tasks: list[Task], content: str, message: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_samples(path, tasks)


def judged(task: str, number: int, verdict: Verdict, reason: str = "", parts: dict[str, Verdict] | None = None) -> Judged:
    return Judged(task, number, verdict, reason, "", parts or {}, 0.0, False)


def test_what_could_not_be_judged_is_counted_but_not_scored() -> None:
    report = summarize(
        [judged("a", 0, Verdict.PASSED), judged("b", 0, Verdict.FAILED, "E"), judged("c", 0, Verdict.UNJUDGED, "x")]
    )
    assert report.score.by_k == {1: 0.5}
    assert report.score.tasks == 2
    assert report.counts == {"passed": 1, "failed": 1, "timeout": 0, "crashed": 0, "unjudged": 1}
    assert report.reasons == {"failed: E": 1}


def test_pass_at_k_is_given_where_every_task_has_k_samples() -> None:
    samples = [judged("a", n, Verdict.PASSED if n < 2 else Verdict.FAILED) for n in range(5)]
    samples += [judged("b", n, Verdict.FAILED) for n in range(5)]
    score = summarize(samples).score
    assert score.by_k == pytest.approx({1: 0.2, 5: 0.5})
    assert score.method == "bootstrap"


def test_base_is_scored_beside_plus() -> None:
    both = {"base": Verdict.PASSED, "plus": Verdict.FAILED}
    report = summarize([judged("a", 0, Verdict.FAILED, "E", both), judged("b", 0, Verdict.FAILED, "E", {"base": Verdict.FAILED})])
    assert report.base is not None
    assert (report.score.by_k[1], report.base.by_k[1]) == (0.0, 0.5)


def test_the_command(tmp_path: Path, tasks: list[Task], full: Level) -> None:
    good = [{"task_id": t.id, "solution": t.reference} for t in tasks[:20]]
    bad = [row | {"solution": "pass"} if n % 4 == 0 else row for n, row in enumerate(good)]
    first, second = write(tmp_path / "a.jsonl", bad), write(tmp_path / "b.jsonl", good)
    found = run(first, "--benchmark", "humaneval", "--partial", "--against", second)
    assert found["pass@1"] == 0.75
    assert found["counts"] == {"passed": 15, "failed": 5, "timeout": 0, "crashed": 0, "unjudged": 0}
    assert found["isolation"] == "full"
    assert found["reasons"] == {"failed: NameError": 5}
    assert found["interval"] == pytest.approx([0.5313, 0.8881], abs=1e-4)
    assert (found["samples"], found["tasks_without_samples"]) == (20, 144)
    against = found["against"]
    assert isinstance(against, dict)
    assert (against["difference"], against["only_first"], against["only_second"]) == (-0.25, 0, 5)
    assert against["mcnemar_p"] == 2 / 32
    rows = [json.loads(line) for line in (tmp_path / "a.results.jsonl").read_text().splitlines()]
    assert [row["verdict"] for row in rows[:5]] == ["failed", "passed", "passed", "passed", "failed"]


def test_the_table(tmp_path: Path, tasks: list[Task], full: Level) -> None:
    samples = write(tmp_path / "a.jsonl", [{"task_id": t.id, "solution": t.reference} for t in tasks[:3]])
    result = CliRunner().invoke(app, ["evaluate", str(samples), "--partial"], catch_exceptions=False)
    assert "pass@1     100.0%  [43.9%, 100.0%] wilson" in result.stdout
    assert "161 tasks have no sample" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [([], UsageError), (["a", "--reference"], UsageError), (["--reference", "--against", "b"], UsageError), (["a", "--level", "x"], CodeblockError)],
)  # fmt: skip
def test_bad_usage(arguments: list[str], error: type[CodeblockError]) -> None:
    with pytest.raises(error):
        CliRunner().invoke(app, ["evaluate", *arguments], catch_exceptions=False)
