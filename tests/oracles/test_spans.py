from tests.oracles.spans import SyntaxTree, compare, offsets

SEPARATORS = (b";", b",")


def test_a_body_on_its_headers_line_is_one_item_with_it() -> None:
    nodes = [("if", 0, 11), ("call", 7, 11), ("if", 12, 25), ("call", 21, 25)]
    tree = SyntaxTree(nodes, [(7, 11, True), (21, 25, True)], [])
    found = compare("if (a) b();\nif (c)\n  d();\n", "java", tree, SEPARATORS)
    assert found.counts == {"nodes": 3, "agree": 3, "only ours": 0}
    assert not found.differences


def test_a_separator_belongs_to_the_node_before_it() -> None:
    tree = SyntaxTree([("enum", 0, 17), ("constant", 9, 10), ("constant", 12, 13)], [], [])
    assert compare("enum A {\nB,\nC;\n }\n", "java", tree, SEPARATORS).counts["agree"] == 3
    assert compare("enum A {\nB,\nC;\n }\n", "java", tree, ()).counts["agree"] == 0


def test_what_differs_is_told() -> None:
    tree = SyntaxTree([("call", 0, 5), ("call", 6, 8)], [], [])
    found = compare("f(a);\ng(b);\n", "java", tree, SEPARATORS)
    assert found.counts == {"nodes": 2, "agree": 1, "only ours": 1}
    assert [(d.theirs, d.ours, d.start, d.end) for d in found.differences] == [
        ("call", "expression_statement", 6, 8),
        ("", "expression_statement", 6, 11),
    ]


def test_offsets_count_code_units_as_bytes() -> None:
    assert list(offsets("ab")) == [0, 1, 2]
    assert list(offsets("ä𝒳b")) == [0, 2, 2, 6, 7]
