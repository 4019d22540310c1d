"""What this machine's isolation is worth, tried on ten programs, and how to get a better one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codeblock.evaluate.sandbox.jobs import Job, Level, Limits, Outcome, Verdict, asserts
from codeblock.evaluate.sandbox.run import Sandbox

_LIMITS = Limits(cpu_seconds=0.3, wall_seconds=1, memory_bytes=256 << 20)
_SQUARE = "def f(x):\n    return x * x\n"
_REACHED = (
    "try:\n    {}\n    REACHED = True\nexcept OSError:\n    REACHED = False\ndef f(x):\n    return x * x if REACHED else 0\n"
)

CANARIES: dict[str, tuple[str, bool]] = {
    "a correct program passes": (_SQUARE, True),
    "a temporary file may be written": (
        "import tempfile\ndef f(x):\n    with tempfile.TemporaryFile() as file:\n        return file.write(bytes(x * x))\n",
        True,
    ),
    "a wrong answer fails": ("def f(x):\n    return x\n", False),
    "an object that equals everything fails": (
        "class A:\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return A()\n",
        False,
    ),
    "an early exit fails": ("import os\nos._exit(0)\n", False),
    "an endless loop ends": ("def f(x):\n    while True:\n        pass\n", False),
    "a gigabyte is refused": ("def f(x):\n    return x * x + len(bytearray(1 << 30)) * 0\n", False),
    "the users' names are out of reach": (
        _REACHED.format("assert 'root:' in open('/etc/passwd').read() or open('/nowhere')"),
        False,
    ),
    "the interpreter cannot be changed": (
        _REACHED.format("import json, os; open(os.path.dirname(json.__file__) + '/__init__.py', 'r+')"),
        False,
    ),
    "this process cannot be signalled": (_REACHED.format("import os; os.kill(@PID@, 0)"), False),
}
"""Programs by what they show, with whether each passes where isolation is what it should be."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What ten programs came to.

    Attributes:
        level: in use.
        outcomes: by what the program shows.
        wrong: names of those that ended differently from what isolation promises.
    """

    level: Level
    outcomes: dict[str, Outcome]
    wrong: list[str]


def examine(level: Level, accept_no_isolation: bool = True) -> Examination:
    """Run the ten programs at a level."""
    check = asserts("assert f(2) == 4\nassert f(3) == 9", ["f"])
    jobs = [Job(source.replace("@PID@", str(os.getpid())), check, _LIMITS) for source, _ in CANARIES.values()]
    with Sandbox(workers=2, level=level, accept_no_isolation=accept_no_isolation) as sandbox:
        outcomes = dict(zip(CANARIES, sandbox.run(jobs), strict=True))
    wrong = [name for name, (_, passes) in CANARIES.items() if (outcomes[name].verdict is Verdict.PASSED) is not passes]
    return Examination(level, outcomes, wrong)


def advice(level: Level, obstacles: Mapping[Level, str], root: Path = Path("/"), platform: str = sys.platform) -> str:
    """Say in one line how to get a better level.

    Args:
        level: the one found.
        obstacles: what was in the way of the better ones, see `run.Probe`.
        root: of the file system whose settings are read.
        platform: as in `sys.platform`.
    """
    if level is Level.FULL:
        return "this is the best there is"
    if platform != "linux":
        return "run it on Linux, e.g. in a container or, on Windows, in WSL2"
    settings = {
        "proc/sys/kernel/apparmor_restrict_unprivileged_userns": ("1", "0"),
        "proc/sys/kernel/unprivileged_userns_clone": ("0", "1"),
        "proc/sys/user/max_user_namespaces": ("0", "10000"),
    }
    for name, (bad, good) in settings.items():
        path = root / name
        if path.is_file() and path.read_text().strip() == bad:
            return f"sudo sysctl -w {name.removeprefix('proc/sys/').replace('/', '.')}={good}"
    if (
        (root / ".dockerenv").exists()
        or (root / "run/.containerenv").exists()
        or (root / "var/run/secrets/kubernetes.io").exists()
    ):
        return "start the container with --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
    return f"level {Level.FULL} failed at: {obstacles.get(Level.FULL, 'an unknown step')}"
