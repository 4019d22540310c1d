"""The walls around a process, built from inside: file system, limits, capabilities, system calls.

Called in the warm interpreter and in the processes that it forks, never in the process of the user.
"""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import codeblock
from codeblock.evaluate.sandbox import kernel

USER = GROUP = 1000  # as the sandbox sees them
ZYGOTE_NAMESPACES = (
    kernel.NEWUSER | kernel.NEWNS | kernel.NEWPID | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWCGROUP
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ETC = {
    "passwd": f"coder:x:{USER}:{GROUP}:coder:/tmp:/bin/sh\n",
    "group": f"coder:x:{GROUP}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_ETC_OF_HOST = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "localtime", "mime.types")
_ROOT_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def visible_paths() -> list[Path]:
    """What a program needs to run: the system's programs and libraries, this interpreter with its packages, and this library.

    Not the rest of ``sys.path``: a script's own directory is there too, perhaps somebody's home.
    """
    library = Path(codeblock.__file__).parent
    wanted = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix), library}
    system = {Path("/usr"), *(Path("/", name) for name in _ROOT_LINKS)}
    found = [p.absolute() for p in wanted | system if p.exists()]
    return sorted(p for p in found if not any(other in p.parents for other in found))


def enter_namespaces(paths: Sequence[Path], user: int | None) -> None:
    """Leave the host: new namespaces of all kinds, and a root file system that holds the given paths, read-only later.

    The namespace of processes begins with the next fork.

    Args:
        paths: absolute, visible as they are.
        user: become this host user first; for root only, None for everybody else. Root builds the file system before, because an
            interpreter below ``/root`` is unreachable for others.
    """
    if user is not None:
        kernel.unshare(kernel.NEWNS)
        _build_root(paths)
        kernel.become(user, user)
    outside_user, outside_group = os.geteuid(), os.getegid()
    kernel.unshare(ZYGOTE_NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{USER} {outside_user} 1")
    Path("/proc/self/gid_map").write_text(f"{GROUP} {outside_group} 1")
    if user is None:
        _build_root(paths)


def finish_root() -> None:
    """In the first process of the new namespace: its own ``/proc``, and everything read-only."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV)
    kernel.make_read_only("/")


def enter_private(paths: Sequence[Path], disk_bytes: int, files: int) -> None:
    """In the first process of a program's own namespace of processes: its other namespaces, ``/proc``, ``/tmp`` and loopback.

    Args:
        paths: as in `enter_namespaces`; those below ``/tmp`` are brought into the new one.
        disk_bytes: size of ``/tmp``.
        files: how many may be in it.
    """
    kernel.unshare(kernel.NEWNS | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV)
    hidden = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in paths if Path("/tmp") in path.parents}
    options = f"size={disk_bytes},nr_inodes={files},mode=0700"
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    for path, handle in hidden.items():
        path.mkdir(parents=True)
        kernel.mount(f"/proc/self/fd/{handle}", str(path), None, kernel.MS_BIND | kernel.MS_REC)
        os.close(handle)
    _raise_loopback()
    os.chdir("/tmp")


def set_limits(cpu_seconds: float, memory_bytes: int, file_bytes: int, processes: int | None, descriptors: int) -> None:
    """Set the limits of one process; its descendants inherit them.

    Args:
        cpu_seconds: rounded up, plus one: the exact limit over the whole tree is watched from outside.
        memory_bytes: of private writable memory, four times that of addresses.
        file_bytes: length of one file.
        processes: of this user in this user namespace; None where others of the user count too.
        descriptors: open at once.
    """
    seconds = int(cpu_seconds) + 2
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: 4 * memory_bytes,
        resource.RLIMIT_DATA: memory_bytes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: descriptors,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    if processes is not None:
        wanted[resource.RLIMIT_NPROC] = processes
    if sys.platform == "linux":
        wanted[resource.RLIMIT_MSGQUEUE] = 0
    for limit, value in wanted.items():
        _, most = resource.getrlimit(limit)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        try:
            resource.setrlimit(limit, (value, value))
        except (OSError, ValueError):
            if sys.platform == "linux":  # macOS refuses some of them
                raise


def _build_root(paths: Sequence[Path]) -> None:
    """Build the file system on a tmpfs over ``/tmp`` and make it the root. Sources are opened first: ``/tmp`` may hold them."""
    os.umask(0o022)
    sources = [p for p in (*paths, *(Path("/etc", n) for n in _ETC_OF_HOST), Path("/proc")) if p.exists()]
    sources += [Path("/dev", name) for name in _DEVICES]
    handles = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in sources if not path.is_symlink()}
    links = {path: os.readlink(path) for path in sources if path.is_symlink() and path.parent == Path("/")}
    followed = {p: os.open(p, os.O_PATH | os.O_CLOEXEC) for p in sources if p.is_symlink() and p not in links}
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    root = Path("/tmp")
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.MS_NOSUID, "size=1m,mode=0755")
    for name in ("tmp", "dev", "proc", "etc"):
        (root / name).mkdir()
    (root / "dev/shm").symlink_to("/tmp")
    (root / "dev/fd").symlink_to("/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (root / "dev" / name).symlink_to(f"/proc/self/fd/{number}")
    for name, text in _ETC.items():
        (root / "etc" / name).write_text(text)
    for path, target in links.items():
        (root / path.name).symlink_to(target)
    for path, handle in (handles | followed).items():
        place = root / path.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            place.mkdir(exist_ok=True)
        else:
            place.touch()
        kernel.mount(f"/proc/self/fd/{handle}", str(place), None, kernel.MS_BIND | kernel.MS_REC)
        os.close(handle)
    kernel.enter_root(str(root))


def _raise_loopback() -> None:
    """A new network namespace has its loopback down; correct programs talk to themselves over it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        up_and_running = 0x1 | 0x40
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))
