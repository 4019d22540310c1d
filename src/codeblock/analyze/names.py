"""Names and their scopes: the captures of a program become one list of instructions per function.

A *frame* is what runs at once: the program's top level, or the body of one function. Its instructions stand in the order in which they
run, so that `codeblock.analyze.dataflow` can follow them in one pass: uses and definitions with their variables, and the beginnings and
ends of branches, loops and the like. Inside one item all uses come before all definitions (``x = x + 1``), except where the captures
say otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.parse import Parsed
from codeblock.spans import ByteSpan


class Op(IntEnum):
    """Instructions of a frame, as (op, item, variable, role) for the first two and (op, argument, 0, 0) for the others."""

    USE = auto()
    DEFINE = auto()
    BLOCK = auto()  # a new code block of the program begins
    BODY = auto()
    BRANCH = auto()
    SWITCH = auto()
    CASES = auto()
    LOOP = auto()  # argument: index in `Program.loops`
    TRY = auto()
    WITH = auto()
    ALTERNATIVE = auto()  # argument: 1 if it is taken when no other is
    TRY_BODY = auto()
    HANDLER = auto()
    FINALLY = auto()
    ELSE = auto()
    RETURN = auto()
    RAISE = auto()
    BREAK = auto()
    CONTINUE = auto()
    END = auto()  # of what began last and has not ended; argument: which


class Role:
    """What the captures say of an identifier, as bits (plain integers: flags of the standard library cost a microsecond each)."""

    DEF = 1 << 0
    OUTER = 1 << 1
    VAR = 1 << 2
    HOIST = 1 << 3
    SET = 1 << 4
    READ = 1 << 5
    DECLARE = 1 << 6
    WALRUS = 1 << 7
    NOW = 1 << 8
    DEL = 1 << 9
    GLOBAL = 1 << 10
    NONLOCAL = 1 << 11
    MUT = 1 << 12
    CALL = 1 << 13
    IGNORE = 1 << 14
    MEMBER = 1 << 15  # a variable of a class, reached through a receiver


class _Scope(IntEnum):
    """Kinds of scopes."""

    ROOT = auto()
    FN = auto()
    LAMBDA = auto()
    CLASS = auto()
    COMP = auto()
    BLOCK = auto()


class LoopKind(IntEnum):
    """When a loop's header runs."""

    FOR = auto()  # its uses once, its definitions each turn
    WHILE = auto()  # before each turn
    DO = auto()  # after each turn


Instruction = tuple[Op, int, int, int]


@dataclass(slots=True)
class Loop:
    """A loop: when its header runs, whether only a break leaves it, and the variables that it may define."""

    kind: LoopKind
    infinite: bool
    parent: int  # the loop around it in the same frame, or -1
    variables: dict[int, None] = field(default_factory=dict[int, None])


@dataclass(slots=True)
class Program:
    """All code of one language in one response, ready for the data-flow pass. Variables are numbers.

    Attributes:
        frames: the instructions of each frame; a frame comes after the one it is defined in.
        loops: of all frames.
        names: per variable, its name; members of classes as ``receiver.name``.
        frame_of: per variable, the frame it lives in; -1 for members of classes.
        hoisted: variables that are visible before their definition.
        captured: variables that are used in another frame than theirs.
    """

    frames: list[list[Instruction]] = field(default_factory=list[list[Instruction]])
    loops: list[Loop] = field(default_factory=list[Loop])
    names: list[bytes] = field(default_factory=list[bytes])
    frame_of: list[int] = field(default_factory=list[int])
    hoisted: set[int] = field(default_factory=set[int])
    captured: set[int] = field(default_factory=set[int])


