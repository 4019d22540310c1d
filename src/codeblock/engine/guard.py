"""A process that runs a stage for us and may die doing so.

Parsers written in C can hang, exhaust memory or crash on hostile text, and nothing inside the process can stop them. So the
stage runs in other processes: a *nursery*, a fresh interpreter that sets the stage up once, forks one *child* after the other,
and each child works until it dies. The time limit of a row is a kernel timer whose signal ends the child, whatever it is doing
and even if its ancestors have died; it costs two system calls. The timer counts processor time, so that a busy machine drops no
rows that an idle one keeps; a second one, of wall time, ends what waits instead of working. Rows travel in small chunks: a chunk
that kills its child is run again row by row, so that exactly the rows that kill it alone are dropped.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

import pyarrow as pa

from codeblock.engine.stage import Stage
from codeblock.errors import CodeblockError

OWN_SHARE = 0.75
"""Of a row's time: what a stage may take by its own clock; the guard ends what no check inside it can."""

_CHUNK_ROWS = 16
_PATIENCE = 4  # wall time, in limits of processor time
_TIMERS = {signal.ITIMER_PROF: 1, signal.ITIMER_REAL: _PATIENCE}
_TIME_IS_UP = (-signal.SIGPROF, -signal.SIGALRM)
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from codeblock.engine.guard import serve; serve(int(sys.argv[1]))"
)
_READY, _FORK, _TABLE, _RAISED = b"R", b"F", b"T", b"E"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # more would be a danger at a fork

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one row may take.

    Attributes:
        seconds: processor time, user and system; four times as much wall time.
        memory: bytes of address space on top of what the stage uses after `setup`.
    """

    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is no result: `cause` is ``timeout`` or ``crash``."""

    cause: str
    detail: str


