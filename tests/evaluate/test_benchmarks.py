import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from codeblock.errors import DataError, UsageError
from codeblock.evaluate.benchmarks.evalplus import load_humaneval
from codeblock.evaluate.benchmarks.registry import BENCHMARKS, find_benchmark
from codeblock.evaluate.benchmarks.task import Cases, Task, load_tasks
from codeblock.evaluate.judge import judge
from codeblock.evaluate.samples import Sample, reference_samples
from codeblock.evaluate.sandbox.codec import decode
from codeblock.evaluate.sandbox.jobs import Level, Verdict
from codeblock.evaluate.sandbox.run import Sandbox


def quiet(done: int, total: int | None) -> None:
    pass


def verdicts(
    name: str, tasks: list[Task], samples: list[Sample], level: Level, timeout: float | None = None
) -> dict[str, Verdict]:
    with Sandbox(level=level) as sandbox:
        return {j.task: j.verdict for j in judge(BENCHMARKS[name], tasks, samples, sandbox, quiet, timeout)}


def stub(task: Task) -> Sample:
    return Sample(task.id, 0, f"def {task.entry_point}(*args, **kwargs):\n    pass\n")


@pytest.fixture(scope="session")
def tasks(request: pytest.FixtureRequest) -> Callable[[str], list[Task]]:
    def load(name: str) -> list[Task]:
        directory = None if name == "humaneval" else request.getfixturevalue("shared_data")
        return load_tasks(BENCHMARKS[name], directory)

    return load


def test_humaneval_references_pass_and_stubs_do_not(tasks: Callable[[str], list[Task]], full: Level) -> None:
    humaneval = tasks("humaneval")
    assert len(humaneval) == 164
    assert set(verdicts("humaneval", humaneval, reference_samples(humaneval), full).values()) == {Verdict.PASSED}
    assert Verdict.PASSED not in verdicts("humaneval", humaneval, [stub(t) for t in humaneval], full).values()


def test_humaneval_references_pass_with_landlock(tasks: Callable[[str], list[Task]], landlock: Level) -> None:
    humaneval = tasks("humaneval")[::4]
    assert set(verdicts("humaneval", humaneval, reference_samples(humaneval), landlock).values()) == {Verdict.PASSED}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("mbpp", 974), ("mbpp-sanitized", 427)])
def test_mbpp_references_pass_and_stubs_do_not(tasks: Callable[[str], list[Task]], full: Level, name: str, count: int) -> None:
    found = tasks(name)
    assert len(found) == count
    references = verdicts(name, found, reference_samples(found), full)
    assert [task for task, verdict in references.items() if verdict is not Verdict.PASSED] == []
    stubs = verdicts(name, found, [stub(t) for t in found], full)
    # of Mbpp/229, say, nothing is asked but that it returns; None is an answer that the tests of some tasks want
    assert [task for task, verdict in stubs.items() if verdict is Verdict.PASSED] == []


@pytest.mark.shared
@pytest.mark.slow
def test_mbpp_plus_references_pass_and_stubs_do_not(tasks: Callable[[str], list[Task]], full: Level) -> None:
    found = [task for task in tasks("mbpp+") if task.id not in ("Mbpp/599", "Mbpp/255")]  # minutes
    assert len(found) == 376
    references = verdicts("mbpp+", found, reference_samples(found), full)
    assert [task for task, verdict in references.items() if verdict is not Verdict.PASSED] == []
    stubs = verdicts("mbpp+", found, [stub(t) for t in found], full)
    assert [task for task, verdict in stubs.items() if verdict is Verdict.PASSED] == []