_OPENS = {
    "flow.branch": Op.BRANCH,
    "flow.switch": Op.SWITCH,
    "flow.cases": Op.CASES,
    "flow.try": Op.TRY,
    "flow.with": Op.WITH,
    "flow.for": Op.LOOP,
    "flow.while": Op.LOOP,
    "flow.do": Op.LOOP,
    "flow.alt": Op.ALTERNATIVE,
    "flow.alt.total": Op.ALTERNATIVE,
    "flow.trybody": Op.TRY_BODY,
    "flow.handler": Op.HANDLER,
    "flow.finally": Op.FINALLY,
    "flow.post": Op.ELSE,
    "body": Op.BODY,
    "jump.return": Op.RETURN,
    "jump.raise": Op.RAISE,
    "jump.break": Op.BREAK,
    "jump.continue": Op.CONTINUE,
}
_SCOPES = {
    "scope.fn": _Scope.FN,
    "scope.lambda": _Scope.LAMBDA,
    "scope.class": _Scope.CLASS,
    "scope.comp": _Scope.COMP,
    "scope.block": _Scope.BLOCK,
}
_ROLES: dict[str, int] = {name.lower(): bit for name, bit in vars(Role).items() if isinstance(bit, int)} | {"attr": Role.MEMBER}
_LOOPS = {"flow.for": LoopKind.FOR, "flow.while": LoopKind.WHILE, "flow.do": LoopKind.DO}
_JUMPS = frozenset({Op.RETURN, Op.RAISE, Op.BREAK, Op.CONTINUE})
_BELONGS = {  # a clause counts only directly inside its construct, which damaged code does not promise
    Op.ALTERNATIVE: {Op.BRANCH, Op.SWITCH, Op.CASES},
    Op.TRY_BODY: {Op.TRY},
    Op.HANDLER: {Op.TRY},
    Op.FINALLY: {Op.TRY},
    Op.ELSE: {Op.TRY, Op.LOOP},
    Op.BODY: {Op.LOOP},
}
# the order, outermost first, of nodes with the same interval
_CLAUSE, _BODY, _CONSTRUCT, _JUMP, _SCOPE, _INNER_SCOPE, _OUTER, _NAME = range(8)
_LAST = 1 << 62  # behind every position
_CHECK_EVERY = 1 << 12


@dataclass(slots=True)
class _Frame:
    """A frame under construction."""

    index: int
    scope: int
    instructions: list[Instruction] = field(default_factory=list[Instruction])
    open: list[Op] = field(default_factory=list[Op])
    loop: int = -1
    item: int = -1  # whose names come
    header: int = -1  # a `for` loop of which only uses have been read
    delayed: list[tuple[int, Instruction]] = field(
        default_factory=list[tuple[int, Instruction]]
    )  # definitions, with their position

    def flush(self, before: int | None = None) -> None:
        """Let the delayed definitions happen, all or those before a position."""
        if self.header >= 0 and before is None:
            self.instructions.append((Op.LOOP, self.header, 0, 0))
            self.header = -1
        if self.delayed:
            ready = [d for d in self.delayed if before is None or d[0] <= before]
            self.delayed = [d for d in self.delayed if before is not None and d[0] > before]
            self.instructions += [instruction for _, instruction in ready]


@dataclass(slots=True)
class _Node:
    """A node that the pass is inside of, and what to go back to behind it."""

    end: int
    frame: _Frame
    scope: int
    loop: int
    op: Op | None = None
    function: bool = False


