"""Every pack keeps its contract, and every case of its fixtures holds."""

import pytest

from codeblock.analyze.fixtures import Case, cases, check_case
from codeblock.languages import languages
from codeblock.languages.loader import check

CASES = [(name, case) for name in languages() for case in cases(name)]


@pytest.mark.parametrize("name", languages())
def test_contract(name: str) -> None:
    assert check(name) == []


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}-{case.name}" for name, case in CASES])
def test_fixture(name: str, case: Case) -> None:
    assert [str(fault) for fault in check_case(name, case)] == []


@pytest.mark.parametrize("name", languages())
def test_a_pack_has_enough_cases(name: str) -> None:
    own = [case for pack, case in CASES if pack == name]
    assert len(own) >= 25
    assert all(case.assertions for case in own)
