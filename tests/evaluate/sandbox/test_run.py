import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeblock.errors import SandboxError
from codeblock.evaluate.sandbox import run
from codeblock.evaluate.sandbox.doctor import CANARIES, advice, examine
from codeblock.evaluate.sandbox.jobs import Job, Level, Limits, Outcome, Verdict, asserts, cases, doctests, outputs, unit_tests
from codeblock.evaluate.sandbox.run import Probe, Sandbox, choose_level, probe, run_tests
from codeblock.evaluate.sandbox.worker import Worker

LIMITS = Limits(cpu_seconds=2, wall_seconds=10)


@pytest.fixture(scope="module")
def sandbox(full: Level) -> Iterator[Sandbox]:
    with Sandbox(workers=2, level=full) as opened:
        yield opened


def judge(sandbox: Sandbox, program: str, tests: str, names: list[str], preamble: str = "") -> Outcome:
    return next(sandbox.run([Job(program, asserts(tests, names, preamble), LIMITS)]))


@pytest.mark.parametrize(
    ("program", "tests", "names"),
    [
        ("def f(a):\n    a.append(1); a[0] = {2}", "a = [0]\nf(a)\nassert a == [{2}, 1]", ["f"]),
        ("def f(d, s):\n    d['x'] = 1; s.clear()", "d, s = {}, {1}\nf(d, s)\nassert (d, s) == ({'x': 1}, set())", ["f"]),
        ("class Pair:\n    def __init__(self, a):\n        self.a = a\ndef f(p):\n    return [q.a for q in p]", "assert f([Pair(1), Pair(2)]) == [1, 2]", ["f", "Pair"]),
        ("class Node:\n    def __init__(self, n):\n        self.n, self.left = n, None\ndef f(t):\n    return t.n + (f(t.left) if t.left else 0)", "t = Node(1)\nt.left = Node(2)\nt.left.left = Node(3)\nassert f(t) == 6 and t.left.n == 2", ["f", "Node"]),
        ("def f(n):\n    return lambda x: x + n", "assert f(2)(3) == 5", ["f"]),
        ("def f(n):\n    yield from range(n)", "assert list(f(3)) == [0, 1, 2]", ["f"]),
        ("def f(n):\n    raise ValueError('no')", "try:\n    f(1)\nexcept ValueError as e:\n    assert str(e) == 'no'\nelse:\n    assert False", ["f"]),
        ("class E(KeyError):\n    pass\ndef f():\n    raise E(1)", "try:\n    f()\nexcept LookupError:\n    pass\nelse:\n    assert False", ["f"]),
        ("def sum(a, b):\n    return a - b", "assert sum(3, 1) == 2", ["sum"]),
        ("def f(kind):\n    return isinstance(1, kind)", "assert f(int) and not f(str)", ["f"]),
        ("import re\ndef f(s):\n    return re.match('a', s)", "assert f('ab')\nassert not f('b')", ["f"]),
        ("def f(a, *, b=1):\n    return a + b", "assert f(1, b=3) == 4", ["f"]),
    ],
    ids=["list", "dict and set", "class of its own", "attributes", "closure", "generator", "exception", "exception class", "shadowing", "type", "match", "keyword"],
)  # fmt: skip
def test_the_split_is_faithful(sandbox: Sandbox, program: str, tests: str, names: list[str]) -> None:
    outcome = judge(sandbox, program, tests, names)
    assert outcome.verdict is Verdict.PASSED, (outcome.reason, outcome.detail)


def test_helpers_of_the_task_are_not_the_solutions(sandbox: Sandbox) -> None:
    program = "def helper(x):\n    return 0\ndef f(x):\n    return 5"
    assert judge(sandbox, program, "assert helper(f(1)) == 0", ["f"], "def helper(x):\n    return x").verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("program", "verdict", "reason"),
    [
        ("def f(:\n", Verdict.FAILED, "SyntaxError"),
        ("import not_there", Verdict.FAILED, "ModuleNotFoundError"),
        ("g = 1", Verdict.FAILED, "NameError"),
        ("f = lambda: 1 / 0", Verdict.FAILED, "ZeroDivisionError"),
        ("f = lambda: 0", Verdict.FAILED, "AssertionError"),
        ("class E(Exception):\n    pass\ndef f():\n    raise E", Verdict.FAILED, "E"),
        ("import os\nos._exit(3)", Verdict.CRASHED, "ended before its tests"),
        ("import ctypes\nctypes.string_at(0)", Verdict.CRASHED, "signal SIGSEGV"),
        ("f = lambda: bytearray(2 << 30)", Verdict.FAILED, "MemoryError"),
    ],
)
def test_reasons(sandbox: Sandbox, program: str, verdict: Verdict, reason: str) -> None:
    outcome = judge(sandbox, program, "assert f() == 1", ["f"])
    assert (outcome.verdict, outcome.reason) == (verdict, reason)


