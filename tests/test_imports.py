import ast
import subprocess
import sys
from pathlib import Path

import codeblock

ROOT = Path(codeblock.__file__).parent

# from the bottom up: a room may import from its own level and from those above it in this list
LEVELS = [
    {"__init__", "types", "spans", "errors", "config", "schemas", "store"},
    {"data", "languages"},
    {"curate", "analyze"},
    {"scoring", "select"},
    {"export"},
    {"train", "evaluate"},
    {"compare", "view", "engine"},
    {"cli", "__main__"},
]
HEAVY = ("torch", "transformers", "datasets", "trl", "ray")


def imports(path: Path) -> set[str]:
    """Names of the modules of this package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else names
        found |= {name for name in names if name.split(".")[0] == "codeblock"}
    return found


def level(room: str) -> int:
    return next(n for n, rooms in enumerate(LEVELS) if room in rooms)


def test_imports_go_one_way() -> None:
    files = list(ROOT.rglob("*.py"))
    assert len(files) > 20
    wrong = []
    for path in files:
        room = path.relative_to(ROOT).with_suffix("").parts[0]
        for name in imports(path):
            other = [*name.split("."), "__init__"][1]
            if level(other) > level(room):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_modules_have_no_cycles() -> None:
    graph = {}
    for path in ROOT.rglob("*.py"):
        parts = ("codeblock", *path.relative_to(ROOT).with_suffix("").parts)
        graph[".".join(parts).removesuffix(".__init__")] = imports(path)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"cycle: {' -> '.join([*path, module])}"
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_light_entry_points_load_no_heavy_library() -> None:
    code = f"import sys, codeblock, codeblock.cli; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
    helped = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "codeblock", "--help"], capture_output=True, text=True, check=True
    )
    assert "select" in helped.stdout
    modules = {
        line.split("|")[-1].strip().split(".")[0] for line in helped.stderr.splitlines() if line.startswith("import time:")
    }
    assert not modules & set(HEAVY)
