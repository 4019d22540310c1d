"""The captures of a block as events, in the order of the text: names, scopes, and the beginnings of the flow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from codeblock.analyze.parse import Interval, Parsed
from codeblock.analyze.program import JUMPS, LoopKind, Op, Role
from codeblock.spans import ByteSpan


class ScopeKind:
    """Who sees the names of a scope."""

    ROOT: Final = 0
    FN: Final = 1
    SEALED: Final = 2
    LAMBDA: Final = 3
    SEALED_LAMBDA: Final = 4
    CLASS: Final = 5
    MEMBERS: Final = 6
    COMP: Final = 7
    BLOCK: Final = 8


class Rank:
    """Kinds of events; also the order, outermost first, of nodes with the same interval."""

    CLAUSE: Final = 0
    TAIL: Final = 1
    VALUE: Final = 2
    CONSTRUCT: Final = 3
    JUMP: Final = 4
    OUTER: Final = 5
    SCOPE: Final = 6
    INNER_SCOPE: Final = 7
    LATE: Final = 8
    LABEL: Final = 9
    NAME: Final = 10


OPENS = {  # where several claim a node, the first counts
    "flow.branch": Op.BRANCH,
    "flow.switch": Op.SWITCH,
    "flow.cases": Op.CASES,
    "flow.try": Op.TRY,
    "flow.with": Op.WITH,
    "flow.for": Op.LOOP,
    "flow.do": Op.LOOP,
    "flow.while": Op.LOOP,
    "flow.callback": Op.LOOP,
    "flow.alt.total": Op.ALTERNATIVE,
    "flow.alt": Op.ALTERNATIVE,
    "flow.trybody": Op.TRY_BODY,
    "flow.handler": Op.HANDLER,
    "flow.finally": Op.FINALLY,
    "flow.post": Op.ELSE,
    "flow.body": Op.BODY,
    "jump.return": Op.RETURN,
    "jump.raise": Op.RAISE,
    "jump.break": Op.BREAK,
    "jump.continue": Op.CONTINUE,
    "jump.fall": Op.FALL,
}
"""What begins at a captured node."""

CLAUSE_OF: dict[int, frozenset[int]] = {
    Op.ALTERNATIVE: frozenset({Op.BRANCH, Op.SWITCH, Op.CASES}),
    Op.TRY_BODY: frozenset({Op.TRY}),
    Op.HANDLER: frozenset({Op.TRY}),
    Op.FINALLY: frozenset({Op.TRY}),
    Op.ELSE: frozenset({Op.TRY, Op.LOOP}),
    Op.BODY: frozenset({Op.LOOP}),
}
"""What a clause must lie directly inside of to count, which damaged code does not promise."""

SCOPES = {
    "scope.fn": ScopeKind.FN,
    "scope.sealed": ScopeKind.SEALED,
    "scope.lambda": ScopeKind.LAMBDA,
    "scope.lambda.sealed": ScopeKind.SEALED_LAMBDA,  # captured as both
    "scope.class": ScopeKind.CLASS,
    "scope.members": ScopeKind.MEMBERS,
    "scope.comp": ScopeKind.COMP,
    "scope.block": ScopeKind.BLOCK,
}
LOOPS = {"flow.for": LoopKind.FOR, "flow.while": LoopKind.WHILE, "flow.do": LoopKind.DO, "flow.callback": LoopKind.CALLBACK}

_RANKS = {
    **{name: Rank.CLAUSE if op in CLAUSE_OF else Rank.JUMP if op in JUMPS else Rank.CONSTRUCT for name, op in OPENS.items()},
    **{
        name: Rank.SCOPE if kind in (ScopeKind.FN, ScopeKind.SEALED, ScopeKind.CLASS, ScopeKind.MEMBERS) else Rank.INNER_SCOPE
        for name, kind in SCOPES.items()
    },
    "outer": Rank.OUTER,
    "flow.init": Rank.CLAUSE,
    "flow.step": Rank.CLAUSE,
    "late": Rank.LATE,
    "tail": Rank.TAIL,
    "value.item": Rank.VALUE,  # captured as both
    "value": Rank.VALUE,
    "returns": Rank.LABEL,
    "label": Rank.LABEL,
}
_ROLES: dict[str, int] = {name.lower(): bit for name, bit in vars(Role).items() if isinstance(bit, int)}


_NOWHERE = (ByteSpan(1 << 62, 1 << 62), -1)

Event = tuple[int, int, int, int | str]
"""First byte, minus the end, rank, and what it is: the capture's name, or of a name its item."""


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one block, and what the captures say about positions in it.

    Attributes:
        ordered: all events; what contains comes before what is contained.
        roles: per first byte of an identifier, its role; a plain use has none.
        members: per first byte of ``receiver.name``: its end, its role, and where its name begins.
        delays: per first byte of a definition, where it happens if that is not where it ends.
        infinite: loops that only a break leaves.
    """

    ordered: list[Event]
    roles: dict[int, int]
    members: dict[int, tuple[int, int, int]]
    delays: dict[int, int]
    infinite: set[Interval]


def read_events(parsed: Parsed, owners: Sequence[tuple[ByteSpan, int]]) -> Events:
    """Read the events of one block off its captures.

    Args:
        parsed: the block.
        owners: the spans whose names count, in order, with their items.
    """
    captures = parsed.captures
    roles, members = _roles(parsed)
    nodes: dict[tuple[int, int, int], str] = {}
    for name, rank in _RANKS.items():
        for start, end in captures.get(name, ()):
            nodes.setdefault((start, -end, rank), name)
    for start, end in captures.get("scope.lambda", ()):
        # a pack says of all functions what they are, and of some that they are this
        around = nodes.get((start, -end, Rank.SCOPE))
        if around in ("scope.fn", "scope.sealed"):
            del nodes[start, -end, Rank.SCOPE]
        if around == "scope.sealed":
            nodes[start, -end, Rank.INNER_SCOPE] = "scope.lambda.sealed"
    ordered: list[Event] = [(start, minus_end, rank, name) for (start, minus_end, rank), name in nodes.items()]
    rank, ignore = Rank.NAME, Role.IGNORE
    spans = iter(owners)
    (first, last), item = next(spans, _NOWHERE)
    for start, end in parsed.identifiers:
        while last <= start:
            (first, last), item = next(spans, _NOWHERE)
        if first <= start and roles.get(start) != ignore:
            ordered.append((start, -end, rank, item))
    ordered.sort()
    infinite = set(captures.get("flow.inf", ())).difference(captures.get("flow.callback", ()))  # its caller leaves that
    return Events(ordered, roles, members, dict(captures.get("delay", ())), infinite)


def _roles(parsed: Parsed) -> tuple[dict[int, int], dict[int, tuple[int, int, int]]]:
    """The roles of identifiers and of members of classes, per first byte."""
    roles: dict[int, int] = {}
    members: dict[int, tuple[int, int, int]] = {}
    for member in parsed.language.members:
        found = member.finditer(parsed.source, parsed.spans[0].start, parsed.spans[-1].end)
        members |= {match.start(): (match.end(), Role.ATTR, match.start(1)) for match in found}
    for name, starts in parsed.names.items():
        role = sum(_ROLES[word] for word in name.split("."))
        for start in starts:
            roles[start] = roles[start] | role if start in roles else role
    assigned = sorted(parsed.captures.get("assign", ()))
    ignored = sorted(parsed.names.get("ignore", ())) if assigned else []
    for start, end in assigned:
        for n in range(bisect_right(ignored, start), bisect_left(ignored, end)):
            if roles[ignored[n]] == Role.IGNORE:
                roles[ignored[n]] = Role.DEF | Role.SET
    for start in parsed.names.get("call", ()):
        roles[start] &= ~Role.IGNORE
    for name, nodes in parsed.captures.items():
        if name.startswith("attr"):
            role = sum(_ROLES[word] for word in name.split("."))
            for start, stop in nodes:
                if start in members:
                    end, before, name_start = members[start]
                    if end <= stop:
                        members[start] = (end, before | role, name_start)
                elif parsed.names.get("receiver"):
                    members[start] = (stop, Role.ATTR | Role.RECEIVER | role, parsed.source.rfind(b".", start, stop) + 1)
    return roles, members
