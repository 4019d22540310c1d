"""The warm interpreter: isolated once, it forks a solution and its tests for every job, watches them, and ends both.

Run by `worker.py`. It reads no program and no test itself: they pass as open files, so that what it forks for a solution has
never held the answers.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import math
import os
import select
import signal
import socket
import stat
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from codeblock.evaluate.sandbox import checker, confine, kernel, solution

READY, FAILED = "ready", "failed"
_TICK = 0.05  # seconds between two looks at a running program
_CHECKER_SECONDS = 2  # CPU that the tests may take beside the solution's
_CHECKER_MEMORY = 768 << 20
_DEEPEST = 100  # directories in one another that are looked into
_GRACE = 5  # seconds of wall time for the tests after the solution's have run out
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Config:
    """What a worker tells its interpreter.

    Attributes:
        level: name of the isolation level.
        user: host user to become; None unless started as root.
        keep_reading: keep root's right to read all files, which Landlock then restricts.
        preload: modules to import once, those that are installed.
        paths: absolute, visible to programs.
        scratch: directory for programs' files where they have no file system of their own.
    """

    level: str
    user: int | None
    keep_reading: bool
    preload: list[str]
    paths: list[str]
    scratch: str | None


@dataclass(slots=True)
class _Watched:
    """A solution's process and all its descendants."""

    pid: int
    reason: str | None = None
    cpu: float = 0.0
    peak: int = 0


def main(descriptor: int) -> NoReturn:
    """Build the walls, then serve jobs until the other end of the control socket closes."""
    control = socket.socket(fileno=descriptor)
    kernel_here = kernel.supported()
    if kernel_here:
        kernel.die_with_parent(signal.SIGKILL)
    config = Config(**json.loads(control.recv(1 << 16)))
    paths = [Path(p) for p in config.paths]
    try:
        if config.level == "full":
            confine.enter_namespaces(paths, config.user)
            if child := os.fork():
                control.close()
                _, status = os.waitpid(child, 0)
                os._exit(os.waitstatus_to_exitcode(status) & 0x7F)
            kernel.die_with_parent(signal.SIGKILL)
            confine.finish_root()
        elif config.user is not None:
            kernel.become(config.user, config.user, config.keep_reading)
        if kernel_here:
            kernel.die_with_parent(signal.SIGKILL)
            kernel.adopt_orphans()
        for module in config.preload:
            with suppress(ImportError):
                importlib.import_module(module)
    except (OSError, ValueError) as error:
        control.send(json.dumps({FAILED: str(error)}).encode())
        os._exit(1)
    gc.collect()
    gc.freeze()
    control.send(json.dumps({READY: os.getpid()}).encode())
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if config.level == "full" else -1
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 3)
        if not data:
            os._exit(0)
        report = _run(config, json.loads(data), descriptors, control, own)
        for opened in descriptors:
            os.close(opened)
        control.send(json.dumps(report).encode())


def _run(config: Config, limits: dict[str, Any], descriptors: list[int], control: socket.socket, own: int) -> dict[str, Any]:
    """Run one job; returns when nothing of it is left."""
    program, check, result = descriptors
    ours, theirs = socket.socketpair()
    scratch = tempfile.mkdtemp(dir=config.scratch) if config.scratch else None
    started = time.monotonic()
    if config.level == "full":
        kernel.unshare(kernel.NEWPID)
    pid = os.fork()
    if pid == 0:
        _become_solution(config, limits, program, theirs, (check, result, own, control.fileno(), ours.fileno()), scratch)
    if config.level == "full":
        kernel.setns(own, kernel.NEWPID)
    theirs.close()
    tests = os.fork()
    if tests == 0:
        _become_checker(config, limits, check, result, ours, (program, own, control.fileno()))
    ours.close()
    watched = _Watched(pid)
    try:
        status, usage, checker_status = _watch(config, watched, tests, limits, control, started, scratch)
    finally:
        if scratch:
            _remove(scratch)
    return {
        "reason": watched.reason,
        "status": os.waitstatus_to_exitcode(status),
        "checker": os.waitstatus_to_exitcode(checker_status),
        "cpu": max(watched.cpu, usage.ru_utime + usage.ru_stime),
        "peak": max(watched.peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)),
        "wall": time.monotonic() - started,
    }


