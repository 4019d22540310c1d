"""The system calls of isolation that Python has no name for.

Namespaces, mounts, capabilities, seccomp and Landlock, through ctypes. Linux on x86-64 and aarch64; elsewhere `supported` is
False and nothing else here may be called. Sources: the manual pages of section 2, `capabilities(7)`, `landlock(7)`,
`seccomp(2)`, and the kernel's `asm-generic/unistd.h` and `asm/unistd_64.h` for the numbers.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_CAP_DAC_READ_SEARCH = 2
_SETATTR_READ_ONLY, _SETATTR_NOSUID, _AT_RECURSIVE = 0x1, 0x2, 0x8000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER = 1, 4, 8, 22, 36
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 38, 47

ARCHITECTURE = platform.machine()
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None where the architecture has no such call
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # what builds or changes the walls
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "sethostname": (170, 161), "setdomainname": (171, 162),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "kcmp": (312, 272), "process_madvise": (440, 440), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # large and young parts of the kernel that no solution needs
    "bpf": (321, 280), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "userfaultfd": (323, 282), "perf_event_open": (298, 241),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "fanotify_init": (300, 262),
    "vhangup": (153, 58), "personality": (135, 92), "io_setup": (206, 0), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42),
    "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None), "uselib": (134, None), "_sysctl": (156, None),
    # memory that no process's resident set shows, so that the watch over the whole tree would not see it
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186),
    "semget": (64, 190),
    # asked for by name elsewhere in this module
    "clone": (56, 220), "clone3": (435, 435), "socket": (41, 198), "mmap": (9, 222), "prlimit64": (302, 261),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "kill": (62, 129),
    "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "connect": (42, 203), "bind": (49, 200), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274), "setpriority": (141, 140),
    "ioprio_set": (251, 30), "capset": (126, 91), "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}  # fmt: skip
_HANDLED = {"clone", "clone3", "socket", "mmap", "prlimit64", "fork", "vfork", "execve", "execveat", "kill", "tkill", "tgkill",
            "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "connect", "bind", "sched_setaffinity",
            "sched_setscheduler", "sched_setparam", "sched_setattr", "setpriority", "ioprio_set", "capset",
            "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"}  # fmt: skip
DENIED = sorted(set(_NUMBERS) - _HANDLED)
"""Calls that end with EPERM in every sandboxed process."""

ALONE = (
    "fork", "vfork", "execve", "execveat", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "socket",
    "connect", "bind", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr", "setpriority", "ioprio_set",
)  # fmt: skip
"""Calls denied besides where no namespace keeps a process from others: those that make, signal, slow or talk to one."""


def supported() -> bool:
    """Whether this system is one that the numbers above are for."""
    return sys.platform == "linux" and ARCHITECTURE in _AUDIT_ARCH and sys.maxsize > 2**32


def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


_LIBC = _libc()


def number(name: str) -> int | None:
    """Number of a system call on this architecture; None where it has none."""
    return _NUMBERS[name][0 if ARCHITECTURE == "x86_64" else 1]


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def _syscall(name: str, *arguments: object) -> int:
    return _checked(_LIBC.syscall(ctypes.c_long(number(name) or 0), *arguments), name)


def prctl(option: int, *arguments: int) -> None:
    """`prctl(2)`; raises OSError."""
    values = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(_LIBC.prctl(option, *values), f"prctl {option}")


def die_with_parent(signal: int) -> None:
    """Be sent a signal when the parent ends; undone by a change of user."""
    prctl(_PR_SET_PDEATHSIG, signal)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has ended."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def gain_nothing_more() -> None:
    """No later exec gives privileges."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def unshare(flags: int) -> None:
    """`unshare(2)`; raises OSError."""
    _checked(_LIBC.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """`setns(2)`; raises OSError."""
    _checked(_LIBC.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """`mount(2)`; raises OSError."""
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    result = _LIBC.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _checked(result, f"mount {source} on {target}")


def make_read_only(path: str) -> None:
    """Make a mount and all mounts below it read-only and without set-user-id programs."""
    attributes = struct.pack("QQQQ", _SETATTR_READ_ONLY | _SETATTR_NOSUID, 0, 0, 0)
    _syscall("mount_setattr", -100, os.fsencode(path), _AT_RECURSIVE, attributes, ctypes.c_size_t(len(attributes)))


def enter_root(path: str) -> None:
    """Make a mount point the root of this mount namespace, and let go of the old one."""
    os.chdir(path)
    _syscall("pivot_root", b".", b".")
    _checked(_LIBC.umount2(b".", _MNT_DETACH), "umount2")
    os.chdir("/")


def become(user: int, group: int, keep_reading: bool = False) -> None:
    """Drop root for good.

    Args:
        user: numeric user that remains.
        group: its only group.
        keep_reading: keep the one capability to read and search all files, for use where Landlock says which.
    """
    os.setgroups([])
    os.setresgid(group, group, group)
    prctl(_PR_SET_KEEPCAPS, int(keep_reading))
    os.setresuid(user, user, user)
    set_capabilities(1 << _CAP_DAC_READ_SEARCH if keep_reading else 0)
    if keep_reading:
        prctl(_PR_CAP_AMBIENT, 2, _CAP_DAC_READ_SEARCH)
    prctl(_PR_SET_DUMPABLE, 1)  # or /proc/self would still be root's


def set_capabilities(mask: int) -> None:
    """Set the effective, permitted and inheritable capabilities to those below 32 in a bit mask."""
    header = struct.pack("Ii", 0x20080522, 0)
    _syscall("capset", header, struct.pack("IIIIII", mask, mask, mask, 0, 0, 0))


def restrict_calls(alone: bool) -> None:
    """Deny system calls to this process and its children, for good; `gain_nothing_more` must have been called.

    Args:
        alone: deny also what reaches other processes (`ALONE`); threads remain.
    """
    program = _filter(alone)
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    argument = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer))
    _checked(_LIBC.prctl(_PR_SET_SECCOMP, 2, argument, 0, 0), "seccomp")


