"""From a model's answer to the program in it, in time linear in its length."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter
import tree_sitter_python

from codeblock.analyze.fences import scan

_PARSER_LANGUAGE = tree_sitter.Language(tree_sitter_python.language())
_PYTHON = ("", "python", "py", "python3")
_STARTS = re.compile(r"(?:def|class|async def|import|from|@|[A-Za-z_]\w*\s*(?::[^=\n]+)?=)(?!=)", re.ASCII)
_DEFINITIONS = ("function_definition", "class_definition")
_IMPORTS = ("import_statement", "import_from_statement", "future_import_statement")


def extract(answer: str, entry_point: str) -> str:
    """Return the program of an answer: its imports, and the definitions that the entry point reaches.

    The answer's fenced Python blocks are looked through for the first that defines the entry point; without one, all of them are
    joined; without any, the whole answer is taken as a program between lines of prose. Like EvalPlus's sanitizer this drops
    examples, tests and prints, and what cannot be parsed; unlike it, it keeps decorated definitions.

    Args:
        answer: text of a model.
        entry_point: name of the function that the task asks for.
    """
    blocks = list(_blocks(answer))
    chosen = next((block for block in blocks if entry_point in _defined(block)), None)
    candidates = [chosen] if chosen is not None else ["\n".join(blocks)] if blocks else []
    for program in (*candidates, answer, _between_prose(answer)):
        if pruned := prune(program, entry_point):
            return pruned
    return candidates[0] if candidates else answer


def prune(program: str, entry_point: str) -> str:
    """Keep of a program the imports and the top-level definitions that the entry point reaches; empty if it defines none.

    A definition that is cut off or cannot be parsed is dropped.
    """
    source = program.encode(errors="replace")
    definitions: dict[str, tree_sitter.Node] = {}
    imports: list[tree_sitter.Node] = []
    for node in _top_level(source):
        if node.type in _IMPORTS:
            imports.append(node)
        elif (name := _name(node)) is not None:
            definitions.setdefault(name, node)
    if entry_point not in definitions:
        return ""
    reached: set[str] = set()
    todo = [entry_point]
    while todo:
        name = todo.pop()
        if name not in reached and name in definitions:
            reached.add(name)
            todo += _identifiers(definitions[name])
    kept = sorted([*imports, *(definitions[name] for name in reached)], key=lambda node: node.start_byte)
    return "\n".join(source[node.start_byte : node.end_byte].decode(errors="replace") for node in kept) + "\n"


def _blocks(answer: str) -> Iterator[str]:
    """The contents of fenced blocks that are Python or say nothing."""
    source = answer.encode(errors="replace")
    for fence in scan(source, lambda info, spans, passed: True):
        language = fence.info.split()[0].lower().strip("{.}") if fence.info.strip() else ""
        if language in _PYTHON:
            yield b"".join(source[span.start : span.end] for span in fence.spans).decode(errors="replace")


def _top_level(source: bytes) -> Iterator[tree_sitter.Node]:
    for node in tree_sitter.Parser(_PARSER_LANGUAGE).parse(source).root_node.children:
        if not node.has_error:
            yield node


def _defined(program: str) -> set[str]:
    return {name for node in _top_level(program.encode(errors="replace")) if (name := _name(node)) is not None}


def _name(node: tree_sitter.Node) -> str | None:
    """What a top-level statement defines: a function, a class or a variable."""
    if node.type == "decorated_definition" and (inner := node.child_by_field_name("definition")) is not None:
        node = inner
    if node.type in _DEFINITIONS:
        name = node.child_by_field_name("name")
    elif node.type == "expression_statement" and node.children and node.children[0].type == "assignment":
        name = node.children[0].child_by_field_name("left")
    else:
        return None
    return name.text.decode(errors="replace") if name is not None and name.type == "identifier" and name.text else None


def _identifiers(node: tree_sitter.Node) -> Iterator[str]:
    cursor = node.walk()
    depth = 0
    while True:
        if cursor.node is not None and cursor.node.type == "identifier" and cursor.node.text:
            yield cursor.node.text.decode(errors="replace")
        if cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if depth == 0 or not cursor.goto_parent():
                return
            depth -= 1
        if depth == 0:
            return


def _between_prose(answer: str) -> str:
    """The lines that may be code: from a line that begins a top-level statement, as long as what follows is indented or empty."""
    kept: list[str] = []
    inside = False
    for line in answer.splitlines():
        if line.strip() and not line[0].isspace() and line[0] not in ")]}#":
            inside = _STARTS.match(line) is not None
        if inside:
            kept.append(line)
    return "\n".join(kept)