def _become_solution(
    config: Config, limits: dict[str, Any], program: int, channel: socket.socket, foreign: tuple[int, ...], scratch: str | None
) -> NoReturn:
    """In the child: walls, then the program, then the end."""
    try:
        for descriptor in foreign:
            if descriptor >= 0:
                os.close(descriptor)
        os.setsid()
        source = _read(program)
        if config.level == "full":
            confine.enter_private([Path(p) for p in config.paths], limits["disk_bytes"], limits["files"])
        elif scratch:
            if kernel.supported():
                kernel.die_with_parent(signal.SIGKILL)
            os.chdir(scratch)
            os.environ.update(TMPDIR=scratch, HOME=scratch)
        _restrict(config, limits["processes"], limits, [Path(scratch)] if scratch else [])
        gc.enable()
        solution.serve(channel, source, watch_needs=config.level == "landlock")
    except BaseException:
        os._exit(1)
    os._exit(0)


def _become_checker(
    config: Config, limits: dict[str, Any], check: int, result: int, channel: socket.socket, foreign: tuple[int, ...]
) -> NoReturn:
    """In the child: walls, then the tests, then their verdict into a file."""
    try:
        for descriptor in foreign:
            if descriptor >= 0:
                os.close(descriptor)
        request = json.loads(_read(check))
        mild = limits | {"cpu_seconds": limits["cpu_seconds"] + _CHECKER_SECONDS - 1, "memory_bytes": _CHECKER_MEMORY}
        _restrict(config, 0, mild, [])
        verdict = checker.judge(channel, request)
        os.pwrite(result, json.dumps(verdict).encode(), 0)
    except BaseException:
        os._exit(1)
    os._exit(0)


def _restrict(config: Config, processes: int, limits: dict[str, Any], writable: list[Path]) -> None:
    """Take from this process what it needs no more."""
    counted = processes if config.level == "full" else None
    confine.set_limits(limits["cpu_seconds"], limits["memory_bytes"], limits["disk_bytes"], counted, limits["descriptors"])
    if config.level not in ("full", "landlock"):
        return
    kernel.gain_nothing_more()
    if config.level == "full":
        kernel.set_capabilities(0)
    else:
        readable = [*(Path(p) for p in config.paths), Path("/dev/urandom"), Path("/dev/zero"), Path("/etc/ld.so.cache")]
        kernel.restrict_files(readable, [*writable, Path("/dev/null")])
    kernel.restrict_calls(alone=config.level == "landlock")


def _watch(
    config: Config,
    watched: _Watched,
    tests: int,
    limits: dict[str, Any],
    control: socket.socket,
    started: float,
    scratch: str | None,
) -> tuple[int, Any, int]:
    """Wait for both processes, end the solution at its limits or when the tests are done, and leave nothing behind."""
    waiting: dict[str, tuple[int, Any]] = {}
    poll = select.poll()
    poll.register(control, select.POLLHUP | select.POLLRDHUP if hasattr(select, "POLLRDHUP") else select.POLLHUP)
    handles = {name: os.pidfd_open(pid) for name, pid in (("solution", watched.pid), ("checker", tests))} if _PIDFD else {}
    for handle in handles.values():
        poll.register(handle, select.POLLIN)
    try:
        while len(waiting) < 2:
            events = poll.poll(1000 * (_TICK if _PIDFD else 0.005))
            if any(descriptor == control.fileno() for descriptor, _ in events):
                _end(config, watched.pid, tests)
                _kill(tests)
                os._exit(0)
            for name, pid in (("solution", watched.pid), ("checker", tests)):
                if name not in waiting and (ended := os.wait4(pid, os.WNOHANG))[0]:
                    waiting[name] = (ended[1], ended[2])
                    if name in handles:
                        poll.unregister(handles[name])
            wall = time.monotonic() - started
            if "checker" in waiting and "solution" not in waiting:
                _end(config, watched.pid, tests)
                _, status, usage = os.wait4(watched.pid, 0)
                waiting["solution"] = (status, usage)
            elif "solution" not in waiting and not events:
                _measure(config, watched, tests)
                watched.reason = _exceeded(watched, limits, wall, scratch)
                if watched.reason:
                    _end(config, watched.pid, tests)
            elif "checker" not in waiting and wall > limits["wall_seconds"] + _GRACE:
                _kill(tests)
    finally:
        for handle in handles.values():
            os.close(handle)
    if config.level not in ("full", "landlock"):
        _hunt(config, watched.pid, None)
    status, usage = waiting["solution"]
    return status, usage, waiting["checker"][0]


_PIDFD = hasattr(os, "pidfd_open") and sys.platform == "linux"