_Instruction = tuple[int, int, int, int]
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_NAMESPACES = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
_THREAD, _SHARED_ANONYMOUS = 0x00010000, 0x21
_FAMILIES = (1, 2, 10)  # unix, inet, inet6


def _filter(alone: bool) -> list[_Instruction]:
    """The seccomp program: per call a test of its number, then of its arguments; see `seccomp(2)` for the layout loaded from."""

    def low(argument: int) -> _Instruction:
        return (_LOAD, 0, 0, 16 + 8 * argument)

    def deny(code: int = _EPERM) -> _Instruction:
        return (_RETURN, 0, 0, _ERRNO | code)

    allow: _Instruction = (_RETURN, 0, 0, _ALLOW)
    rules: dict[str, list[_Instruction]] = {name: [deny()] for name in DENIED}
    rules["clone"] = [low(0), (_ANY_BIT, 0, 1, _NAMESPACES), deny(), allow]
    rules["clone3"] = [deny(_ENOSYS)]  # its flags lie in memory, where a filter cannot look; libraries then use clone
    # vsock and others know no network namespace
    rules["socket"] = [low(0), *[(_EQUAL, len(_FAMILIES) - n, 0, f) for n, f in enumerate(_FAMILIES)], deny(_EAFNOSUPPORT), allow]
    # its pages outlive their mappings unseen; what needs it has files in /dev/shm
    rules["mmap"] = [low(3), (_AND, 0, 0, _SHARED_ANONYMOUS), (_EQUAL, 0, 1, _SHARED_ANONYMOUS), deny(), allow]
    if alone:
        me = os.getpid()
        rules |= {name: [deny()] for name in ALONE}
        rules["clone"] = [low(0), (_ANY_BIT, 1, 0, _THREAD), deny(), (_ANY_BIT, 0, 1, _NAMESPACES), deny(), allow]
        rules["tgkill"] = [low(0), (_EQUAL, 1, 0, me), deny(), allow]  # abort() and raise() use it on themselves
        rules["kill"] = rules["tgkill"]
        rules["prlimit64"] = [low(0), (_EQUAL, 2, 0, 0), (_EQUAL, 1, 0, me), deny(), allow]
    program: list[_Instruction] = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _AUDIT_ARCH[ARCHITECTURE]), (_RETURN, 0, 0, _KILL)]
    program.append((_LOAD, 0, 0, 0))
    if ARCHITECTURE == "x86_64":  # the x32 numbers of the same calls
        program += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    for name, rule in rules.items():
        if (nr := number(name)) is not None:
            program += [(_EQUAL, 0, len(rule), nr), *rule]
    return [*program, allow]


_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, read a directory
_ON_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15


def landlock_version() -> int:
    """Version of Landlock that the kernel offers; 0 for none."""
    if not supported():
        return 0
    return max(0, _LIBC.syscall(ctypes.c_long(number("landlock_create_ruleset") or 0), None, ctypes.c_size_t(0), 1))


def restrict_files(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Let this process and its children reach the files below the given paths only, for good.

    TCP, abstract sockets and signals to the outside are denied as far as the kernel's Landlock knows them.

    Args:
        readable: files and directories that may be read and executed; what does not exist is passed over.
        writable: directories in which everything but making devices may be done.
    """
    version = landlock_version()
    rights = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    network, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    attributes = struct.pack("QQQ", rights, network, scope)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = _syscall("landlock_create_ruleset", attributes, ctypes.c_size_t(len(attributes)), 0)
    devices = 1 << 6 | 1 << 11
    for paths, allowed in ((readable, _READ), (writable, rights & ~devices)):
        for path in paths:
            if not path.exists():
                continue
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
            granted = allowed & rights & (-1 if path.is_dir() else _ON_FILES)
            _syscall("landlock_add_rule", ruleset, 1, struct.pack("=Qi", granted, handle), 0)
            os.close(handle)
    _syscall("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)