def test_tests_that_swallow_everything_do_not_hide_a_lost_solution(sandbox: Sandbox) -> None:
    outcome = judge(sandbox, "import os\nf = lambda: os._exit(0)", "try:\n    f()\nexcept:\n    pass", ["f"])
    assert outcome.verdict is Verdict.CRASHED


def test_a_value_of_the_tests_that_cannot_cross_is_not_the_programs_fault(sandbox: Sandbox) -> None:
    outcome = judge(sandbox, "f = lambda g: g()", "assert f(lambda: 1) == 1", ["f"])
    assert (outcome.verdict, outcome.reason) == (Verdict.UNJUDGED, "tests cannot be sent")


def test_memory_of_the_whole_tree_is_watched(sandbox: Sandbox) -> None:
    program = "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        b = b'x' * (40 << 20)\n        time.sleep(100)\ntime.sleep(100)"
    limits = Limits(cpu_seconds=5, wall_seconds=20, memory_bytes=100 << 20)
    (outcome,) = sandbox.run([Job(program, asserts("f()", ["f"]), limits)])
    assert (outcome.verdict, outcome.reason) == (Verdict.CRASHED, "memory limit")


def test_references_give_what_others_are_compared_with(sandbox: Sandbox) -> None:
    inputs = [[1.0], [[1, 2]], [{"t": [3]}]]
    (reference,) = sandbox.run([Job("def f(x):\n    return (x, 1)", outputs("f", inputs), LIMITS)])
    assert reference.outputs == [{"t": [1.0, 1]}, {"t": [[1, 2], 1]}, {"t": [{"t": [3]}, 1]}]
    check = cases("f", inputs, reference.outputs, 0.0)
    programs = ["def f(x):\n    return (x, 1)", "def f(x):\n    return [x, 1]", "def f(x):\n    return (x, 1.5)"]
    outcomes = list(sandbox.run([Job(p, check, LIMITS) for p in programs]))
    assert [o.verdict for o in outcomes] == [Verdict.PASSED, Verdict.FAILED, Verdict.FAILED]
    assert outcomes[1].detail == "case 0: [1.0] gave [1.0, 1], expected (1.0, 1)"


@pytest.mark.parametrize(
    ("expected", "got", "tolerance", "passes"),
    [
        ("0.1", "0.1 + 1e-9", 0.0, True), ("0.1", "0.1 + 1e-3", 0.0, False), ("[0.1, 0.2]", "[0.1, 0.2 + 1e-9]", 0.0, True),
        ("[0.1, 0.2]", "(0.1, 0.2)", 0.0, False), ("1", "1.0", 0.0, True), ("100", "100.5", 1.0, False), ("1.0", "1.5", 1.0, True),
        ("float('inf')", "float('inf')", 0.0, True), ("'a'", "'a'", 0.0, True), ("[0.5]", "[0.5, 0.5]", 0.0, False),
    ],
)  # fmt: skip
def test_numbers_are_compared_as_evalplus_does(sandbox: Sandbox, expected: str, got: str, tolerance: float, passes: bool) -> None:
    (reference,) = sandbox.run([Job(f"def f():\n    return {expected}", outputs("f", [[]]), LIMITS)])
    assert reference.outputs is not None
    (outcome,) = sandbox.run([Job(f"def f():\n    return {got}", cases("f", [[]], reference.outputs, tolerance), LIMITS)])
    assert (outcome.verdict is Verdict.PASSED) is passes


TESTS = """
import unittest
from unittest.mock import patch
class Cases(unittest.TestCase):
    def test_value(self):
        self.assertEqual(f(2), 4)
    @patch('random.random', return_value=3)
    def test_patched(self, _):
        self.assertEqual(g(), 3)
"""


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import random\nf = lambda x: x * x\ng = lambda: random.random()", ""),
        ("import random\nf = lambda x: x\ng = lambda: random.random()", "test failed"),
        (
            "import unittest\nunittest.TestLoader.loadTestsFromTestCase = lambda *a: unittest.TestSuite()\nf = g = 1",
            "tests not run",
        ),
    ],
)
def test_unit_tests(sandbox: Sandbox, program: str, reason: str) -> None:
    (outcome,) = sandbox.run([Job(program, unit_tests(TESTS), LIMITS)])
    assert outcome.reason == reason


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ('def f(x):\n    """\n    >>> f(2)\n    4\n    """\n    return x * x', ""),
        ('class A:\n    """\n    >>> A().g()\n    1\n    """\n    def g(self):\n        """\n        >>> A().g() + 1\n        2\n        """\n        return 1', ""),
        ('def f(x):\n    """\n    >>> f(2)\n    5\n    """\n    return x * x', "test failed"),
        ("def f(x):\n    return x * x", "no tests"),
    ],
)  # fmt: skip
def test_doctests(sandbox: Sandbox, program: str, reason: str) -> None:
    (outcome,) = sandbox.run([Job(program, doctests(program), LIMITS)])
    assert outcome.reason == reason


