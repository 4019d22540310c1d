"""Every pack keeps its contract, and every case of its fixtures holds."""

import pytest
import tree_sitter

from codeblock.analyze.fixtures import Case, cases, check_case
from codeblock.languages import languages, load, loader
from codeblock.languages.loader import check

CASES = [(name, case) for name in languages() for case in cases(name)]


@pytest.mark.parametrize("name", languages())
def test_contract(name: str) -> None:
    assert check(name) == []


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}-{case.name}" for name, case in CASES])
def test_fixture(name: str, case: Case) -> None:
    assert [str(fault) for fault in check_case(name, case)] == []


@pytest.mark.parametrize("name", languages())
def test_a_pattern_captures_only_what_it_matches(name: str) -> None:
    # Tree-sitter issue 3141: with a choice far below the captured node, it captures nodes that turn out not to match
    grammar = load(name).grammar
    trees = [tree_sitter.Parser(grammar).parse(case.source.encode()) for pack, case in CASES if pack == name]
    for _, text in loader._queries(name):
        whole, source = tree_sitter.Query(grammar, text), text.encode()
        for n in range(whole.pattern_count):
            pattern = source[whole.start_byte_for_pattern(n) : whole.end_byte_for_pattern(n)].decode()
            cursor = tree_sitter.QueryCursor(tree_sitter.Query(grammar, pattern))
            for tree in trees:
                captured = {node.id for nodes in cursor.captures(tree.root_node).values() for node in nodes}
                matched = {node.id for _, match in cursor.matches(tree.root_node) for nodes in match.values() for node in nodes}
                assert captured == matched, pattern


@pytest.mark.parametrize("name", languages())
def test_a_pack_has_enough_cases(name: str) -> None:
    own = [case for pack, case in CASES if pack == name]
    assert len(own) >= 25
    assert all(case.assertions for case in own)
