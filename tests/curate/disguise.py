"""Samples that are others in disguise."""

import builtins
import io
import keyword
import re
import tokenize

_LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def rename(source: str) -> str:
    """Give every name of a Python source another one, but for keywords, builtins, attributes and what is imported."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    imported = {
        name for line in re.findall(r"^\s*(?:from .*)?import (.*)$", source, re.MULTILINE) for name in re.findall(r"\w+", line)
    }
    modules = set(re.findall(r"^\s*from (\w+)", source, re.MULTILINE))
    kept = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *imported, *modules, "self"}
    new: dict[str, str] = {}
    lines = source.splitlines(keepends=True)
    for before, token in reversed(list(zip([None, *tokens], tokens, strict=False))):
        if token.type == tokenize.NAME and token.string not in kept and not (before and before.string == "."):
            row, column = token.start
            name = new.setdefault(token.string, f"renamed_{len(new)}")
            line = lines[row - 1]
            lines[row - 1] = line[:column] + name + line[column + len(token.string) :]
    return "".join(lines)


def reindent(source: str) -> str:
    """Indent with one space for four, and leave out trailing and empty lines."""
    lines = [line.expandtabs().rstrip() for line in source.splitlines() if line.strip()]
    return "\n".join(" " * ((len(line) - len(line.lstrip())) // 4) + line.lstrip() for line in lines)


def comment(source: str) -> str:
    """Put another comment behind every fourth line."""
    return "\n".join(f"{line}  # step {n}" if n % 4 == 0 and line.strip() else line for n, line in enumerate(source.splitlines()))