class ProgramBuilder:
    """Collects the code blocks of one program, in order, and then resolves their names.

    Args:
        deadline: for the whole sample.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._program = Program()
        self._kinds: list[_Scope] = [_Scope.ROOT]
        self._parents = [-1]
        self._frame_of_scope = [0]
        self._declared: list[dict[bytes, int]] = [{}]  # per scope, names to variables; -1 until one is needed
        self._redirects: dict[tuple[int, bytes], int] = {}  # `global x`, `nonlocal x`
        self._frames = [_Frame(0, 0)]
        # names in instructions are numbered until all blocks are read: (scope, name)
        self._mentions: list[tuple[int, bytes]] = []
        self._mention_ids: dict[tuple[int, bytes], int] = {}

    def add(self, parsed: Parsed, owners: Sequence[tuple[ByteSpan, int]]) -> None:
        """Add a code block.

        Args:
            parsed: the block.
            owners: the spans of its items that are nodes of the graph, in order, with their items. Names elsewhere do not count.
        """
        if parsed.captures is None:
            return
        root = self._frames[0]
        root.flush()
        root.instructions.append((Op.BLOCK, 0, 0, 0))
        tables = _tables(parsed)
        events = _structure(parsed)
        identifiers = parsed.language.identifiers
        events += [
            (start, -end, _NAME, "")
            for start, end, kind in zip(parsed.starts, parsed.ends, parsed.kinds, strict=True)
            if kind in identifiers
        ]
        events.sort()
        owner_starts = [span.start for span, _ in owners]
        stack: list[_Node] = []
        frame, scope = root, 0
        for count, (start, minus_end, rank, name) in enumerate(events):
            if not count % _CHECK_EVERY:
                self._deadline.check()
            end = -minus_end
            while stack and stack[-1].end <= start:
                frame, scope = self._leave(stack.pop(), frame)
            if rank == _NAME:
                owner = bisect_right(owner_starts, start) - 1
                if owner >= 0 and owners[owner][0].end > start:
                    item = owners[owner][1]
                    role = tables.roles.get(start, 0)
                    if start in tables.members and self._member(frame, scope, item, *tables.members[start], parsed):
                        role &= ~Role.MUT
                    self._name(frame, scope, item, tables.delays.get(start, end), parsed.source[start:end], role)
                continue
            node = _Node(end, frame, scope, frame.loop)
            stack.append(node)
            if rank in (_SCOPE, _INNER_SCOPE):
                scope = self._new_scope(_SCOPES[name], scope, frame)
                if _SCOPES[name] == _Scope.FN:
                    node.function = True
                    frame = _Frame(len(self._frames), scope)
                    self._frames.append(frame)
                    self._frame_of_scope[scope] = frame.index
            elif rank == _OUTER:
                frame, scope = self._around(scope)
            else:
                node.op = self._enter(frame, name, (start, end) in tables.totals, (start, end) in tables.infinite)
        while stack:
            frame, scope = self._leave(stack.pop(), frame)
        root.flush()

    def finish(self) -> Program:
        """Resolve the names of all blocks and return the program."""
        program = self._program
        variables = [self._resolve(scope, name) for scope, name in self._mentions]
        for frame in self._frames:
            instructions: list[Instruction] = []
            open_loops: list[int] = []
            for instruction in frame.instructions:
                op, item, mention, role = instruction
                if op <= Op.DEFINE:
                    variable = variables[mention]
                    if variable < 0:
                        continue
                    if program.frame_of[variable] != frame.index:
                        program.captured.add(variable)
                    if op == Op.DEFINE:
                        if role & Role.HOIST:
                            program.hoisted.add(variable)
                        loop = open_loops[-1] if open_loops else -1
                        while loop >= 0 and variable not in program.loops[loop].variables:
                            program.loops[loop].variables[variable] = None
                            loop = program.loops[loop].parent
                    instructions.append((op, item, variable, role))
                    continue
                if op == Op.LOOP:
                    open_loops.append(item)
                elif op == Op.END and item == Op.LOOP:
                    open_loops.pop()
                instructions.append(instruction)
            program.frames.append(instructions)
            self._deadline.check()
        return program

    def _leave(self, node: _Node, frame: _Frame) -> tuple[_Frame, int]:
        """End a node; return the frame and scope around it."""
        if node.function:
            frame.flush()
        frame = node.frame
        if node.op is not None:
            frame.flush()
            if node.op in _JUMPS:
                frame.instructions.append((node.op, 0, 0, 0))
            else:
                frame.instructions.append((Op.END, node.op, 0, 0))
                frame.open.pop()
                frame.loop = node.loop
        return frame, node.scope

    def _enter(self, frame: _Frame, name: str, total: bool, infinite: bool) -> Op | None:
        """Begin a node of the flow; return what must be ended, None where the node does not count."""
        op = _OPENS[name]
        if op in _JUMPS:
            return op
        if op in _BELONGS and (not frame.open or frame.open[-1] not in _BELONGS[op]):
            return None
        frame.flush()
        frame.open.append(op)
        if op == Op.LOOP:
            loop = len(self._program.loops)
            self._program.loops.append(Loop(_LOOPS[name], infinite, frame.loop))
            frame.loop = loop
            if _LOOPS[name] == LoopKind.FOR:
                frame.header = loop
                frame.item = -1
            else:
                frame.instructions.append((op, loop, 0, 0))
        else:
            frame.instructions.append((op, int(total), 0, 0))
        return op

    def _new_scope(self, kind: _Scope, parent: int, frame: _Frame) -> int:
        self._kinds.append(kind)
        self._parents.append(parent)
        self._frame_of_scope.append(frame.index)
        self._declared.append({})
        return len(self._kinds) - 1

    def _around(self, scope: int) -> tuple[_Frame, int]:
        """The frame and scope around the innermost function or class."""
        while scope and self._kinds[scope] not in (_Scope.FN, _Scope.CLASS, _Scope.LAMBDA):
            scope = self._parents[scope]
        scope = max(self._parents[scope], 0)
        return self._frames[self._frame_of_scope[scope]], scope

    def _mention(self, scope: int, name: bytes) -> int:
        """The number of a name in a scope."""
        key = (scope, name)
        number = self._mention_ids.get(key)
        if number is None:
            number = self._mention_ids[key] = len(self._mentions)
            self._mentions.append(key)
        return number

    def _name(self, frame: _Frame, scope: int, item: int, position: int, name: bytes, role: int) -> None:
        """Record one identifier: a use, a definition, both, or neither. `position` is where a definition happens at once."""
        self._reach(frame, item, position)
        if not role & Role.DEF:
            if not role & Role.IGNORE:
                mention = self._mention(scope, name)
                frame.instructions.append((Op.USE, item, mention, role))
                if role & Role.MUT:
                    frame.delayed.append((_LAST, (Op.DEFINE, item, mention, role)))
            return
        if role & Role.OUTER:
            frame, scope = self._around(scope)
        if role & (Role.GLOBAL | Role.NONLOCAL):
            self._redirects[scope, name] = role
            return
        if role & (Role.READ | Role.DEL):
            frame.instructions.append((Op.USE, item, self._mention(scope, name), role))
        scope = self._declare(scope, name, role)
        if role & Role.DECLARE:
            return
        frame.delayed.append(
            (position if role & (Role.WALRUS | Role.NOW) else _LAST, (Op.DEFINE, item, self._mention(scope, name), role))
        )
        if self._kinds[scope] == _Scope.CLASS:  # a member, too
            self._declared[scope].setdefault(b"." + name, -1)
            frame.delayed.append((_LAST, (Op.DEFINE, item, self._mention(scope, b"." + name), role | Role.MEMBER)))

    def _reach(self, frame: _Frame, item: int, position: int) -> None:
        """Come to a name of an item: what was delayed in the item before happens now."""
        if frame.item == item:
            if frame.delayed:
                frame.flush(position)
            return
        if frame.item >= 0 or frame.header < 0:
            frame.flush()
        frame.item = item

    def _declare(self, scope: int, name: bytes, role: int) -> int:
        """Declare a name where its role says; return the scope from which it is resolved."""
        if role & (Role.SET | Role.DEL):
            return scope
        skipped: set[_Scope] = set()
        if role & Role.VAR:
            skipped = {_Scope.BLOCK, _Scope.COMP}
        elif role & Role.WALRUS:
            skipped = {_Scope.COMP}
        while self._kinds[scope] in skipped:
            scope = self._parents[scope]
        if (scope, name) not in self._redirects:
            self._declared[scope].setdefault(name, -1)
        return scope

    def _member(self, frame: _Frame, scope: int, item: int, end: int, text: bytes, role: int, parsed: Parsed) -> bool:
        """Record ``receiver.name`` as a variable of the class around; return False where it is none."""
        receiver, _, name = text.partition(b".")
        if receiver not in parsed.language.receivers:
            return False
        while scope and self._kinds[scope] != _Scope.CLASS:
            scope = self._parents[scope]
        if not scope:
            return False
        self._reach(frame, item, end)
        self._declared[scope].setdefault(b"." + name, -1)
        mention = self._mention(scope, b"." + name)
        if role & (Role.READ | Role.MUT) or not role & Role.DEF:
            frame.instructions.append((Op.USE, item, mention, role))
        if role & (Role.DEF | Role.MUT):
            frame.delayed.append((_LAST, (Op.DEFINE, item, mention, role)))
        return True

    def _resolve(self, scope: int, name: bytes) -> int:
        """The variable that a name means in a scope, -1 if the program does not define it."""
        redirect = self._redirects.get((scope, name))
        crossed = False  # classes are invisible from the functions in them
        if redirect is not None:
            if redirect & Role.GLOBAL:
                self._declared[0].setdefault(name, -1)
                return self._variable(0, name)
            scope, crossed = self._parents[scope], True
        while scope >= 0:
            kind = self._kinds[scope]
            if name in self._declared[scope] and not (kind == _Scope.CLASS and crossed):
                return self._variable(scope, name)
            redirect = self._redirects.get((scope, name))
            if redirect is not None and redirect & Role.GLOBAL:
                scope = 0
                continue
            crossed = crossed or kind in (_Scope.FN, _Scope.LAMBDA)
            scope = self._parents[scope]
        return -1

    def _variable(self, scope: int, name: bytes) -> int:
        """The number of a declared variable."""
        variable = self._declared[scope][name]
        if variable < 0:
            variable = self._declared[scope][name] = len(self._program.names)
            member = name.startswith(b".")
            self._program.names.append(b"self" + name if member else name)
            self._program.frame_of.append(-1 if member else self._frame_of_scope[scope])
        return variable


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the captures say about positions of one block.

    Attributes:
        roles: per first byte of an identifier.
        members: per first byte of ``receiver.name``: its end, its text and its role.
        delays: per first byte, where a definition happens.
        totals: intervals of alternatives that are taken when no other is.
        infinite: intervals of loops that only a break leaves.
    """

    roles: dict[int, int]
    members: dict[int, tuple[int, bytes, int]]
    delays: dict[int, int]
    totals: set[tuple[int, int]]
    infinite: set[tuple[int, int]]


