import ast
import doctest
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from codeblock.config import ReadSettings
from codeblock.data.harvest import Skip, harvest
from codeblock.data.read import read
from codeblock.errors import DataError

BODY = """
    total = 0
    for value in values:
        total += value
    return total
"""

SOURCE = f'''"""A module with one function worth learning, and others."""

import functools


@functools.cache
def add(values: list[int], *, start: int = 0) -> int:
    """Add the values of a list.

    The sum of nothing is `start`.

    Examples
    --------
    >>> add((1, 2))
    3
    >>> for n in range(2):
    ...     add((n,))
    0
    1

    See also: nothing.
    """
    # a comment stays
    total = start

    for value in values:
        total += value
    return total


class Bag:
    """Holds things that can be added."""

    async def fill(self, values):
        """Take the values, one after the other."""

        for value in values:
            self.values.append(value)
            await value

    def undocumented(self, values):{BODY.replace("    ", "        ")}
    def text(self):
        """Return text that dedenting would change."""
        self.count = 1
        self.text = """
  less indented than the code
"""
        return self.text

    @property
    def size(self):
        """How many things are in the bag."""
        number = len(self.values)
        self.count = number
        return number

    @size.setter
    def size(self, number):
        """Change how many things are in the bag."""
        self.count = number
        del self.values[number:]
        self.changed = True


def trivial(values):
    """Return the values as they are, always."""
    return values


def terse(values):
    """Sum."""{BODY}

def outer(values):
    """Make a function that adds the values."""
    def inner():
        """Add the values of the outer function."""{BODY.replace("    ", "        ")}
    return inner


def twin(values):
    """Add up all values of a list."""{BODY}

def twin(values):
    """Add up all values of a list, again."""{BODY}

def on_one_line(values): """Documented on the line of its header."""; x = 1; y = 2; z = 3; return x


try:
    import fast
except ImportError:
    def fallback(values):
        """Add the values without the fast library."""
        total = sum(values)
        total += 1
        return total
'''


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "pkg/mod.py": SOURCE,
        "pkg/tests/helper.py": SOURCE,
        "test_mod.py": SOURCE,
        "mod_test.py": SOURCE,
        "conftest.py": SOURCE,
        ".hidden/mod.py": SOURCE,
        "venv/lib/site-packages/x.py": SOURCE,
        "pkg/zz_copy.py": SOURCE,
        "notes.txt": SOURCE,
        "bad/syntax.py": "def f(:\n",
        "bad/python2.py": "print 'hello'\n",
        "bad/nul.py": "x = '\0'\n",
        "bad/deep.py": "x = " + "(" * 100_000,
        "bad/unary.py": "x = " + "-" * 100_000 + "1",
        "bad/empty.py": "",
    }
    for name, content in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "tree/bad/latin.py").write_bytes(b"x = '\xe9'\n")
    (tmp_path / "tree/bad/coding.py").write_bytes(b"# coding: no-such-thing\n")
    (tmp_path / "tree/bad/huge.py").write_bytes(b"#" * 3_000_000)
    (tmp_path / "tree/link.py").symlink_to(tmp_path / "tree/pkg/mod.py")
    return tmp_path / "tree"


def test_a_docstring_that_is_no_unicode_gives_no_pair(tmp_path: Path) -> None:
    escape = "\\ud800"
    prose = f"def f(values):\n    'Sum all of the values {escape}.'\n" + BODY
    example = f"def g(values):\n    '''Sum all of the values.\n\n    >>> {escape}\n    '''\n" + BODY + "    # g\n"
    (tmp_path / "mod.py").write_text(prose + example)
    counts: Counter[str] = Counter()
    assert list(harvest(tmp_path, counts=counts)) == []
    assert counts[Skip.NOT_UNICODE] == 2


def test_pairs(tree: Path) -> None:
    counts: Counter[str] = Counter()
    pairs = {pair["id"]: pair for pair in harvest(tree, counts=counts)}
    names = ["add", "Bag.fill", "Bag.size", "outer", "twin", "fallback"]
    assert list(pairs) == [f"pkg/mod.py::{name}" for name in names]
    assert counts == {
        "files": 3,  # one of them empty
        "pairs": 6,
        Skip.SYNTAX_ERROR: 5,
        Skip.UNREADABLE_FILE: 2,
        Skip.FILE_TOO_LARGE: 1,
        Skip.NO_DOCSTRING: 2,
        Skip.TRIVIAL: 2,
        Skip.SHORT_DOCSTRING: 2,
        Skip.NAME_TWICE: 4,
        Skip.NOT_SEPARABLE: 4,
        Skip.DUPLICATE: 6,  # the copy's pairs
    }
    add = pairs["pkg/mod.py::add"]
    assert add == {
        "id": "pkg/mod.py::add",
        "prompt": (
            "Write the Python function `add(values: list[int], *, start: int=0) -> int`.\n\n"
            "Add the values of a list.\n\nThe sum of nothing is `start`."
        ),
        "completion": (
            "```python\n@functools.cache\ndef add(values: list[int], *, start: int = 0) -> int:\n    # a comment stays\n"
            "    total = start\n\n    for value in values:\n        total += value\n    return total\n```"
        ),
        "tests": ">>> add((1, 2))\n3\n>>> for n in range(2):\n...     add((n,))\n0\n1\n",
    }
    fill = pairs["pkg/mod.py::Bag.fill"]
    assert fill["prompt"].startswith("Write the Python async method `fill(self, values)` of the class `Bag`.\n\nTake the values")
    assert fill["completion"].startswith("```python\nasync def fill(self, values):\n    for value in values:\n")
    assert fill["tests"] is None


