"""CPython's `symtable`: every scope binds the same names.

python -m tests.oracles.python_symbols [FILE...]
"""

from __future__ import annotations

import symtable
from collections import Counter, defaultdict
from collections.abc import Iterator

from codeblock.analyze.events import ScopeKind
from tests.oracles.scoped import program_of
from tests.oracles.tally import Tally, main

KINDS = {
    ScopeKind.ROOT: "module",
    ScopeKind.FN: "function",
    ScopeKind.LAMBDA: "lambda",
    ScopeKind.CLASS: "class",
    ScopeKind.COMP: "comprehension",
}

Scope = tuple[str, int]
"""Its kind, and the line where it begins."""


def compare(source: str) -> Tally:
    """Scopes of one kind that begin on one line are paired so that as many as possible are equal."""
    tally = Tally()
    theirs: defaultdict[Scope, list[frozenset[str]]] = defaultdict(list)
    ours: defaultdict[Scope, list[frozenset[str]]] = defaultdict(list)
    try:
        module = symtable.symtable(source, "module", "exec")
    except SyntaxError:  # it parses, but does not compile
        tally.counts["sources without a symbol table"] += 1
        return tally
    private: defaultdict[Scope, set[str]] = defaultdict(set)  # the classes
    for scope, names, owner in tables(module, ""):
        theirs[scope].append(names)
        private[scope].add(owner)
    for kind, line, names in program_of(source).scopes:
        scope = KINDS[kind], line
        mangled = {mangle(name, private[scope]) for name in names if not name.startswith((".", "self.", "cls."))}
        ours[scope].append(frozenset(mangled))
    for scope in sorted(theirs.keys() | ours.keys()):
        kind, line = scope
        tally.counts[f"{kind} scopes"] += len(theirs[scope])
        if len(theirs[scope]) != len(ours[scope]):
            tally.differ(f"{kind}, number of scopes", f"{line}: {len(theirs[scope])} of theirs, {len(ours[scope])} of ours")
        same = Counter(theirs[scope]) & Counter(ours[scope])
        tally.counts[f"{kind} scopes, same"] += same.total()
        for names, count in same.items():
            tally.counts.update({f"{kind} names, {which}": len(names) * count for which in ("same", "theirs", "ours")})
        rest = [sorted((Counter(names[scope]) - same).elements(), key=sorted) for names in (theirs, ours)]
        for one, other in zip(*rest, strict=False):
            tally.counts[f"{kind} names, same"] += len(one & other)
            tally.counts[f"{kind} names, theirs"] += len(one)
            tally.counts[f"{kind} names, ours"] += len(other)
            for which, names in (("only theirs", one - other), ("only ours", other - one)):
                for name in sorted(names):
                    tally.differ(f"{kind}, {which}", f"{line}: {name}")
    return tally


def tables(table: symtable.SymbolTable, owner: str) -> Iterator[tuple[Scope, frozenset[str], str]]:
    """All scopes with the names that they bind, and the name of the class that they are or lie in."""
    symbols = {symbol.get_name() for symbol in table.get_symbols()}
    kind = "comprehension" if ".0" in symbols else "lambda" if table.get_name() == "lambda" else table.get_type()
    owner = table.get_name() if kind == "class" else owner
    names = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_local() and (symbol.is_assigned() or symbol.is_parameter() or symbol.is_imported() or symbol.is_namespace())
    }
    yield (kind, table.get_lineno()), frozenset(name for name in names if not name.startswith(".")), owner
    for child in table.get_children():
        yield from tables(child, owner)


def mangle(name: str, owners: set[str]) -> str:
    """A private name as CPython has it."""
    if len(owners) != 1 or not name.startswith("__") or name.endswith("__"):
        return name
    (owner,) = owners
    return f"_{owner.lstrip('_')}{name}" if owner.strip("_") else name


if __name__ == "__main__":
    main(compare)