def _tables(parsed: Parsed) -> _Tables:
    """Read the captures of one block."""
    assert parsed.captures is not None
    roles: dict[int, int] = {}
    members: dict[int, tuple[int, bytes, int]] = {}
    for name, nodes in parsed.captures.items():
        first, *rest = name.split(".")
        if first in ("def", "mut", "call", "ignore"):
            role = _role([first, *rest])
            for start, _, _ in nodes:
                roles[start] = roles[start] | role if start in roles else role
        elif first == "attr":
            role = _role([first, *rest])
            for start, end, _ in nodes:
                before = members.get(start)
                members[start] = (end, parsed.source[start:end], role if before is None else before[2] | role)
    return _Tables(
        roles,
        members,
        {start: end for start, end, _ in parsed.captures.get("delay", ())},
        {(start, end) for start, end, _ in parsed.captures.get("flow.alt.total", ())},
        {(start, end) for start, end, _ in parsed.captures.get("flow.inf", ())},
    )


def _role(words: list[str]) -> int:
    role = 0
    for word in words:
        role |= _ROLES[word]
    return role


def _structure(parsed: Parsed) -> list[tuple[int, int, int, str]]:
    """The nodes of flow and scope as (start, -end, rank, capture); where several captures claim a rank, the first of `_OPENS`."""
    assert parsed.captures is not None
    found: dict[tuple[int, int, int], str] = {}
    for name, op in _OPENS.items():
        rank = _BODY if op == Op.BODY else _CLAUSE if op in _BELONGS else _JUMP if op in _JUMPS else _CONSTRUCT
        for start, end, _ in parsed.captures.get(name, ()):
            found.setdefault((start, -end, rank), name)
    for name, kind in _SCOPES.items():
        rank = _SCOPE if kind in (_Scope.FN, _Scope.CLASS) else _INNER_SCOPE
        for start, end, _ in parsed.captures.get(name, ()):
            found.setdefault((start, -end, rank), name)
    for start, end, _ in parsed.captures.get("outer", ()):
        found.setdefault((start, -end, _OUTER), "outer")
    return [(start, minus_end, rank, name) for (start, minus_end, rank), name in found.items()]
