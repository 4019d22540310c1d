"""Programs that are correct, hostile or faulty, and programs that attack the protocol of the sandbox itself.

Every one defines ``f``, and passes if ``f(2) == 4`` and ``f(3) == 9``. A hostile one answers so only where its attack came through,
as far as it can see from inside; so among them a pass is a breach or a forgery. ``@HOME@`` is a directory with canary files, ``@PORT@``
a listener on 127.0.0.1, ``@OTHER@`` one on 127.0.0.2 that stands for the world outside, ``@PID@`` a process that must live on.
Network programs aim at loopback alone, destructive ones at canaries made for the test, and bombs are small.
"""

from dataclasses import dataclass

SQUARE = "def f(x):\n    return x * x\n"


@dataclass(frozen=True, slots=True)
class Program:
    id: str
    title: str
    source: str
    correct: bool = False
    slow: bool = False  # runs into a time limit


def attack(body: str) -> str:
    """A program that squares only if the statements of `body` run to their end."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return f"BREACH = False\ntry:\n{lines}    BREACH = True\nexcept BaseException:\n    pass\ndef f(x):\n    return x * x if BREACH else 0\n"


CORRECT = {
    "plain": SQUARE,
    "prints 20 kB": "def f(x):\n    print('x' * 20_000)\n    return x * x\n",
    "recursion 900 deep": "def g(n):\n    return 0 if n == 0 else 1 + g(n - 1)\ndef f(x):\n    return x * x + g(900) - 900\n",
    "thread pool": "from concurrent.futures import ThreadPoolExecutor\ndef f(x):\n    with ThreadPoolExecutor(4) as p:\n        return sum(p.map(lambda _: x, range(x)))\n",
    "temporary file and os.remove": "import os\ndef f(x):\n    open('a.txt', 'w').write(str(x))\n    n = int(open('a.txt').read())\n    os.remove('a.txt')\n    return n * n\n",
    "os.getcwd and os.path.abspath": "import os\ndef f(x):\n    return x * x if os.path.abspath('a').startswith(os.getcwd()) else 0\n",
    "subprocess": "import subprocess\ndef f(x):\n    return int(subprocess.run(['echo', str(x * x)], capture_output=True, text=True).stdout)\n",
    "slow import": "import time\ntime.sleep(0.4)\n" + SQUARE,
    "loopback server in a thread": "import socket, threading\ns = socket.create_server(('127.0.0.1', 0))\nthreading.Thread(target=lambda: s.accept()[0].sendall(b'x'), daemon=True).start()\ndef f(x):\n    return x * x\nassert socket.create_connection(s.getsockname()).recv(1) == b'x'\n",
    "broad except and quit": "def f(x):\n    try:\n        quit()\n    except BaseException:\n        return x * x\n",
    "multiprocessing pool": "import multiprocessing\ndef g(x):\n    return x * x\ndef f(x):\n    with multiprocessing.get_context('fork').Pool(2) as p:\n        return p.map(g, [x])[0]\n",
    "TemporaryDirectory": "import tempfile, pathlib\ndef f(x):\n    with tempfile.TemporaryDirectory() as d:\n        p = pathlib.Path(d, 'a'); p.write_text(str(x)); return int(p.read_text()) ** 2\n",
    "dataclass and pickle": "import dataclasses, pickle\n@dataclasses.dataclass\nclass A:\n    n: int\ndef f(x):\n    return pickle.loads(pickle.dumps(A(x))).n ** 2\n",
    "sqlite3": "import sqlite3\ndef f(x):\n    return sqlite3.connect('a.db').execute('select ? * ?', (x, x)).fetchone()[0]\n",
    "asyncio": "import asyncio\nasync def g(x):\n    await asyncio.sleep(0)\n    return x * x\ndef f(x):\n    return asyncio.run(g(x))\n",
    "huge ints on the way": "import math\ndef f(x):\n    return (math.factorial(3000) * x * x) // math.factorial(3000)\n",
    "shared memory": "from multiprocessing import shared_memory\ndef f(x):\n    m = shared_memory.SharedMemory(create=True, size=16)\n    m.buf[0] = x; n = m.buf[0]; m.close(); m.unlink()\n    return n * n\n",
    "alarm with a handler": "import signal\nhits = []\nsignal.signal(signal.SIGALRM, lambda *_: hits.append(1))\ndef f(x):\n    signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()\n    return x * x if hits else 0\n",
    "random, uuid and time": "import random, uuid, time\ndef f(x):\n    random.random(); uuid.uuid4(); time.time()\n    return x * x\n",
    "namedtuple arithmetic": "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(x):\n    p = P(x, x); return p.x * p.y\n",
    "environment with a default": "import os\ndef f(x):\n    return x * x if os.environ.get('NOT_SET', 'd') == 'd' else 0\n",
    "file through mmap": "import mmap\ndef f(x):\n    with open('m', 'w+b') as h:\n        h.write(bytes([x] * 10)); h.flush()\n        m = mmap.mmap(h.fileno(), 10); n = m[3]; m.close()\n    return n * n\n",
    "prints Unicode": "def f(x):\n    print('ß 中 🎉')\n    return x * x\n",
    "recursion limit raised": "import sys\nsys.setrecursionlimit(6000)\ndef g(n):\n    return 0 if n == 0 else 1 + g(n - 1)\ndef f(x):\n    return x * x + g(4000) - 4000\n",
    "zipfile": "import zipfile, io\ndef f(x):\n    b = io.BytesIO(); z = zipfile.ZipFile(b, 'w'); z.writestr('a', str(x)); z.close()\n    return int(zipfile.ZipFile(b).read('a')) ** 2\n",
    "writes in its home": "from pathlib import Path\ndef f(x):\n    (Path.home() / 'n').write_text(str(x)); return int((Path.home() / 'n').read_text()) ** 2\n",
    "kills its own child": "import subprocess\ndef f(x):\n    p = subprocess.Popen(['sleep', '60']); p.kill(); p.wait(); return x * x\n",
    "defines a class that equals all, unused": "class A:\n    def __eq__(self, other):\n        return True\n" + SQUARE,
    "main guard": SQUARE + "if __name__ == '__main__':\n    raise SystemExit(1)\n",
    "numpy scalar": "import numpy\ndef f(x):\n    return numpy.int64(x) ** 2\n",
    "threads that never end": "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n" + SQUARE,
    "closes stdin and stdout": "import sys\nsys.stdin.close(); sys.stdout.close()\n" + SQUARE,
    "sort of its argument's copy": "def f(x):\n    v = [x] * x; v.sort(); return sum(v)\n",
    "lambda": "f = lambda x: x * x\n",
    "callable object": "class F:\n    def __call__(self, x):\n        return x * x\nf = F()\n",
    "decorated with lru_cache": "import functools\n@functools.lru_cache\ndef f(x):\n    return x * x\n",
    "allocates 60 MB": "def f(x):\n    b = bytearray(60 << 20); return x * x + b[5]\n",
}  # fmt: skip

_WRITE = "open({!r}, 'w').write('x')"

HOSTILE = {
    "infinite loop": "def f(x):\n    while True:\n        pass\n",
    "loop that catches everything": "def f(x):\n    while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass\n",
    "memory in 10 MB steps": attack("a = []\nwhile len(a) < 100:\n    a.append(bytearray(10 << 20))"),
    "memory that is mapped shared": attack("import mmap\nkeep = []\nfor _ in range(60):\n    m = mmap.mmap(-1, 10 << 20); m.write(bytes(10 << 20)); keep.append(m)"),
    "memfd_create": attack("import os\nfd = os.memfd_create('x')\nos.write(fd, bytes(1 << 20))"),
    "SysV shared memory": attack("import ctypes\nassert ctypes.CDLL(None).shmget(0, 1 << 20, 0o1600) >= 0"),
    "120 sleeping children": attack("import posix, time\nfor _ in range(120):\n    if posix.fork() == 0:\n        time.sleep(100); posix._exit(0)"),
    "children that fork children": attack("import os, time\nfor depth in range(12):\n    os.fork()\ntime.sleep(0.2)\nassert len([n for n in os.listdir('/proc') if n.isdigit()]) > 500"),
    "10 children hold 60 MB each": "import os, time\nfor _ in range(10):\n    if os.fork() == 0:\n        b = bytearray(60 << 20)\n        for i in range(0, len(b), 4096):\n            b[i] = 1\n        time.sleep(100)\ntime.sleep(60)\ndef f(x):\n    return x * x\n",
    "stdout flood": "import os\nfor _ in range(100):\n    os.write(1, b'x' * (1 << 20)); os.write(2, b'x' * (1 << 20))\ndef f(x):\n    return 0\n",
    "disk fill in several places": attack("import os\nn = 0\nfor place in ('.', '/tmp', '/dev/shm', '/dev', '/var/tmp', '/run'):\n    try:\n        for i in range(8):\n            with open(f'{place}/fill{i}', 'wb') as h:\n                for _ in range(16):\n                    h.write(bytes(1 << 20)); n += 1\n    except OSError:\n        pass\nassert n > 64"),
    "files without number": attack("for i in range(30_000):\n    open(f'a{i}', 'w').close()"),
    "sparse file of 1 TB": attack("import os\nos.truncate(os.open('a', os.O_RDWR | os.O_CREAT), 1 << 40)\nos.truncate('a', 1 << 40)"),
    "20,000 open files": attack("k = [open('/dev/null') for _ in range(20_000)]"),
    "recursion to a stack overflow": "import sys\nsys.setrecursionlimit(10**9)\ndef g(n):\n    return g(n + 1) + 1\ndef f(x):\n    return g(0)\n",
    "segmentation fault": "import ctypes\ndef f(x):\n    ctypes.string_at(0)\n",
    "abort": "import os\ndef f(x):\n    os.abort()\n",
    "import that sleeps": "import time\ntime.sleep(1000)\n" + SQUARE,
    "waits for stdin": "def f(x):\n    return int(input()) ** 2\n",
    "deletes files in home": attack("import os, shutil\nos.remove('@HOME@/precious')\nshutil.rmtree('@HOME@')"),
    "deletes through posix": attack("import posix\nposix.unlink('@HOME@/precious')"),
    "overwrites a file": attack("open('@HOME@/precious', 'w').write('gone')"),
    "appends through io.FileIO": attack("import io\nio.FileIO('@HOME@/precious', 'a').write(b'x')"),
    "reads a key": attack("assert 'secret' in open('@HOME@/precious').read()"),
    "reads the environment": attack("import os\nassert 'CANARY_SECRET' in os.environ"),
    "reads the environment of others": attack("import os\nassert any(b'CANARY_SECRET' in open(f'/proc/{p}/environ', 'rb').read() for p in os.listdir('/proc') if p.isdigit())"),
    "reads the users of the host": attack("assert 'root:' in open('/etc/passwd').read()"),
    "reads the host's shadow": attack("open('/etc/shadow').read()"),
    "lists home": attack("import os\nassert os.listdir('@HOME@')"),
    "makes a directory in home": attack("import os\nos.mkdir('@HOME@/lib')"),
    "writes into the packages": attack("import json, os\nopen(os.path.join(os.path.dirname(json.__file__), 'evil.py'), 'w').write('x')"),
    "writes into site-packages": attack("import sysconfig\nopen(sysconfig.get_paths()['purelib'] + '/evil.pth', 'w').write('x')"),
    "writes into /usr": attack("open('/usr/evil', 'w').write('x')"),
    "writes into the root": attack("open('/evil', 'w').write('x')"),
    "writes a device": attack("import os\nfd = os.open('/dev/mem', os.O_RDWR)"),
    "makes a device": attack("import os, stat\nos.mknod('d', 0o600 | stat.S_IFBLK, os.makedev(8, 0))\nopen('d', 'rb').read(1)"),
    "connects to a service": attack("import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1)"),
    "connects outward": attack("import socket\nsocket.create_connection(('127.0.0.2', @OTHER@), 1)"),
    "sends a datagram outward": attack("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.2', @OTHER@))\nsocket.create_connection(('127.0.0.2', @OTHER@), 1)"),
    "connects by raw _socket": attack("import _socket\ns = _socket.socket(); s.settimeout(1); s.connect(('127.0.0.1', @PORT@))"),
    "connects to an abstract socket": attack("import socket\nsocket.socket(socket.AF_UNIX).connect('\\0codeblock-canary-@PORT@')"),
    "connects to a socket file": attack("import socket\nsocket.socket(socket.AF_UNIX).connect('@HOME@/socket')"),
    "opens a vsock": attack("import socket\nsocket.socket(40, socket.SOCK_STREAM)"),
    "opens a packet socket": attack("import socket\nsocket.socket(17, socket.SOCK_RAW)"),
    "opens a netlink socket": attack("import socket\nsocket.socket(16, socket.SOCK_RAW)"),
    "opens a raw socket": attack("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    "kills its parent": "import os\nif os.getppid() > 1:\n    os.kill(os.getppid(), 9)\ndef f(x):\n    return 0\n",
    "kills everything": "import os\ntry:\n    os.kill(-1, 9)\nexcept OSError:\n    pass\ndef f(x):\n    return 0\n",
    "kills a process by number": attack("import os\nos.kill(@PID@, 9)"),
    "kills by pidfd": attack("import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(@PID@), 9)"),
    "stops its process group": "import os\ntry:\n    os.killpg(0, 19)\nexcept OSError:\n    pass\ndef f(x):\n    return 0\n",
    "lowers the limits of another process": attack("import resource\nresource.prlimit(@PID@, resource.RLIMIT_NOFILE, (0, 0))"),
    "pins another process": attack("import os\nos.sched_setaffinity(@PID@, {0})"),
    "daemon that writes later": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(0.5); open('@HOME@/late', 'w').write('x')\n    os._exit(0)\ndef f(x):\n    return 0\n",
    "daemon with closed files": "import os, time\nif os.fork() == 0:\n    os.setsid(); os.closerange(0, 100)\n    time.sleep(1000)\ndef f(x):\n    return 0\n",
    "writes core_pattern": attack("open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/false')"),
    "writes a sysctl": attack("open('/proc/sys/vm/overcommit_memory', 'w').write('1')"),
    "presses sysrq": attack("open('/proc/sysrq-trigger', 'w').write('h')"),
    "raises its OOM score of others": attack("import os\nopen(f'/proc/{os.getppid()}/oom_score_adj', 'w').write('1000')"),
    "writes the parent's memory": attack("import os\nassert os.getppid() > 0\nopen(f'/proc/{os.getppid()}/mem', 'r+b')"),
    "writes the canary's memory": attack("open('/proc/@PID@/mem', 'r+b')"),
    "ptrace": attack("import ctypes\nassert ctypes.CDLL(None).ptrace(16, @PID@, 0, 0) == 0"),
    "process_vm_readv": attack("import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.process_vm_readv(@PID@, 0, 0, 0, 0, 0)\nassert ctypes.get_errno() == 0"),
    "symlink to home": attack("import os\nos.symlink('@HOME@', 'link')\nopen('link/precious', 'a').write('x')"),
    "swaps its directory for a link": "import os\ntry:\n    d = os.getcwd(); os.chdir('/'); os.rename(d, d + '.old'); os.symlink('@HOME@', d)\nexcept OSError:\n    pass\ndef f(x):\n    return 0\n",
    "locks its own directory": "import os\nos.mkdir('a'); open('a/b', 'w').close(); os.chmod('a', 0); os.chmod('.', 0)\ndef f(x):\n    return 0\n",
    "deep directories": "import os\ntry:\n    for _ in range(3000):\n        os.mkdir('d' * 50); os.chdir('d' * 50)\nexcept OSError:\n    pass\ndef f(x):\n    return 0\n",
    "new user namespace": attack("import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0"),
    "new user namespace by clone": attack("import ctypes\np = ctypes.CDLL(None).syscall(56, 0x10000000 | 17, 0, 0, 0, 0)\nassert p >= 0\nif p == 0:\n    import os; os._exit(0)"),
    "mounts": attack("import ctypes\nassert ctypes.CDLL(None).mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None) == 0"),
    "unmounts": attack("import ctypes\nassert ctypes.CDLL(None).umount2(b'/proc', 2) == 0"),
    "chroot": attack("import os\nos.chroot('.')"),
    "open_by_handle_at": attack("import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nl.syscall(304, 3, ctypes.create_string_buffer(64), 0)\nassert ctypes.get_errno() not in (1, 38)"),
    "bpf": attack("import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nl.syscall(321, 99, 0, 0)\nassert ctypes.get_errno() not in (1, 38)"),
    "io_uring": attack("import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nl.syscall(425, 1, 0)\nassert ctypes.get_errno() not in (1, 38)"),
    "keyring": attack("import ctypes\nassert ctypes.CDLL(None).syscall(250, 0, -3, 1, 0, 0) >= 0"),
    "userfaultfd": attack("import ctypes\nassert ctypes.CDLL(None).syscall(323, 1) >= 0"),
    "perf_event_open": attack("import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nl.syscall(298, 0, 0, -1, -1, 0)\nassert ctypes.get_errno() not in (1, 38)"),
    "set-user-id program": attack("import subprocess, os\nassert subprocess.run(['/bin/su', '-c', 'id -u'], stdin=subprocess.DEVNULL, capture_output=True, timeout=1).stdout.strip() == b'0'"),
    "becomes root": attack("import os\nos.setuid(0)"),
    "has capabilities": attack("assert int(open('/proc/self/status').read().split('CapEff:')[1].split()[0], 16) & ~4"),
    "inherits descriptors": attack("import os\nassert len(os.listdir('/proc/self/fd')) > 6 or any('/' == os.readlink(f'/proc/self/fd/{n}')[0] and 'null' not in os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}') and not os.path.isdir(f'/proc/self/fd/{n}'))"),
    "raises its own limits": attack("import resource\nresource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY,) * 2)"),
    "leaves what the next program reads": "import builtins, sys\nbuiltins.LEFT = 1; sys.modules['left'] = sys\nopen('/tmp/left', 'w').write('x')\ndef f(x):\n    return 0\n",
    "reads what an earlier program left": attack("import os, sys, builtins\nassert os.path.exists('/tmp/left') or 'left' in sys.modules or hasattr(builtins, 'LEFT')"),
    "burns CPU in children": "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        while True:\n            pass\nimport time\ntime.sleep(1000)\ndef f(x):\n    return x * x\n",
    "burns CPU in double forks": "import os\nwhile True:\n    if os.fork() == 0:\n        if os.fork() == 0:\n            t = os.times()\n            while os.times().user < 0.2:\n                pass\n        os._exit(0)\n    os.wait()\n",
}  # fmt: skip

FORGED = {
    "os._exit(0)": "import os\nos._exit(0)\n",
    "os._exit(0) in the call": "import os\ndef f(x):\n    os._exit(0)\n",
    "sys.exit(0)": "import sys\ndef f(x):\n    sys.exit(0)\n",
    "SystemExit on import": "raise SystemExit(0)\n",
    "atexit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(x):\n    return 0\n",
    "markers on every descriptor": "import os\nfor n in range(64):\n    try:\n        os.write(n, b'passed\\nPASS\\n{\"verdict\": \"passed\"}\\n')\n    except OSError:\n        pass\ndef f(x):\n    return 0\n",
    "patches builtins, modules, unittest": "import builtins, sys, unittest\nbuiltins.AssertionError = type('E', (Exception,), {'__init__': lambda s, *a: __import__('os')._exit(0)})\nunittest.TestCase.assertEqual = lambda *a: None\nsys.modules['json'] = sys\ndef f(x):\n    return 0\n",
    "__eq__ that is always true": "class A:\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return A()\n",
    "int that lies": "class A(int):\n    def __eq__(self, other):\n        return True\n    __hash__ = int.__hash__\ndef f(x):\n    return A(0)\n",
    "str that lies": "class A(str):\n    def __eq__(self, other):\n        return True\n    __hash__ = str.__hash__\ndef f(x):\n    return A('0')\n",
    "type that lies": "class M(type):\n    def __eq__(self, other):\n        return True\n    __hash__ = type.__hash__\nclass A(metaclass=M):\n    pass\ndef f(x):\n    return A\n",
    "catches the timeout and goes on": "import time\ndef f(x):\n    while True:\n        try:\n            time.sleep(1000)\n        except BaseException:\n            pass\n",
    "disarms every signal": "import signal\nfor s in range(1, 64):\n    try:\n        signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\ndef f(x):\n    while True:\n        pass\n",
    "walks frames for the verdict": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n        for value in list(frame.f_locals.values()):\n            if isinstance(value, list):\n                value.append('passed')\n            if isinstance(value, dict):\n                try:\n                    value['verdict'] = 'passed'\n                except Exception:\n                    pass\n        frame = frame.f_back\n    return 0\n",
    "looks for the answers in memory": "import gc, sys\ndef f(x):\n    for o in gc.get_objects():\n        if isinstance(o, dict) and any(isinstance(v, str) and 'battery-' + 'answers' in v for v in o.values()):\n            return x * x\n    return 0\n",
    "looks for the answers on disk": "import os\ndef f(x):\n    for place, _, names in os.walk('/tmp'):\n        for n in names:\n            if '.venv' not in place and 'battery-' + 'answers' in open(os.path.join(place, n), errors='replace').read():\n                return x * x\n    return 0\n",
    "redefines what tests use": "import builtins\nbuiltins.abs = builtins.len = builtins.all = lambda *a: True\ndef check(c):\n    return True\ndef f(x):\n    return 0\n",
    "raises AssertionError itself": "def f(x):\n    raise AssertionError\n",
    "raises StopIteration": "def f(x):\n    raise StopIteration(x * x)\n",
    "raises KeyboardInterrupt": "def f(x):\n    raise KeyboardInterrupt\n",
    "exception whose text runs code": "class E(Exception):\n    def __str__(self):\n        raise SystemExit(0)\ndef f(x):\n    raise E\n",
    "exception class with a builtin's name": "class AssertionError(BaseException):\n    pass\ndef f(x):\n    raise AssertionError\n",
    "NaN": "def f(x):\n    return float('nan')\n",
    "right only by repr": "class A:\n    def __repr__(self):\n        return '4'\n    __str__ = __repr__\ndef f(x):\n    return A()\n",
    "no f at all": "g = 1\n",
    "syntax error": "def f(x:\n",
    "null bytes": "def f(x):\n    return 0\n\0",
    "lone surrogate": "f = lambda x: '\ud800'\n",
    "a generator": "def f(x):\n    yield x * x\n",
    "a cyclic list": "def f(x):\n    a = []\n    a.append(a)\n    return a\n",
    "5 MB of text": "def f(x):\n    return 'x' * (5 << 20)\n",
    "an object that encodes forever": "class A(list):\n    def __iter__(self):\n        while True:\n            yield 1\ndef f(x):\n    return A()\n",
}  # fmt: skip

_SPEAK = """
import json, os, socket, stat, struct, sys
def channel():
    for n in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(n).st_mode):
                return socket.socket(fileno=n)
        except OSError:
            pass
