"""The page on languages is run: its files make a pack, its commands print what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "languages.md").read_text()
FILES = re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
OUTPUTS = re.findall(r"^\$ codeblock languages check lua\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def check(directory: Path) -> str:
    command = [sys.executable, "-m", "codeblock", "languages", "check", "lua"]
    environment = {**os.environ, "CODEBLOCK_LANGUAGES": "packs"}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True).stdout


def test_the_page_makes_a_pack(tmp_path: Path) -> None:
    assert len(FILES) == 3
    for name, text in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sound, faulty = OUTPUTS
    assert check(tmp_path) == sound
    query = tmp_path / "packs" / "lua" / "codeblock.scm"
    query.write_text(query.read_text().replace("@flow.branch", "@flow.brunch"))
    assert check(tmp_path) == faulty