def test_one_small_function_runs_tests_of_any_kind(full: Level, sandbox: Sandbox) -> None:
    assert run_tests("f = lambda: 1", "assert f() == 1", names=["f"]).verdict is Verdict.PASSED
    documented = 'def f():\n    """\n    >>> f()\n    1\n    """\n    return 1'
    assert run_tests(documented, kind="doctest", sandbox=sandbox).verdict is Verdict.PASSED
    unit = "import unittest\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(), 2)"
    assert run_tests("f = lambda: 1", unit, kind="unittest", sandbox=sandbox).verdict is Verdict.FAILED


def test_outcomes_come_in_order(sandbox: Sandbox) -> None:
    programs = [f"import time\ntime.sleep({0.2 if n == 0 else 0})\nf = lambda: {n}" for n in range(8)]
    outcomes = list(sandbox.run([Job(p, asserts(f"assert f() == {n}", ["f"]), LIMITS) for n, p in enumerate(programs)]))
    assert [o.verdict for o in outcomes] == [Verdict.PASSED] * 8


def test_a_program_sees_nothing_of_this_process(sandbox: Sandbox) -> None:
    program = (
        "import os, sys\nf = lambda: [sorted(os.environ), os.getuid(), os.getpid(), sorted(os.listdir('/tmp')), sys.argv[:1]]"
    )
    (outcome,) = sandbox.run([Job(program, outputs("f", [[]]), LIMITS)])
    assert outcome.outputs is not None
    ((environment, user, pid, files, argv),) = outcome.outputs
    threads = ["MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    assert set(environment) <= {"HOME", "LANG", "LC_CTYPE", "PATH", "PYTHONHASHSEED", *threads}
    assert (user, pid, argv) == (1000, 1, ["-c"])
    assert not set(files) & set(os.listdir("/tmp")) or all(Path("/tmp", name).is_dir() for name in files)


def test_a_worker_that_dies_is_an_error_of_the_sandbox(full: Level) -> None:
    worker = Worker(full)
    worker._process.kill()
    with pytest.raises(SandboxError, match="broke down"):
        worker.run(Job("f = 1", asserts("", [])))
    worker.close()


def test_too_little_isolation_is_refused() -> None:
    for level in (Level.SEATBELT, Level.RLIMITS):
        with pytest.raises(SandboxError, match="--accept-no-isolation"):
            choose_level(level, accept_no_isolation=False)
        assert choose_level(level, accept_no_isolation=True) is level


def test_the_best_level_is_found(full: Level) -> None:
    assert probe() == Probe(Level.FULL, {})


def test_obstacles_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(level: Level, preload: object = ()) -> None:
        raise SandboxError(f"level {level} cannot be had: unshare: Operation not permitted")

    monkeypatch.setattr(run, "Worker", fail)
    probe.cache_clear()
    with pytest.raises(SandboxError, match="full: unshare: Operation not permitted; landlock:"):
        probe()
    probe.cache_clear()


def test_the_doctors_programs_end_as_they_should(full: Level) -> None:
    examination = examine(full)
    assert examination.wrong == []
    assert len(CANARIES) == 10


def test_the_doctors_programs_end_as_they_should_with_landlock(landlock: Level) -> None:
    assert examine(landlock).wrong == []


@pytest.mark.parametrize(
    ("files", "platform", "line"),
    [
        (
            {"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"},
            "linux",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({"proc/sys/kernel/unprivileged_userns_clone": "0\n"}, "linux", "kernel.unprivileged_userns_clone=1"),
        ({"proc/sys/user/max_user_namespaces": "0\n", ".dockerenv": ""}, "linux", "user.max_user_namespaces=10000"),
        ({".dockerenv": ""}, "linux", "--security-opt seccomp=unconfined"),
        ({}, "linux", "level full failed at: unshare: no"),
        ({}, "darwin", "run it on Linux"),
    ],
)
def test_advice(tmp_path: Path, files: dict[str, str], platform: str, line: str) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert line in advice(Level.LANDLOCK, {Level.FULL: "unshare: no"}, tmp_path, platform)
