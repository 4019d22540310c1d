"""The analysis compiled with mypyc, as a build with `HATCH_BUILD_HOOKS_ENABLE=1` does, finds the same."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

ANALYZE = """
import hashlib, sys
from codeblock.analyze import names
from codeblock.analyze.analyze import analyze, analyze_code
from codeblock.analyze.fixtures import cases
from codeblock.languages import languages
print(names.__file__.rpartition(".")[2])
for language in languages():
    digest, items = hashlib.sha256(), 0
    for case in cases(language):
        cut = case.source[: len(case.source) * 2 // 3]
        for analysis in (analyze_code(case.source, language), analyze([f"So:\\n\\n- a\\n\\n  ```\\n  {cut}\\n"]), analyze([cut])):
            digest.update(repr(analysis).encode())
            items += len(analysis.items)
    print(language, items, digest.hexdigest())
"""


@pytest.mark.slow
def test_the_compiled_analysis_finds_the_same(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    tree = tmp_path / "tree"  # mypyc leaves its output beside the sources
    tree.mkdir()
    for name in ("src", "pyproject.toml", "README.md", "LICENSE"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tree / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(tree)]
    environment = {**os.environ, "HATCH_BUILD_HOOKS_ENABLE": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(build, check=True, env=environment, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "compiled")

    kind, *compiled = analyzed(tmp_path / "compiled")
    assert kind == "so"
    kind, *interpreted = analyzed(ROOT / "src")
    assert kind == "py"
    assert compiled == interpreted
    assert all(int(line.split()[1]) > 30 for line in compiled)


def analyzed(path: Path) -> list[str]:
    command = [sys.executable, "-c", ANALYZE]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(path)})
    return run.stdout.splitlines()
