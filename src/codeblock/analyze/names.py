"""Names and their scopes: the code blocks of a program become its instructions.

Inside one item all uses come before all definitions (``x = x + 1``), except where the captures say otherwise. The body of a
function is a frame of its own, since it runs later; what its header evaluates (defaults, decorators) belongs to the frame
around it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.effects import find_effects
from codeblock.analyze.events import CLAUSE_OF, LOOPS, OPENS, SCOPES, Rank, ScopeKind, read_events
from codeblock.analyze.parse import Parsed
from codeblock.analyze.program import JUMPS, Instruction, Loop, LoopKind, Op, Program, Role
from codeblock.spans import ByteSpan

_LAST = 1 << 62  # behind every position
_CHECK_EVERY = 1 << 12
_CHECK_RESOLVED = 1 << 7  # names, each of which may lie in thousands of scopes

# looking a member up costs ten times as much as a global name
_USE, _DEFINE, _LOOP, _END = Op.USE, Op.DEFINE, Op.LOOP, Op.END
_FN, _SEALED, _LAMBDA, _CLASS, _MEMBERS = ScopeKind.FN, ScopeKind.SEALED, ScopeKind.LAMBDA, ScopeKind.CLASS, ScopeKind.MEMBERS
_SEALED_LAMBDA, _COMP, _BLOCK = ScopeKind.SEALED_LAMBDA, ScopeKind.COMP, ScopeKind.BLOCK
_COPY, _MEMBER, _LABEL, _RANK_TAIL, _RANK_VALUE = Role.COPY, Role.MEMBER, Rank.LABEL, Rank.TAIL, Rank.VALUE
_ATTR, _DECLARE, _DEF, _GLOBAL, _HOIST = Role.ATTR, Role.DECLARE, Role.DEF, Role.GLOBAL, Role.HOIST
_IGNORE, _LOCAL, _MUT, _OUTER, _READ = Role.IGNORE, Role.LOCAL, Role.MUT, Role.OUTER, Role.READ
_MODULE, _RECEIVER, _RESULT, _REUSE, _SET, _VAR, _WITHIN = (
    Role.MODULE,
    Role.RECEIVER,
    Role.RESULT,
    Role.REUSE,
    Role.SET,
    Role.VAR,
    Role.WITHIN,
)
_NOT_CALL, _REDIRECT, _USED = ~Role.CALL, Role.GLOBAL | Role.NONLOCAL, Role.READ | Role.DEL
_LEFT = (Op.BRANCH, Op.SWITCH, Op.CASES)  # what a break with a label may leave, besides loops
# among the operations, nodes that hold definitions back, are parts of a loop's header, or have a value
_LATE, _INIT, _STEP, _TAIL, _VALUE = -1, -2, -3, -4, -5
_NOBODY = -1  # who uses a value that nothing is made of
_PARTS = {"flow.init": _INIT, "flow.step": _STEP}
_NOT_DECLARED = Role.SET | Role.REUSE | Role.MUT
_AT_ONCE, _UNDECLARED, _SKIPS = Role.WALRUS | Role.NOW, Role.SET | Role.DEL, Role.VAR | Role.WALRUS

_Holder = tuple[int, list[tuple[int, int, int, bytes, int]]]
"""A node that holds back what is defined in its scope, and those definitions: scope, item, position, name and role."""


@dataclass(slots=True)
class _Frame:
    """A frame under construction."""

    index: int
    instructions: list[Instruction] = field(default_factory=list[Instruction])
    open: list[int] = field(default_factory=list[int])
    loop: int = -1  # the innermost loop
    item: int = -1  # whose names come
    header: int = -1  # a `for` loop of which only uses have been read
    soon: list[tuple[int, Instruction]] = field(default_factory=list[tuple[int, Instruction]])  # definitions, with their places
    last: list[Instruction] = field(default_factory=list[Instruction])  # definitions that end their item
    late: list[_Holder] = field(default_factory=list["_Holder"])
    values: list[tuple[int, int]] = field(
        default_factory=list[tuple[int, int]]
    )  # of the nodes around: mention, item that uses it
    tails: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # of the nodes around: first byte, item

    def flush(self) -> None:
        """Let what was delayed happen: a loop begins between the uses and the definitions of its header."""
        if self.header >= 0:
            self.instructions.append((_LOOP, self.header, 0, 0))
            self.header = -1
        if self.soon:
            self.instructions += [instruction for _, instruction in self.soon]
            self.soon = []
        if self.last:
            self.instructions += self.last
            self.last = []

    def reach(self, item: int, position: int) -> None:
        """Come to a name: what was delayed in the item before, or up to the position, happens now."""
        if self.item != item:
            if self.item >= 0 or self.header < 0:
                self.flush()
            self.item = item
        elif self.soon:
            self.instructions += [instruction for at, instruction in self.soon if at <= position]
            self.soon = [delayed for delayed in self.soon if delayed[0] > position]


_Node = tuple[int, _Frame, int, int, int | None, bool]
"""A node that the pass is inside of: its end; the frame, scope and loop around it; what must be ended; if it is a function."""


class ProgramBuilder:
    """Collects the code blocks of one program, in order, and then resolves their names.

    Args:
        deadline: for the whole sample.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._frames = [_Frame(0)]
        self._makers = [-1]  # per frame, the item that makes its function
        self._loops: list[Loop] = []
        self._loop_parents: list[int] = []
        self._steps: list[list[Instruction]] = []  # per loop, what it does behind its body
        self._step_starts: list[int] = []  # of the steps around, where among their frame's instructions they begin
        self._loop_mentions: list[set[int]] = []  # what a loop defines itself, without the loops in it
        # scopes: parallel
        self._kinds = [ScopeKind.ROOT]
        self._parents = [-1]
        self._frame_of = [0]
        self._declared: list[dict[bytes, int]] = [{}]  # names to variables; -1 until one is needed
        self._mentions: list[dict[bytes, int]] = [{}]  # names to their last mention
        self._classes: dict[bytes, int] = {}  # scopes of the classes that no function holds
        self._public: set[tuple[int, bytes]] = set()  # scopes and names that sealed functions see
        self._redirects: dict[tuple[int, bytes], int] = {}  # per scope and name, a `global` or `nonlocal`
        self._places: list[tuple[int, bytes]] = []  # per mention, its scope and name
        self._since: dict[tuple[int, bytes], int] = {}  # per name that a block declares, the first mention that may mean it
        self._hoisted: set[int] = set()  # mentions
        self._imported: set[int] = set()  # mentions
        self._written: set[tuple[int, int]] = set()  # frames of functions, mentions that may be of variables around them
        self._assigned: dict[int, None] = {}  # mentions of what is assigned to without being declared
        # variables: parallel
        self._names: list[bytes] = []
        self._variable_frames: list[int] = []
        self._receiver = b""
        self._receivers: dict[int, bytes] = {}  # per scope of a function
        self._results: dict[int, list[int]] = {}  # per scope of a function, mentions
        self._labels: dict[bytes, int] = {}  # their numbers, from 1
        self._label = -1, 0  # the last one that is in no jump: its end and number
        self._target = 0  # of the jump around
        self._opened = -1  # where the last loop begins

    def add(self, parsed: Parsed, owners: Sequence[tuple[ByteSpan, int]]) -> None:
        """Add a code block.

        Args:
            parsed: the block.
            owners: the spans of its items that are nodes of the graph, in order, with their items. Names elsewhere do not count.
        """
        frame, scope = self._frames[0], 0
        frame.flush()
        frame.instructions.append((Op.BLOCK, 0, 0, 0))
        self._receiver = parsed.language.receiver
        events = read_events(parsed, owners)
        self._deadline.check()
        source, roles, members, delays, mentions = parsed.source, events.roles, events.members, events.delays, self._mentions
        stack: list[_Node] = []
        node_end = _LAST
        for count, (start, minus_end, rank, what) in enumerate(events.ordered):
            while node_end <= start:
                frame, scope = self._leave(stack.pop(), frame)
                node_end = stack[-1][0] if stack else _LAST
            if isinstance(what, int):
                role = roles.get(start, 0)
                if start in members:
                    end, member_role, name_start = members[start]
                    ours = not member_role & _RECEIVER or self._is_receiver(scope, source[start:-minus_end])
                    if ours and self._member(frame, scope, what, source[name_start:end], end, member_role):
                        role &= ~_MUT
                name = source[start:-minus_end]
                if role and role & _NOT_CALL:
                    self._name(frame, scope, what, delays.get(start, -minus_end), name, role)
                    continue
                if frame.item != what or frame.soon:
                    frame.reach(what, start)
                mention = mentions[scope].get(name)
                if mention is None:
                    mention = self._mention(scope, name)
                frame.instructions.append((_USE, what, mention, role))
                continue
            if not count % _CHECK_EVERY:
                self._deadline.check()
            if what == "returns":
                if source[start:-minus_end].isalpha():
                    self._read_results(frame, scope, _owner(owners, start))
                continue
            if rank == _LABEL:
                self._read_label(source, start, -minus_end, bool(stack) and stack[-1][4] in JUMPS)
                continue
            node_end = -minus_end
            if what in SCOPES:
                function = SCOPES[what] in (_FN, _SEALED)
                stack.append((node_end, frame, scope, frame.loop, None, function))
                scope = self._new_scope(SCOPES[what], scope, frame)
                if function:
                    frame = _Frame(len(self._frames))
                    self._frames.append(frame)
                    self._makers.append(_owner(owners, start))
                    self._frame_of[scope] = frame.index
            elif rank == Rank.OUTER:
                stack.append((node_end, frame, scope, frame.loop, None, False))
                frame, scope = self._around(scope)
            elif rank == Rank.LATE:
                stack.append((node_end, frame, scope, frame.loop, _LATE, False))
                frame.late.append((scope, []))
            elif rank == _RANK_TAIL:
                stack.append((node_end, frame, scope, frame.loop, _TAIL, False))
                frame.tails.append((start, _owner(owners, start)))
            elif rank == _RANK_VALUE:
                tail = bool(stack) and stack[-1][4] == _TAIL and stack[-1][0] == node_end and frame.tails[-1][0] == start
                self._enter_value(frame, scope, tail, _taker(owners, start, what == "value.item"))
                stack.append((node_end, frame, scope, frame.loop, _VALUE, False))
            elif what in _PARTS:
                op = self._enter_part(frame, _PARTS[what])
                stack.append((node_end, frame, scope, frame.loop, op, False))
            else:
                loop = frame.loop
                end, label = self._label
                if label and (end > start or source[end:start].strip(b": \t\r\n")):
                    label = 0  # of something else
                op = self._enter(frame, what, what in LOOPS and (start, node_end) in events.infinite, label)
                if op == _LOOP:
                    self._opened = start
                stack.append((node_end, frame, scope, loop, op, False))
        while stack:
            frame, scope = self._leave(stack.pop(), frame)
        frame.flush()

    def finish(self) -> Program:
        """Resolve the names of all blocks and return the program."""
        for (_, name), redirect in self._redirects.items():
            if redirect & _GLOBAL:
                self._declared[0].setdefault(name, -1)
        for mention in self._assigned:
            if self._resolve(mention) < 0:
                scope, name = self._places[mention]
                self._declared[0][name] = -1
                self._public.add((0, name))
                if self._frame_of[scope]:
                    self._hoisted.add(mention)  # assigned to in a function, for everybody to see
        variables: list[int] = []
        for mention in range(len(self._places)):
            if not mention % _CHECK_RESOLVED:
                self._deadline.check()
            variables.append(self._resolve(mention))
        for index, mentioned in enumerate(self._loop_mentions):
            for variable in sorted({variables[mention] for mention in mentioned}):
                loop = index if variable >= 0 else -1
                while loop >= 0 and variable not in self._loops[loop].variables:
                    self._loops[loop].variables[variable] = None
                    loop = self._loop_parents[loop]
        users = [self._frame_of[scope] for scope, _ in self._places]
        used = zip(users, variables, strict=True)
        program = Program(
            tuple(frame.instructions for frame in self._frames),
            tuple(self._loops),
            variables,
            self._names,
            self._variable_frames,
            frozenset(variables[mention] for mention in self._hoisted),
            frozenset(variables[mention] for mention in self._imported),
            frozenset(variable for frame, variable in used if variable >= 0 and self._variable_frames[variable] != frame),
            {},
        )
        effects = find_effects(program, self._written, self._makers, users, self._deadline)
        return replace(program, effects=effects) if effects else program

    def _leave(self, node: _Node, frame: _Frame) -> tuple[_Frame, int]:
        """End a node; return the frame and scope around it."""
        _, around, scope, loop, op, function = node
        if op == _LATE:
            for late in around.late.pop()[1]:
                self._name(around, *late)
            return around, scope
        if op in (_INIT, _STEP):
            self._leave_part(around, op)
            return around, scope
        if op == _TAIL:
            self._leave_tail(around)
            return around, scope
        if op == _VALUE:
            self._leave_value(around)
            return around, scope
        if function:
            frame.flush()
        if op is not None:
            if around.last or around.soon or around.header >= 0:
                around.flush()
            if op in JUMPS:
                around.instructions.append((op, self._target, 0, 0))
                self._target = 0
            else:
                if op == _LOOP and self._steps[around.loop]:
                    around.instructions += [(Op.STEP, 0, 0, 0), *self._steps[around.loop]]
                around.instructions.append((_END, op, 0, 0))
                around.open.pop()
                around.loop = loop
        return around, scope

    def _read_results(self, frame: _Frame, scope: int, item: int) -> None:
        """A return that names nothing uses what the function around returns."""
        while scope and self._kinds[scope] in (_BLOCK, _COMP):
            scope = self._parents[scope]
        if item >= 0 and scope in self._results:
            frame.reach(item, _LAST)
            frame.instructions += [(_USE, item, mention, 0) for mention in self._results[scope]]

    def _read_label(self, source: bytes, start: int, end: int, in_jump: bool) -> None:
        """Note the label of a jump, of the loop that begins with it, or of what comes next."""
        number = self._labels.setdefault(source[start:end].strip(b"':"), len(self._labels) + 1)
        if in_jump:
            self._target = number
        elif start == self._opened:
            self._loops[-1].label = number
        else:
            self._label = end, number

    def _enter(self, frame: _Frame, what: str, infinite: bool, label: int) -> int | None:
        """Begin a node of the flow; return what must be ended, None where the node does not count."""
        op = OPENS[what]
        if op in JUMPS:
            return op
        if op in CLAUSE_OF and (not frame.open or frame.open[-1] not in CLAUSE_OF[op]):
            return None
        frame.flush()
        frame.open.append(op)
        if op != _LOOP:
            argument = label if op in _LEFT else int(what == "flow.alt.total")
            frame.instructions.append((op, argument, 0, 0))
            return op
        loop = len(self._loops)
        self._loops.append(Loop(LOOPS[what], infinite, label))
        self._loop_parents.append(frame.loop)
        self._steps.append([])
        self._loop_mentions.append(set())
        frame.loop = loop
        if LOOPS[what] == LoopKind.FOR:
            frame.header = loop
            frame.item = -1
        else:
            frame.instructions.append((op, loop, 0, 0))
        return op

    def _enter_part(self, frame: _Frame, part: int) -> int | None:
        """Begin what the innermost loop does before it begins, or behind its body; None where there is no such loop."""
        if not frame.open or frame.open[-1] != _LOOP:
            return None
        if part == _INIT:
            if frame.instructions[-1] != (_LOOP, frame.loop, 0, 0):
                return None
            frame.instructions.pop()
            frame.open.pop()  # of damaged code, a body may lie in here
        else:
            frame.flush()
            self._step_starts.append(len(frame.instructions))
        return part

    def _leave_part(self, frame: _Frame, part: int) -> None:
        frame.flush()
        if part == _INIT:
            frame.open.append(_LOOP)
            frame.instructions.append((_LOOP, frame.loop, 0, 0))
        else:
            start = self._step_starts.pop()
            self._steps[frame.loop] += frame.instructions[start:]
            self._loops[frame.loop].stepped = True
            del frame.instructions[start:]

    def _enter_value(self, frame: _Frame, scope: int, tail: bool, user: int) -> None:
        """Begin a node that has the value of its tails: that of the node around, if it is its tail, or else of a new variable."""
        if tail:
            mention = frame.values[-1][0] if frame.values else -1
            frame.values.append((mention, _NOBODY))
            frame.tails[-1] = frame.tails[-1][0], _NOBODY
        elif user == _NOBODY:
            frame.values.append((-1, _NOBODY))
        else:
            name = b"=%d" % len(self._places)
            self._declared[scope][name] = -1
            frame.values.append((self._mention(scope, name), user))

    def _leave_tail(self, frame: _Frame) -> None:
        _, item = frame.tails.pop()
        if item != _NOBODY and frame.values and frame.values[-1][0] >= 0:
            frame.reach(item, _LAST)
            frame.last.append((_DEFINE, item, frame.values[-1][0], 0))

    def _leave_value(self, frame: _Frame) -> None:
        mention, user = frame.values.pop()
        if user != _NOBODY:
            frame.flush()
            frame.instructions.append((_USE, user, mention, 0))

    def _new_scope(self, kind: int, parent: int, frame: _Frame) -> int:
        self._kinds.append(kind)
        self._parents.append(parent)
        self._frame_of.append(frame.index)
        self._declared.append({})
        self._mentions.append({})
        return len(self._kinds) - 1

    def _around(self, scope: int) -> tuple[_Frame, int]:
        """The scope around the innermost one, and its frame."""
        scope = max(self._parents[scope], 0)
        return self._frames[self._frame_of[scope]], scope

    def _mention(self, scope: int, name: bytes) -> int:
        """The number of a name in a scope."""
        mention = self._mentions[scope].setdefault(name, len(self._places))
        if mention == len(self._places):
            self._places.append((scope, name))
        return mention

    def _name(self, frame: _Frame, scope: int, item: int, position: int, name: bytes, role: int) -> None:
        """Record an identifier that is not just a use. `position` is where a definition happens that happens at once."""
        if frame.item != item or frame.soon:
            frame.reach(item, position)
        if not role & _DEF:
            if not role & _IGNORE:
                if role & _REUSE:
                    scope = self._declare(scope, name, role)
                mention = self._mention(scope, name)
                frame.instructions.append((_USE, item, mention, role))
                if role & _MUT:
                    self._define(frame, item, mention, role)
            if role & _WITHIN and frame.index and name in self._classes:  # those lie in no function, so this makes no circle
                self._parents[scope] = self._classes[name]
            return
        if role & _RECEIVER:
            self._receivers[scope] = name
        if frame.late and frame.late[-1][0] == scope and not role & _OUTER:
            frame.late[-1][1].append((scope, item, position, name, role))
            return
        name = name[name.rfind(b"/") + 1 :]  # what is imported by a path goes by its last part
        if role & _OUTER:
            if self._kinds[scope] in (_CLASS, _MEMBERS) and not frame.index:
                self._classes[name] = scope
            frame, scope = self._around(scope)
        if role & _REDIRECT:
            self._redirects[scope, name] = role
            return
        if role & _USED:
            frame.instructions.append((_USE, item, self._mention(scope, name), role))
        if role & _COPY:
            around, outside = self._around(scope)
            around.reach(item, position)
            around.instructions.append((_USE, item, self._mention(outside, name), role))
        scope = self._declare(scope, name, role)
        if role & _DECLARE and not role & _LOCAL:
            return
        mention = self._mention(scope, name)
        if role & _SET:
            self._assigned[mention] = None
        if role & _RESULT:
            self._results.setdefault(scope, []).append(mention)
        self._define(frame, item, mention, role, position if role & _AT_ONCE else None)
        if self._kinds[scope] == _CLASS:
            member = b"." + name.lstrip(b"$")  # a sign of variables is no part of a member's name
            self._declared[scope].setdefault(member, -1)
            self._define(frame, item, self._mention(scope, member), role | _ATTR)
        if role & _MEMBER:
            self._member(frame, scope, item, name.lstrip(b"$"), position, role | _ATTR)

    def _define(self, frame: _Frame, item: int, mention: int, role: int, position: int | None = None) -> None:
        """Let a definition happen, at a position of its item or at its end."""
        if position is None:
            frame.last.append((_DEFINE, item, mention, role))
        else:
            frame.soon.append((position, (_DEFINE, item, mention, role)))
        if frame.loop >= 0:
            self._loop_mentions[frame.loop].add(mention)
        if frame.index and (role & _NOT_DECLARED or self._redirects):
            self._written.add((frame.index, mention))
        if role & _HOIST:
            self._hoisted.add(mention)
        if role & _MODULE:
            self._imported.add(mention)

    def _declare(self, scope: int, name: bytes, role: int) -> int:
        """Declare a name where its role says; return the scope from which it is resolved."""
        if role & _UNDECLARED and not role & _LOCAL:
            return scope
        if role & _REUSE:
            around = scope
            while name not in self._declared[around] and self._kinds[around] in (_FN, _LAMBDA, _COMP, _BLOCK):
                around = self._parents[around]
            scope = around if name in self._declared[around] else scope
        if role & _SKIPS:
            skipped = (_BLOCK, _COMP) if role & _VAR else (_COMP,)
            while self._kinds[scope] in skipped:
                scope = self._parents[scope]
        if name not in self._declared[scope] and (scope, name) not in self._redirects:
            self._declared[scope][name] = -1
            if self._kinds[scope] in (_BLOCK, _LAMBDA) and not role & _HOIST:
                self._since[scope, name] = len(self._places)
                self._mentions[scope].pop(name, None)
        if role & (_OUTER | _HOIST):
            self._public.add((scope, name))
        return scope

    def _member(self, frame: _Frame, scope: int, item: int, name: bytes, end: int, role: int) -> bool:
        """Record ``receiver.name`` as a variable of the class around; return False where there is none."""
        while scope and self._kinds[scope] not in (_CLASS, _MEMBERS):
            scope = self._parents[scope]
        if not scope:
            return False
        frame.reach(item, end)
        if self._kinds[scope] == _CLASS:
            name = b"." + name
        self._declared[scope].setdefault(name, -1)
        self._public.add((scope, name))
        mention = self._mention(scope, name)
        if role & (_READ | _MUT) or not role & _DEF:
            frame.instructions.append((_USE, item, mention, role))
        if role & (_DEF | _MUT):
            self._define(frame, item, mention, role)
        return True

    def _is_receiver(self, scope: int, name: bytes) -> bool:
        """Whether a name means the receiver of the function around."""
        while scope and scope not in self._receivers and name not in self._declared[scope]:
            scope = self._parents[scope]
        return self._receivers.get(scope) == name

    def _resolve(self, mention: int) -> int:
        """The variable that a mention means, -1 if the program does not define it.

        What a block declares is what its name means from there on, but in functions, which run later.
        """
        scope, name = self._places[mention]
        crossed = sealed = False  # classes are invisible from the functions in them
        redirects, declared, kinds = self._redirects, self._declared, self._kinds
        if redirects:
            redirect = redirects.get((scope, name), 0)
            if redirect and not redirect & _GLOBAL:
                scope, crossed = self._parents[scope], True
        while scope >= 0:
            if redirects and redirects.get((scope, name), 0) & _GLOBAL:
                scope, sealed = 0, False
            kind = kinds[scope]
            if (
                name in declared[scope]
                and (kind != _CLASS if crossed else mention >= self._since.get((scope, name), 0))
                and not (sealed and (scope, name) not in self._public)
            ):
                return self._variable(scope, name)
            crossed = crossed or kind in (_FN, _SEALED, _LAMBDA, _SEALED_LAMBDA)
            sealed = sealed or kind in (_SEALED, _SEALED_LAMBDA)
            scope = self._parents[scope]
        return -1

    def _variable(self, scope: int, name: bytes) -> int:
        """The number of a declared variable."""
        variable = self._declared[scope][name]
        if variable < 0:
            variable = self._declared[scope][name] = len(self._names)
            member = name.startswith(b".")
            self._names.append(self._receiver + name[1:] if member else b"=" if name.startswith(b"=") else name)
            self._variable_frames.append(-1 if member or self._kinds[scope] == _MEMBERS else self._frame_of[scope])
        return variable


def _owner(owners: Sequence[tuple[ByteSpan, int]], start: int) -> int:
    """The item that holds a byte, -1 if none does."""
    at = bisect_left(owners, ((start + 1,),)) - 1
    return owners[at][1] if at >= 0 and start < owners[at][0].end else -1


def _taker(owners: Sequence[tuple[ByteSpan, int]], start: int, item: bool) -> int:
    """The item that takes a value which begins at a byte, _NOBODY if none does."""
    at = bisect_left(owners, ((start,),)) - 1
    own = at + 1 < len(owners) and owners[at + 1][0].start == start
    if at < 0 or own != item or not (own or start < owners[at][0].end):
        return _NOBODY
    return owners[at][1]