def _exceeded(watched: _Watched, limits: dict[str, Any], wall: float, scratch: str | None) -> str | None:
    """Which limit a program has passed."""
    if watched.cpu > limits["cpu_seconds"]:
        return "cpu"
    if watched.peak > limits["memory_bytes"]:
        return "memory"
    if wall > limits["wall_seconds"]:
        return "wall"
    if scratch and _size(scratch) > limits["disk_bytes"]:
        return "disk"
    return None


def _measure(config: Config, watched: _Watched, tests: int) -> None:
    """Add up CPU time and resident memory of the solution's tree."""
    if not Path("/proc/self/stat").exists():
        return
    cpu, memory = 0.0, 0
    for pid in _tree(config, watched.pid, tests):
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            cpu += sum(int(n) for n in fields[11:15]) / _TICKS_PER_SECOND
            memory += int(fields[21]) * _PAGE
    watched.cpu = max(watched.cpu, cpu)
    if memory > watched.peak:
        # pages shared with the warm interpreter count in every process; the exact measure costs more
        watched.peak = max(watched.peak, min(memory, _proportional(config, watched.pid, tests)))


def _proportional(config: Config, pid: int, tests: int) -> int:
    total = 0
    for member in _tree(config, pid, tests):
        with suppress(OSError, ValueError):
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) << 10
    return total


def _tree(config: Config, root: int, tests: int | None) -> list[int]:
    """The processes of a solution: in a namespace of ours, all but us and the tests; elsewhere our descendants but the tests."""
    everyone = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    me = os.getpid()
    if config.level == "full":
        return [pid for pid in everyone if pid not in (me, tests)]
    if config.level == "landlock":
        return [root] if root in everyone else []
    parents: dict[int, int] = {}
    for pid in everyone:
        with suppress(OSError, ValueError, IndexError):
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    members: set[int] = set()
    while found := {
        p for p, parent in parents.items() if (parent == me or parent in members) and p not in members and p != tests
    }:
        members |= found
    return sorted(members)


def _end(config: Config, pid: int, tests: int | None) -> None:
    """Kill a solution's whole tree, whose first process is not yet waited for. A namespace dies with that process."""
    _kill(pid)
    if config.level not in ("full", "landlock"):
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        _hunt(config, pid, tests)


def _hunt(config: Config, pid: int, tests: int | None) -> None:
    """Kill and wait for our descendants other than a solution's first process and the tests, until none is found."""
    if not Path("/proc/self/stat").exists():
        return
    for _ in range(1000):
        left = [p for p in _tree(config, pid, tests) if p != pid]
        if not left:
            return
        for orphan in left:
            _kill(orphan)
            with suppress(OSError):
                os.waitpid(orphan, 0)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _read(descriptor: int) -> str:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode()


def _size(directory: str) -> float:
    """Bytes on disk below a directory; infinite where it is nested too deeply to look."""
    total = 0.0
    open_ones: list[tuple[int, list[str]]] = []
    with suppress(OSError):
        top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        open_ones.append((top, os.listdir(top)))
    while open_ones:
        handle, names = open_ones[-1]
        if not names or total > 1 << 50:
            os.close(handle)
            open_ones.pop()
            continue
        name = names.pop()
        with suppress(OSError):
            about = os.stat(name, dir_fd=handle, follow_symlinks=False)
            total += about.st_blocks * 512
            if stat.S_ISDIR(about.st_mode):
                if len(open_ones) > _DEEPEST:
                    total = math.inf
                    continue
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                open_ones.append((below, os.listdir(below)))
    return total


def _remove(directory: str) -> None:
    """Remove a directory of our user's, whatever its permissions and depth: what lies deeper is moved up, level by level."""
    numbers = itertools.count()
    with suppress(OSError):
        Path(directory).chmod(stat.S_IRWXU)
        top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            while names := os.listdir(top):
                for name in names:
                    if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
                        os.unlink(name, dir_fd=top)
                        continue
                    os.chmod(name, stat.S_IRWXU, dir_fd=top)
                    below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
                    for child in os.listdir(below):
                        if stat.S_ISDIR(os.stat(child, dir_fd=below, follow_symlinks=False).st_mode):
                            os.chmod(child, stat.S_IRWXU, dir_fd=below)
                        os.rename(child, f"moved up {next(numbers)}", src_dir_fd=below, dst_dir_fd=top)
                    os.close(below)
                    os.rmdir(name, dir_fd=top)
        finally:
            os.close(top)
        Path(directory).rmdir()