S = channel()
def frame(o):
    body = o if isinstance(o, bytes) else json.dumps(o).encode()
    S.sendall(struct.pack('>I', len(body)) + body)
def get():
    n = struct.unpack('>I', S.recv(4, socket.MSG_WAITALL))[0]
    return json.loads(S.recv(n, socket.MSG_WAITALL))
def find():
    frame = sys._getframe()
    while 'request' not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals['request']['id']
"""


def answer(value: str) -> str:
    """A program that speaks the protocol itself and answers every call with an encoded value of its own making."""
    return f"{_SPEAK}frame({{'id': find()}})\nwhile True:\n    r = get()\n    frame({value})\n"


PROTOCOL = {
    "answers in advance, small numbers": f"{_SPEAK}frame({{'id': find()}})\nfor n in range(3000):\n    frame({{'id': n, 'value': 4}})\ndef f(x):\n    return 0\n",
    "answers in advance, the number of the load": f"{_SPEAK}n = find()\nfor v in (0, 4, 9):\n    frame({{'id': n, 'value': v}})\ndef f(x):\n    return 0\n",
    "answers in advance, then exits": f"{_SPEAK}n = find()\nfor d in range(50):\n    frame({{'id': n + d, 'value': 4}})\nos._exit(0)\n",
    "a frame of 4 GB": f"{_SPEAK}S.sendall(b'\\xff\\xff\\xff\\xff')\nos.read(0, 1)\ndef f(x):\n    return 0\n",
    "a frame of 3.9 MB that is no JSON": answer("b'{' * 3_900_000"),
    "a frame that is no text": answer("b'\\xff\\xfe' * 1000"),
    "a frame that is a list": answer("[r['id'], 4]"),
    "an empty frame": answer("b''"),
    "an answer without number": answer("{'value': 4}"),
    "a number as text": answer("{'id': str(r['id']), 'value': 4}"),
    "a number that is true": answer("{'id': True, 'value': 4}"),
    "a number off by one": answer("{'id': r['id'] + 1, 'value': 4}"),
    "brackets a million deep": answer("b'[' * 1_000_000"),
    "tuples 100,000 deep": answer("(b'{\"id\": %d, \"value\": ' % r['id']) + b'{\"t\":[' * 100_000 + b']}' * 100_000 + b'}'"),
    "60,000 colliding ints in a set": answer("{'id': r['id'], 'value': {'s': [{'i': hex(n * (2**61 - 1))} for n in range(60_000)]}}"),
    "60,000 colliding keys in a dict": answer("{'id': r['id'], 'value': {'d': [[{'i': hex(n * (2**61 - 1))}, 0] for n in range(60_000)]}}"),
    "a million empty lists": answer("{'id': r['id'], 'value': [[]] * 1_000_000}"),
    "an int of 3.9 million digits": answer("{'id': r['id'], 'value': {'i': '0x' + 'f' * 3_900_000}}"),
    "an int in decimal of a million digits": answer("(b'{\"id\": %d, \"value\": ' % r['id']) + b'9' * 1_000_000 + b'}'"),
    "an enormous Decimal": answer("{'id': r['id'], 'value': {'m': '1e999999999999999'}}"),
    "an enormous Fraction": answer("{'id': r['id'], 'value': {'p': [{'i': '0x' + 'f' * 1_900_000}, {'i': '0x' + 'e' * 1_900_000}]}}"),
    "a Fraction over zero": answer("{'id': r['id'], 'value': {'p': [4, 0]}}"),
    "an endless range": answer("{'id': r['id'], 'value': {'r': [0, 1 << 52, 1]}}"),
    "a range without step": answer("{'id': r['id'], 'value': {'r': [0, 9, 0]}}"),
    "a timedelta out of range": answer("{'id': r['id'], 'value': {'u': [1 << 52, 0, 0]}}"),
    "a date that is none": answer("{'id': r['id'], 'value': {'w': ['system', 'x']}}"),
    "a type that is a function": answer("{'id': r['id'], 'value': {'y': 'exec'}}"),
    "an unknown tag": answer("{'id': r['id'], 'value': {'evil': 4}}"),
    "a tag with two contents": answer("{'id': r['id'], 'value': {'t': [], 's': []}}"),
    "a handle that is text": answer("{'id': r['id'], 'value': {'h': '4'}}"),
    "a handle of nothing": answer("{'id': r['id'], 'value': {'h': -1}}"),
    "odd hexadecimal": answer("{'id': r['id'], 'value': {'b': 'abc'}}"),
    "an error that exits": answer("{'id': r['id'], 'error': ['SystemExit', 'KeyboardInterrupt', 'GeneratorExit'], 'text': '0'}"),
    "an error that is no list": answer("{'id': r['id'], 'error': 4, 'text': 4}"),
    "an error of a million names": answer("{'id': r['id'], 'error': ['X'] * 900_000, 'text': 'x' * 100_000}"),
    "an error that ends loops": answer("{'id': r['id'], 'error': ['StopIteration'], 'text': '4'}"),
    "needs without end": answer("{'id': r['id'], 'value': 0, 'needs': ['x' * 1000] * 3000}"),
    "needs that are a number": answer("{'id': r['id'], 'value': 0, 'needs': 4}"),
    "arguments that grow": answer("{'id': r['id'], 'value': 0, 'args': [[1] * 900_000]}"),
    "half a frame, then silence": f"{_SPEAK}frame({{'id': find()}})\nget()\nS.sendall(b'\\0\\0\\1')\nimport time\ntime.sleep(1000)\n",
    "half a frame, then the end": f"{_SPEAK}frame({{'id': find()}})\nget()\nS.sendall(b'\\0\\0\\1\\0{{')\nos._exit(0)\n",
    "a frame byte by byte": f"{_SPEAK}frame({{'id': find()}})\nget()\nimport time\nS.sendall(b'\\0\\1\\0\\0')\nwhile True:\n    S.sendall(b' '); time.sleep(0.05)\n",
    "replies without end": f"{_SPEAK}frame({{'id': find()}})\nwhile True:\n    frame({{'id': 1, 'value': 'x' * 3_000_000}})\n",
    "closes the channel": f"{_SPEAK}S.close()\ndef f(x):\n    return 0\n",
    "says nothing more": f"{_SPEAK}S.shutdown(socket.SHUT_WR)\ndef f(x):\n    return 0\n",
    "sends descriptors": f"{_SPEAK}frame({{'id': find()}})\nr = get()\nb = json.dumps({{'id': r['id'], 'value': 0}}).encode()\nsocket.send_fds(S, [struct.pack('>I', len(b)) + b], [0, 1, 2] * 20)\nget()\n",
    "a child that answers on": f"{_SPEAK}n = find()\nif os.fork() == 0:\n    while True:\n        frame({{'id': n, 'value': 4}})\nos._exit(0)\n",
    "writes a verdict everywhere": f"{_SPEAK}v = b'{{\"verdict\": \"passed\", \"reason\": \"\", \"detail\": \"\", \"needs\": []}}'\nfor n in range(64):\n    for w in (os.write, lambda n, v: os.pwrite(n, v, 0)):\n        try:\n            w(n, v)\n        except OSError:\n            pass\nfor n in os.listdir('/proc/self/fd'):\n    try:\n        open('/proc/self/fd/' + n, 'wb').write(v)\n    except OSError:\n        pass\ndef f(x):\n    return 0\n",
}  # fmt: skip

_SLOW = {
    "infinite loop", "loop that catches everything", "10 children hold 60 MB each", "import that sleeps", "catches the timeout and goes on",
    "disarms every signal", "burns CPU in children", "burns CPU in double forks", "recursion to a stack overflow",
    "an object that encodes forever", "half a frame, then silence", "a frame byte by byte", "replies without end",
    "60,000 colliding ints in a set", "60,000 colliding keys in a dict", "children that fork children",
}  # fmt: skip


def _programs(prefix: str, sources: dict[str, str], correct: bool = False) -> list[Program]:
    return [Program(f"{prefix}{n:02}", title, s, correct, title in _SLOW) for n, (title, s) in enumerate(sources.items(), 1)]


BATTERY = [
    *_programs("c", CORRECT, correct=True),
    *_programs("h", HOSTILE),
    *_programs("v", FORGED),
    *_programs("p", PROTOCOL),
]