def test_tests_run_against_the_completion(tree: Path) -> None:
    add = next(pair for pair in harvest(tree) if pair["id"].endswith("::add"))
    names: dict = {}
    exec("import functools\n" + add["completion"].removeprefix("```python\n").removesuffix("```"), names)
    test = doctest.DocTestParser().get_doctest(add["tests"], names, "add", None, 0)
    assert doctest.DocTestRunner().run(test) == (0, 2)


def test_limit_is_seeded_stable_and_in_order(tree: Path) -> None:
    everything = [pair["id"] for pair in harvest(tree)]
    counts: Counter[str] = Counter()
    chosen = [pair["id"] for pair in harvest(tree, limit=3, seed=1, counts=counts)]
    assert (counts["pairs"], counts["not_chosen"]) == (3, 3)
    assert chosen == [pair["id"] for pair in harvest(tree, limit=3, seed=1)]
    assert chosen == [i for i in everything if i in chosen]
    assert {tuple(pair["id"] for pair in harvest(tree, limit=3, seed=seed)) for seed in range(5)} != {tuple(chosen)}
    assert set(chosen) < {pair["id"] for pair in harvest(tree, limit=5, seed=1)}
    assert [pair["id"] for pair in harvest(tree, limit=99)] == everything


def test_a_fence_inside_the_code(tmp_path: Path) -> None:
    text = 'def f(x):\n    """Return a block of Markdown code."""\n    y = "```python"\n    y += x\n    return y + "```"\n'
    (tmp_path / "a.py").write_text(text)
    (pair,) = harvest(tmp_path)
    assert pair["completion"].startswith("````python\ndef f(x):\n")
    assert pair["completion"].endswith("\n````")


def test_declared_encoding_and_windows_lines(tmp_path: Path) -> None:
    text = '# coding: latin-1\r\ndef f(x):\r\n    """Café au lait, please."""\r\n    y = x\r\n    y += "é"\r\n    return y\r\n'
    (tmp_path / "a.py").write_bytes(text.encode("latin-1"))
    (pair,) = harvest(tmp_path)
    assert pair["prompt"].endswith("Café au lait, please.")
    assert pair["completion"] == '```python\ndef f(x):\n    y = x\n    y += "é"\n    return y\n```'


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent is not a directory of Python sources$"):
        list(harvest(tmp_path / "absent"))


def test_standard_library_gives_honest_pairs() -> None:
    """Every response of a real package parses, does not repeat its instruction, and its tests stand in no prompt."""
    root = Path(json.__file__).parents[1]
    pairs = [pair for name in ("asyncio", "email", "json") for pair in harvest(root / name)]
    assert len(pairs) > 100
    for pair in pairs:
        code = re.fullmatch(r"(`{3,})python\n(.*)\n\1", pair["completion"], re.DOTALL)
        assert code, pair["id"]
        (function,) = ast.parse(code[2]).body
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        assert function.name == pair["id"].rpartition("::")[2].rpartition(".")[2]
        prose = pair["prompt"].partition("\n\n")[2]
        assert prose not in pair["completion"]
        assert ">>>" not in prose


def test_a_directory_without_sources_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test_only.py").write_text("x = 1")
    with pytest.raises(DataError, match=f"^no Python files below {tmp_path}"):
        list(harvest(tmp_path))


def test_command(tree: Path, tmp_path: Path) -> None:
    script = "import typer; from codeblock.cli.harvest import harvest; typer.run(harvest)"
    command = [sys.executable, "-c", script, str(tree)]
    done = subprocess.run([*command, "--out", str(tmp_path / "out.jsonl")], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "pairs in" in done.stderr
    assert re.search(r"┃ 6 ┃", done.stderr)
    assert re.search(r"name_twice\W+4", done.stderr)
    piped = subprocess.run([*command, "--limit", "2", "--seed", "3"], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in piped.stdout.splitlines()]
    assert rows == list(harvest(tree, limit=2, seed=3))
    report = read([tmp_path / "out.jsonl"], ReadSettings.model_validate({}), tmp_path / "samples")
    assert (report.stage.kept, report.stage.rows) == (6, 6)