@pytest.mark.shared
def test_every_mbpp_plus_input_has_the_types_that_its_contract_asks_for(
    tasks: Callable[[str], list[Task]], shared_data: Path
) -> None:
    """The contracts are EvalPlus's statement of what inputs are, written independently of the table that restores them."""
    import gzip

    contracts = {}
    with gzip.open(shared_data / "mbppplus" / "MbppPlus.jsonl.gz") as file:
        for line in file:
            row = json.loads(line)
            contracts[row["task_id"]] = row
    checked = 0
    for task in tasks("mbpp+"):
        row = contracts[task.id]
        signature = next(re.finditer(rf"(?m)^def {task.entry_point} ?\(.*$", row["canonical_solution"]))[0]
        namespace: dict[str, object] = {}
        try:
            exec(f"{signature}\n{row['contract'] or '    pass'}\n", namespace)
        except SyntaxError:
            continue
        base = task.parts[0].test
        assert isinstance(base, Cases)
        for arguments in base.inputs[:2]:
            try:
                namespace[task.entry_point](*decode(arguments))  # type: ignore[operator]
            except NameError:  # a contract that calls other functions
                continue
            checked += 1
    assert checked > 500


def test_plus_needs_base_and_plus(full: Level) -> None:
    rows = [
        {
            "task_id": "HumanEval/0", "prompt": "def f(x):\n", "entry_point": "f", "canonical_solution": "    return abs(x)\n",
            "base_input": [[1], [2]], "plus_input": [[-1]], "atol": 0,
        },
        {
            "task_id": "HumanEval/32", "prompt": "def find_zero(xs):\n", "entry_point": "find_zero",
            "canonical_solution": "    return -xs[0] / xs[1]\n", "base_input": [[[1, 2]]], "plus_input": [[[-6, 11, -6, 1]]], "atol": 1e-4,
        },
    ]  # fmt: skip
    tasks = load_humaneval("\n".join(map(json.dumps, rows)).encode())
    samples = [
        Sample("HumanEval/0", 0, "def f(x):\n    return x"),
        Sample("HumanEval/0", 1, "def f(x):\n    return max(x, -x)"),
        Sample("HumanEval/0", 2, "def f(x):\n    return -x"),
        Sample("HumanEval/32", 0, "def find_zero(xs):\n    return -0.5 if len(xs) == 2 else 3.0"),
    ]
    with Sandbox(level=full) as sandbox:
        found = judge(BENCHMARKS["humaneval+"], tasks, samples, sandbox, quiet, None)
    assert [(j.parts.get("base"), j.parts.get("plus")) for j in found] == [
        ("passed", "failed"), ("passed", "passed"), ("failed", None), ("passed", "passed"),
    ]  # fmt: skip


@pytest.mark.shared
def test_tasks_whose_libraries_are_missing_are_not_judged(tasks: Callable[[str], list[Task]], full: Level) -> None:
    bigcodebench = [
        t for t in tasks("bigcodebench-complete") if set(t.libraries) <= {"re", "string", "itertools", "random", "unittest"}
    ][:12]
    missing = next(t for t in tasks("bigcodebench-complete") if "geopandas" in t.libraries)
    found = verdicts("bigcodebench-complete", [*bigcodebench, missing], reference_samples([*bigcodebench, missing]), full)
    assert found.pop(missing.id) is Verdict.UNJUDGED
    assert set(found.values()) == {Verdict.PASSED}


def test_absent_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"mbpp\+ needs the file MbppPlus\.jsonl \(sha256 b54e76.*not found without --data DIR.*v0\.2\.0"
    ):
        load_tasks(BENCHMARKS["mbpp+"], None)
    with pytest.raises(DataError, match=r"not found in .* or one level below"):
        load_tasks(BENCHMARKS["mbpp"], tmp_path)
    with pytest.raises(DataError, match="is no directory"):
        load_tasks(BENCHMARKS["mbpp"], tmp_path / "nothing")


def test_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mbpp.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"is not the version that mbpp is pinned to: sha256 ca3d16.* instead of ccf64c"):
        load_tasks(BENCHMARKS["mbpp"], tmp_path)


def test_unknown_benchmarks_are_named() -> None:
    with pytest.raises(UsageError, match="no benchmark 'humanevl'; did you mean 'humaneval'"):
        find_benchmark("humanevl")
