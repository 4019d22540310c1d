from pathlib import Path

import numpy as np
import pytest

from codeblock.curate.benchmarks import Task, load_tasks
from codeblock.curate.decontaminate import NAMELESS_N, NAMELESS_OVERLAP, Decontaminator, N
from codeblock.curate.text import tokens
from tests.curate.disguise import comment, reindent, rename
from tests.curate.programs import programs

CODES = programs(60, seed=1)
TASKS = [
    Task(f"made/{n}", (f"Write the function number {n} that does {code.split('(')[0]} as wanted.",), (code,))
    for n, code in enumerate(CODES)
]
OTHERS = programs(500, seed=2)


def sample(code: str) -> list[str]:
    return ["Solve this.", f"Here you are:\n\n```python\n{code}\n```\n"]


@pytest.fixture(scope="module")
def looking() -> Decontaminator:
    return Decontaminator(TASKS)


@pytest.mark.parametrize("disguise", [str, reindent, comment, str.upper])
def test_planted_leaks_are_found(looking: Decontaminator, disguise: type) -> None:
    for task in TASKS:
        found = looking.find(sample(disguise(task.codes[0])))
        assert found is not None
        assert (found.task, found.part) == (task.name, "solution")


@pytest.mark.parametrize("disguise", [rename, lambda code: reindent(rename(code))])
def test_renamed_leaks_are_found_without_their_names(looking: Decontaminator, disguise: type) -> None:
    for task in TASKS:
        found = looking.find(sample(disguise(task.codes[0])))
        assert found is not None
        assert (found.task, found.part) == (task.name, "nameless solution")


def test_instructions_leak_too(looking: Decontaminator) -> None:
    found = looking.find([f"Please help.\n{TASKS[7].texts[0]}", "No."])
    assert found is not None
    assert (found.task, found.part, found.share) == ("made/7", "text", 1.0)


def test_other_programs_are_left_alone(looking: Decontaminator) -> None:
    assert [code for code in OTHERS if looking.find(sample(code))] == []
    assert looking.find(["", ""]) is None


def naive_share(task: str, sample_text: str) -> float:
    wanted, found = tokens(task), tokens(sample_text)
    runs = {tuple(wanted[i : i + N]) for i in range(len(wanted) - N + 1)}
    return len(runs & {tuple(found[i : i + N]) for i in range(len(found) - N + 1)}) / len(runs)


def test_the_share_is_that_of_common_runs() -> None:
    code = CODES[0]
    for cut in np.linspace(0, len(code), 30).astype(int).tolist():
        expected = naive_share(code, code[:cut])
        found = Decontaminator([Task("t", (), (code,))], overlap=0.3).find([code[:cut]])
        assert (found is not None) == (expected >= 0.3)
        if found is not None and found.part == "solution":
            assert found.share == pytest.approx(expected, abs=1e-4)


def test_short_texts_are_one_run_and_shorter_ones_are_counted() -> None:
    looking = Decontaminator([Task("short", ("Sum all of the even numbers.",), ("x + y",))])
    assert looking.too_short == 1
    found = looking.find(["Now sum all of  the even\nnumbers."])
    assert found is not None
    assert found.task == "short"
    assert looking.find(["Sum all of the odd numbers."]) is None


def test_runs_do_not_cross_from_one_turn_to_the_next() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve"
    looking = Decontaminator([Task("t", (words,), ())])
    assert looking.find([words]) is not None
    assert looking.find([words[:30], words[30:]]) is None


def test_swapped_names_are_another_program() -> None:
    one = "def f(a, b):\n    while b:\n        a, b = b, a % b\n    return a\n"
    other = "def f(a, b):\n    while a:\n        b, b = a, a % a\n    return b\n"
    looking = Decontaminator([Task("gcd", (), (one,))])
    assert looking.find([rename(one)]) is not None
    assert looking.find([other]) is None


def test_settings_of_the_nameless_form_hold_for_the_planted_ones() -> None:
    assert all(len(tokens(code)) >= NAMELESS_N for code in CODES)
    assert 0 < NAMELESS_OVERLAP <= 1


FILES = {
    "humaneval": "humaneval",
    "mbpp": "mbpp/mbpp.jsonl",
    "mbppplus": "mbppplus/MbppPlus.jsonl.gz",
    "bigcodebench": "bigcodebench/BigCodeBench.jsonl.gz",
}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("mbpp", 0.95), ("mbppplus", 0.85), ("bigcodebench", 0.95)])
def test_real_tasks_are_found(shared_data: Path, name: str, least: float) -> None:
    tasks = load_tasks(shared_data / FILES[name])
    looking = Decontaminator(tasks)
    # BigCodeBench's solutions are bodies
    head = "def task_func(data):\n" if name == "bigcodebench" else ""
    codes = [head + task.codes[0].replace("\r", "") for task in tasks]
    assert all(looking.find(sample(code)) and looking.find(sample(reindent(code))) for code in codes)
    assert sum(looking.find(sample(rename(code))) is not None for code in codes) >= least * len(codes)