class Worker:
    """A stage in processes of its own, started when they are first needed and again after they died. Not thread-safe.

    Args:
        stage: must be picklable by the name of its class.
        limits: per row; without them a row may take what it wants, and one that kills the worker is an error.
    """

    def __init__(self, stage: Stage, limits: Limits | None = None) -> None:
        self._stage = stage
        self._limits = limits
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: Connection[Any, Any] | None = None  # to the nursery
        self._pipe: Connection[Any, Any] | None = None  # to the child
        self._closed = False
        self._lock = Lock()  # `close` is called while another thread runs the stage

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Run the stage. With limits, a row that breaks them gets the reason ``<stage>_timeout`` or ``<stage>_crash``.

        Raises:
            CodeblockError: the stage cannot be set up; or, without limits, it failed.
        """
        if self._limits is None:
            result = self._run(batch)
            if isinstance(result, _Failure):
                raise CodeblockError(f"stage {self._stage.name} failed: {result.detail}")
            return result
        parts: list[pa.Table] = []
        for begin in range(0, batch.num_rows, _CHUNK_ROWS):
            chunk = batch.slice(begin, _CHUNK_ROWS)
            result = self._run(chunk)
            if isinstance(result, _Failure):
                parts.extend(self._run_alone(chunk.slice(row, 1)) for row in range(chunk.num_rows))
            else:
                parts.append(result)
        return pa.concat_tables(parts) if parts else self._stage.schema.empty_table()

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        with self._lock:
            self._closed = True
            nursery = self._nursery
        if nursery is not None and nursery.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it may end by itself, and another thread may wait for it
                os.killpg(nursery.pid, signal.SIGKILL)
            nursery.wait()

    def _run_alone(self, row: pa.Table) -> pa.Table:
        """Run one row, and drop it when it fails."""
        result = self._run(row)
        if not isinstance(result, _Failure):
            return result
        identifier = row["id"][0].as_py()
        _log.info("%s: row %s dropped: %s", self._stage.name, identifier, result.detail)
        return dropped(self._stage.schema, [identifier], [f"{self._stage.name}_{result.cause}"])

    def _run(self, batch: pa.Table) -> pa.Table | _Failure:
        """Run the stage on a table, in a living child."""
        try:
            if self._pipe is None:
                self._fork()
            assert self._pipe is not None
            self._pipe.send_bytes(_to_bytes(batch))
            answer = self._pipe.recv_bytes()
        except (EOFError, OSError):
            return self._bury()
        if answer[:1] == _TABLE:
            return _from_bytes(answer[1:])
        return _Failure("crash", answer[1:].decode())

    def _fork(self) -> None:
        """Get a new child from the nursery."""
        if self._nursery is None:
            self._start()
        assert self._control is not None
        self._control.send_bytes(_FORK)
        self._pipe = Connection(recv_handle(self._control))

    def _start(self) -> None:
        """Start the nursery and wait until its stage is set up."""
        self._control, theirs = Pipe()
        with self._lock:
            if self._closed:
                raise CodeblockError(f"stage {self._stage.name} was stopped")
            self._nursery = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno()), json.dumps(sys.path)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,
                env=os.environ | _ONE_THREAD,
                process_group=0,
            )
        theirs.close()  # so that the end of the process is the end of the pipe
        try:
            self._control.send((self._stage, self._limits))
            answer = self._control.recv_bytes()
        except (EOFError, OSError):
            failure = self._bury()
            raise CodeblockError(f"stage {self._stage.name}: its worker died while setting up ({failure.detail})") from None
        if answer[:1] != _READY:
            raise CodeblockError(f"stage {self._stage.name} cannot be set up: {answer[1:].decode()}")

    def _bury(self) -> _Failure:
        """Take leave of a dead child, or of a dead nursery, and say what it died of."""
        assert self._nursery is not None and self._control is not None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        try:
            code = int(self._control.recv_bytes())
        except (EOFError, OSError):
            self._control.close()
            code = self._nursery.wait()
            self._nursery = None
        if self._closed:
            raise CodeblockError(f"stage {self._stage.name} was stopped")
        if code in _TIME_IS_UP and self._limits is not None:
            return _Failure("timeout", f"took longer than {self._limits.seconds:g} s")
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return _Failure("crash", f"worker {how}")


def dropped(schema: pa.Schema, ids: list[str], reasons: list[str]) -> pa.Table:
    """Rows that carry nothing but their reason."""
    rows = [{"id": identifier, "reason": reason} for identifier, reason in zip(ids, reasons, strict=True)]
    return pa.Table.from_pylist(rows, schema=schema)


def serve(descriptor: int) -> None:
    """Be the nursery: set the stage up, then fork a child whenever the parent asks for one, and tell how it ended."""
    # the parent decides when to stop: a signal to everybody must not look like a row that kills
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pa.set_cpu_count(1)
    control: Connection[Any, Any] = Connection(descriptor)
    try:
        stage, limits = control.recv()
        stage.setup()
        # the first conversion in a process makes pyarrow import pandas where there is one; no row shall pay for that
        _from_bytes(_to_bytes(pa.Table.from_pylist([{"id": ""}]))).to_pylist()
    except Exception as error:
        control.send_bytes(_RAISED + f"{type(error).__name__}: {error}".encode())
        return
    control.send_bytes(_READY)
    try:
        while control.recv_bytes() == _FORK:
            ours, theirs = Pipe()
            child = os.fork()
            if child == 0:
                control.close()
                theirs.close()
                _work(ours, stage, limits)
            ours.close()
            send_handle(control, theirs.fileno(), None)
            theirs.close()
            _, status = os.waitpid(child, 0)
            control.send_bytes(str(os.waitstatus_to_exitcode(status)).encode())
    except (EOFError, OSError):  # the parent has died or does not need us any more
        return


def _work(pipe: Connection[Any, Any], stage: Stage, limits: Limits | None) -> NoReturn:
    """Be a child: answer tables with tables until the pipe ends."""
    try:
        for alarm in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(alarm, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF, signal.SIGALRM])
        if limits is not None:
            _limit_memory(limits.memory)
        while True:
            batch = _from_bytes(pipe.recv_bytes())
            try:
                if limits is not None:
                    _set_timers(limits.seconds)
                answer = _TABLE + _to_bytes(stage(batch))
            except Exception:  # whatever the stage does to a row, the parent decides what it means
                answer = _RAISED + traceback.format_exc(limit=-4).encode()
            finally:
                _set_timers(0)
            pipe.send_bytes(answer)
    except (EOFError, OSError):
        os._exit(0)
    finally:
        os._exit(1)  # a fork never returns into its parent's program


def _set_timers(seconds: float) -> None:
    for timer, patience in _TIMERS.items():
        signal.setitimer(timer, seconds * patience)


def _limit_memory(allowance: int) -> None:
    """Bound the address space to what is in use now plus `allowance`; only Linux says and enforces it."""
    status = Path("/proc/self/statm")
    if status.exists():
        limit = int(status.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") + allowance
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _from_bytes(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()
