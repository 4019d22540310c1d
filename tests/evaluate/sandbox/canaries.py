"""What hostile programs aim at, and whether it is untouched."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.evaluate.sandbox.battery import Program

SECRET = "CANARY_SECRET"


@dataclass
class Canaries:
    home: Path
    listeners: list[socket.socket]
    process: subprocess.Popen[bytes]
    packages: Path
    watched: dict[Path, set[str]] = field(default_factory=dict)

    def aim(self, program: Program) -> str:
        places = {
            "@HOME@": str(self.home),
            "@PORT@": str(self.listeners[0].getsockname()[1]),
            "@OTHER@": str(self.listeners[1].getsockname()[1]),
            "@PID@": str(self.process.pid),
        }
        source = program.source
        for name, value in places.items():
            source = source.replace(name, value)
        return source

    def damage(self) -> list[str]:
        """What has been touched since the canaries were made."""
        found = []
        if (self.home / "precious").read_text() != "secret":
            found.append("a file in home was changed")
        if extra := {p.name for p in self.home.iterdir()} - {"precious", "socket"}:
            found.append(f"files in home were made: {extra}")
        for directory, before in self.watched.items():
            if extra := set(os.listdir(directory)) - before:
                found.append(f"files in {directory} were made: {extra}")
        for listener in self.listeners:
            with contextlib.suppress(BlockingIOError):
                listener.accept()
                found.append(f"a connection came to {listener.getsockname()}")
        if self.process.poll() is not None:
            found.append("a process outside was killed")
        return found


@contextlib.contextmanager
def canaries(directory: Path) -> Iterator[Canaries]:
    home = directory / "home"
    home.mkdir()
    (home / "precious").write_text("secret")
    home.chmod(0o777)  # nothing but the sandbox keeps anybody out
    (home / "precious").chmod(0o666)
    os.environ[SECRET] = "1"
    with contextlib.ExitStack() as stack:
        listeners = []
        for address in ("127.0.0.1", "127.0.0.2"):
            listeners.append(stack.enter_context(socket.create_server((address, 0))))
        for family_address in (f"\0codeblock-canary-{listeners[0].getsockname()[1]}", str(home / "socket")):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(family_address)
            listener.listen()
            listeners.append(listener)
        (home / "socket").chmod(0o777)
        for listener in listeners:
            listener.setblocking(False)
        user = 65534 if os.geteuid() == 0 else None
        process = subprocess.Popen(["sleep", "1000"], user=user)
        packages = Path(os.__file__).parent
        watched = {p: set(os.listdir(p)) for p in (packages, packages / "json", Path("/"), Path("/usr"), Path(sys.prefix))}
        try:
            yield Canaries(home, listeners, process, packages, watched)
        finally:
            process.kill()
            process.wait()
            os.environ.pop(SECRET, None)
