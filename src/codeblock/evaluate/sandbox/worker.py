"""One warm interpreter from outside: started, given jobs one at a time, and ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from signal import Signals
from typing import Any, BinaryIO, cast

import codeblock
from codeblock.errors import SandboxError
from codeblock.evaluate.sandbox import confine
from codeblock.evaluate.sandbox.jobs import Job, Level, Outcome, Verdict
from codeblock.evaluate.sandbox.zygote import FAILED, READY, Config

UNPRIVILEGED = 65534
_START_SECONDS = 60
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from codeblock.evaluate.sandbox.zygote import main; main(int(sys.argv[2]))"
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LIMIT_NAMES = {"cpu": "cpu limit", "wall": "wall limit", "memory": "memory limit", "disk": "disk limit"}


class Worker:
    """A warm interpreter behind walls. Use it from the thread that made it: it dies with that thread.

    Args:
        level: of isolation.
        preload: modules to import once, before the programs that use them; those that are not installed are passed over.

    Raises:
        SandboxError: this level cannot be had here; the message says which step failed.
    """

    def __init__(self, level: Level, preload: Sequence[str] = ()) -> None:
        self.level = level
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET if _LINUX else socket.SOCK_STREAM)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        if level is not Level.FULL:
            self._scratch = tempfile.TemporaryDirectory(prefix="codeblock-sandbox-", ignore_cleanup_errors=True)
            if user is not None:
                os.chown(self._scratch.name, user, user)
        paths = confine.visible_paths()
        hidden = user is not None and level is not Level.FULL and not all(map(_readable_by_all, paths))
        if hidden and level is not Level.LANDLOCK:
            theirs.close()
            self._clean()
            raise SandboxError(f"level {level} cannot be had: started as root, and {sys.prefix} is unreadable for other users")
        scratch = self._scratch.name if self._scratch else None
        config = Config(level.value, user, hidden, list(preload), [str(p) for p in paths], scratch)
        roots = [*paths, Path(codeblock.__file__).parents[1]]
        search = json.dumps([p for p in sys.path if any(Path(p).absolute().is_relative_to(root) for root in roots if p)])
        command = [sys.executable, "-I", "-c", _BOOT, search, str(theirs.fileno())]
        if level is Level.SEATBELT:
            command = ["sandbox-exec", "-p", _seatbelt(paths, scratch or "/tmp"), *command]
        try:
            self._process = subprocess.Popen(
                command, env=_environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._clean()
            raise SandboxError(f"level {level} cannot be had: {error}") from None
        finally:
            theirs.close()
        try:
            self._control.settimeout(_START_SECONDS)
            self._control.sendall(json.dumps(asdict(config)).encode())
            answer = json.loads(self._control.recv(1 << 16) or b"{}")
            self._control.settimeout(None)
        except (OSError, ValueError) as error:
            self.close()
            raise SandboxError(f"level {level} cannot be had: the interpreter does not answer ({error})") from None
        if READY not in answer:
            self.close()
            raise SandboxError(f"level {level} cannot be had: {answer.get(FAILED, 'the interpreter ended')}")

    def run(self, job: Job) -> Outcome:
        """Run one job to its end; when this returns, no process and no file of it is left.

        Raises:
            SandboxError: the sandbox itself broke down; this worker is of no use any more.
        """
        limits = asdict(job.limits)
        limits["wall_seconds"] = limits["wall_seconds"] or 10 * limits["cpu_seconds"]
        payloads = [job.program.encode(errors="surrogatepass"), json.dumps(job.check).encode(), b""]
        with ExitStack() as stack:
            program, check, result = (stack.enter_context(_payload(content)) for content in payloads)
            descriptors = [file.fileno() for file in (program, check, result)]
            try:
                socket.send_fds(self._control, [json.dumps(limits).encode()], descriptors)
                answer = self._control.recv(1 << 16)
            except OSError as error:
                raise SandboxError(f"the sandbox broke down: {error}") from None
            if not answer:
                raise SandboxError("the sandbox broke down: its warm interpreter ended")
            result.seek(0)
            return _outcome(json.loads(answer), result.read(), self.level, job.limits.cpu_seconds)

    def close(self) -> None:
        """End the interpreter and everything in it."""
        self._control.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._clean()

    def _clean(self) -> None:
        self._control.close()
        if self._scratch:
            self._scratch.cleanup()


_LINUX = sys.platform == "linux"


def _payload(content: bytes) -> BinaryIO:
    """An open file without a name."""
    file = cast(BinaryIO, os.fdopen(os.memfd_create("payload"), "r+b") if _LINUX else tempfile.TemporaryFile())  # noqa: SIM115
    file.write(content)
    file.flush()
    return file


def _outcome(report: dict[str, Any], result: bytes, level: Level, cpu_limit: float) -> Outcome:
    """What the warm interpreter saw and what the tests found, as one verdict."""
    try:
        found: dict[str, Any] = json.loads(result)
    except ValueError:
        found = {"verdict": "none", "reason": "", "detail": "", "needs": []}
    verdict, reason, detail = _judge(report, found, level, cpu_limit)
    return Outcome(
        verdict, reason, detail, report["cpu"], report["wall"], report["peak"], found.get("outputs")
    )  # fmt: skip


def _judge(report: dict[str, Any], found: dict[str, Any], level: Level, cpu_limit: float) -> tuple[Verdict, str, str]:
    limit = report["reason"] or ("cpu" if report["status"] == -9 and report["cpu"] >= cpu_limit else None)
    if found["verdict"] == "passed":
        return Verdict.PASSED, "", ""
    if found["verdict"] == "failed" and not found["needs"]:
        return Verdict.FAILED, found["reason"], found["detail"]
    if found["needs"] and not limit:
        return Verdict.UNJUDGED, f"needs more than level {level}", f"{', '.join(found['needs'])}: {found['detail']}"
    if limit:
        return Verdict.TIMEOUT if limit in ("cpu", "wall") else Verdict.CRASHED, _LIMIT_NAMES[limit], ""
    if found["verdict"] == "none":
        return Verdict.CRASHED, "answers cost too much to check", f"the tests' process ended with {report['checker']}"
    if found["reason"] == "tests":
        return Verdict.UNJUDGED, "tests cannot be sent", found["detail"]
    if found["reason"] != "ended":
        return Verdict.CRASHED, found["reason"], found["detail"]
    if report["status"] < 0:
        return Verdict.CRASHED, f"signal {_signal(-report['status'])}", ""
    return Verdict.CRASHED, "ended before its tests", f"exit code {report['status']}"


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return str(number)


def _environment() -> dict[str, str]:
    """All that programs see of an environment. A fixed hash seed makes the order of sets the same in every run."""
    path = f"{Path(sys.prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"} | dict.fromkeys(_THREADS, "1")


def _readable_by_all(path: Path) -> bool:
    return all(p.stat().st_mode & 0o5 == 0o5 for p in (path, *path.parents))


def _seatbelt(paths: Sequence[Path], scratch: str) -> str:
    """A profile that denies everything but running this interpreter, and writing below one directory."""
    system = ("/System", "/Library", "/usr", "/private/var/db/dyld", "/dev")
    readable = " ".join(f'(subpath "{p}")' for p in (*system, *paths, Path(scratch).resolve()))
    return (
        "(version 1)(deny default)(allow process-fork)(allow process-exec)(allow sysctl-read)(allow mach-lookup)"
        f'(allow signal (target children))(allow file-read-metadata)(allow file-read* {readable} (literal "/"))'
        f'(allow file-write* (subpath "{Path(scratch).resolve()}") (literal "/dev/null"))'
    )
