"""Which definition may reach which use: one structured pass over a program's instructions.

The environment maps each variable to a *value*: a definition, or a *phi* that joins the values of several paths (Braun et al. 2013,
"Simple and Efficient Construction of Static Single Assignment Form"). Structured code needs no fixed point: a branch keeps only what
its alternatives changed, and a loop begins with a phi for every variable that its body may define, whose operands arrive at the back
edge. So k definitions and m uses cost k + m, not k * m, and nothing is walked twice.

Not seen: calls that change their arguments, aliases, exceptions out of calls, ``eval``, gotos and labelled jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.program import Loop, LoopKind, Op, Program, Role
from codeblock.analyze.values import NO_ITEM, UNDEFINED, Use, Values, link
from codeblock.types import Edge

_CHECK_EVERY = 1 << 10
_Met = dict[int, list[int]]  # per variable, the values that meet


@dataclass(slots=True)
class _Open:
    """A construct, clause or body that the pass is inside of.

    Attributes:
        op: what it is.
        alive: whether control can get here.
        undo: length of the undo log when it began.
        trace: length of the trace when it began.
    """

    op: int
    alive: bool
    undo: int
    trace: int


@dataclass(slots=True)
class _Branch(_Open):
    """A branch: what its finished alternatives left behind, as changes to the values before it."""

    ends: list[dict[int, int]] = field(default_factory=list[dict[int, int]])
    total: bool = False
    falls: dict[int, int] | None = None  # what falls through to the next alternative


@dataclass(slots=True)
class _Loop(_Open):
    """A loop: the phis at its head, and the values at its breaks."""

    loop: Loop
    phis: dict[int, int] = field(default_factory=dict[int, int])
    body: int = 0  # length of the undo log where the loop is left when its condition fails
    breaks: _Met = field(default_factory=dict[int, list[int]])
    seen_breaks: int = 0  # length of the trace at the last break
    seen_turns: int = 0  # length of the trace at the last jump to the head
    broken: bool = False
    turned: bool = False  # the body has ended, `else` or what follows is next


@dataclass(slots=True)
class _Try(_Open):
    """A try: how its parts end, as changes to the values before it."""

    raised: dict[int, int] = field(default_factory=dict[int, int])  # where handlers begin
    normal: dict[int, int] | None = None  # behind the body or `else`
    ends: list[dict[int, int]] = field(default_factory=list[dict[int, int]])
    result: dict[int, int] | None = None  # with `finally`: behind the parts before it
    finally_seen: bool = False


class DataFlow:
    """Follows one program and collects its edges.

    Args:
        program: the instructions.
        deadline: for the whole sample.
    """

    def __init__(self, program: Program, deadline: Deadline) -> None:
        self._program = program
        self._deadline = deadline
        self._values = Values()
        self._uses: dict[Use, None] = {}  # in order, each once
        self._shared: dict[int, int] = {}  # per variable, a phi of all values that other frames and earlier code may see
        self._begin_frame(0)

    def run(self) -> list[Edge]:
        """Return the edges, sorted and without self-loops."""
        begin: dict[int, Callable[[int, int], None]] = {
            Op.BLOCK: self._block,
            Op.BODY: self._body,
            Op.BRANCH: self._branch,
            Op.SWITCH: self._branch,
            Op.CASES: self._branch,
            Op.LOOP: self._loop,
            Op.TRY: self._try,
            Op.WITH: self._plain,
            Op.ALTERNATIVE: self._alternative,
            Op.TRY_BODY: self._plain,
            Op.HANDLER: self._plain,
            Op.FINALLY: self._finally,
            Op.ELSE: self._else,
            Op.RETURN: self._return,
            Op.RAISE: self._return,
            Op.BREAK: self._break,
            Op.CONTINUE: self._continue,
            Op.END: self._end,
        }
        use, define = Op.USE, Op.DEFINE
        variable_of, frame_of, uses = self._program.variable_of, self._program.frame_of, self._uses
        for frame, instructions in enumerate(self._program.frames):
            self._begin_frame(frame)
            checked = 0
            for op, item, mention, role in instructions:
                if op == use:
                    variable = variable_of[mention]
                    if variable >= 0:
                        value = (self._environment if self._alive else self._dead).get(variable)
                        if value is None:
                            value = self._before(variable)
                        if value:
                            uses[item, value, variable, role, frame_of[variable] != frame] = None
                elif op == define:
                    if variable_of[mention] >= 0:
                        self._define(item, variable_of[mention], role)
                else:
                    begin[op](op, item)
                    if len(self._trace) > checked:
                        checked = len(self._trace) + _CHECK_EVERY
                        self._deadline.check()
            self._end_frame()
        return link(self._values, list(uses), self._program.names, self._deadline)

    # ---- values

    def _share(self, variable: int) -> int:
        """The phi of everything that may be seen from outside the frame of a variable."""
        if variable not in self._shared:
            self._shared[variable] = self._values.new(NO_ITEM, 0, [])
        return self._shared[variable]

    def _is_shared(self, variable: int) -> bool:
        return self._program.frame_of[variable] != self._frame or variable in self._program.hoisted

    def _before(self, variable: int) -> int:
        """The value of a variable that has not been written in this frame."""
        return self._share(variable) if self._is_shared(variable) else UNDEFINED

    def _read(self, variable: int) -> int:
        value = (self._environment if self._alive else self._dead).get(variable)
        return self._before(variable) if value is None else value

    def _write(self, variable: int, value: int) -> None:
        if not self._alive:
            self._dead[variable] = value
            return
        self._undo.append((variable, self._read(variable)))
        self._environment[variable] = value
        self._trace.append((variable, value))

    def _define(self, item: int, variable: int, role: int) -> None:
        """A definition, a deletion, or a mutation, which supersedes earlier mutations but not the definition."""
        if role & Role.DEL:
            self._write(variable, UNDEFINED)
            return
        if role & Role.MUT:
            before = self._read(variable)
            value = self._values.new(item, role, [self._values.unmutated(before)])
        else:
            value = self._values.new(item, role, [])
        self._write(variable, value)
        if self._is_shared(variable):
            self._values.operands[self._share(variable)].append(value)

    # ---- states

    def _begin_frame(self, index: int) -> None:
        self._frame = index
        self._environment: dict[int, int] = {}
        self._alive = True
        self._dead: dict[int, int] = {}  # the environment of code that cannot run
        self._undo: list[tuple[int, int]] = []  # (variable, value before)
        self._trace: list[tuple[int, int]] = []  # (variable, value after), undoing included
        self._open: list[_Open] = []
        self._exits: _Met = {}
        self._seen_exits = 0

    def _end_frame(self) -> None:
        """Functions defined in this frame may run later, so they see its variables as they are at its end."""
        self._leave_frame()
        for variable, values in self._exits.items():
            if self._program.frame_of[variable] == self._frame:
                self._values.operands[self._share(variable)].extend(values)

    def _leave_frame(self) -> None:
        """Collect the values of captured variables where control leaves the frame."""
        if self._alive and self._program.captured:
            self._seen_exits = self._collect(self._seen_exits, self._exits, self._program.captured)

    def _collect(self, since: int, values: _Met, only: frozenset[int] | None = None) -> int:
        """Add the present value of every variable that changed since a point of the trace; return the present point.

        What changed and changed back counts, so a variable without a change has been added before, or never had a value.
        """
        for variable in dict.fromkeys(v for v, _ in self._trace[since:]):
            if only is None or variable in only:
                value = self._environment[variable]
                known = values.setdefault(variable, [])
                if value not in known:
                    known.append(value)
        return len(self._trace)

    def _changes(self, undo: int) -> dict[int, int]:
        """The variables that changed since a point of the undo log, with their present values."""
        return {variable: self._environment[variable] for variable, _ in self._undo[undo:]}

    def _revert(self, undo: int) -> None:
        for variable, value in reversed(self._undo[undo:]):
            self._environment[variable] = value
            self._trace.append((variable, value))
        del self._undo[undo:]

    def _kill(self) -> None:
        """Control does not get here."""
        self._alive = False
        self._dead = {}

    def _apply(self, changes: dict[int, int]) -> None:
        for variable, value in changes.items():
            self._write(variable, value)

    def _merge(self, ends: list[dict[int, int]]) -> None:
        """Go on where several paths meet, each given as changes to the present values."""
        if not ends:
            self._kill()
            return
        values: _Met = {}
        for end in ends:
            for variable, value in end.items():
                values.setdefault(variable, []).append(value)
        for variable, met in values.items():
            if len(met) < len(ends):
                met.append(self._read(variable))
            self._write(variable, self._values.join(met))

    def _raised(self, start: _Open) -> dict[int, int]:
        """The values that an exception may meet: those before, and all that were written since. Reverts to those before."""
        written: _Met = {}
        for variable, value in self._trace[start.trace :]:
            written.setdefault(variable, []).append(value)
        self._revert(start.undo)
        return {variable: self._values.join([self._read(variable), *values]) for variable, values in written.items()}

    # ---- constructs

    def _plain(self, op: int, _: int) -> None:
        self._open.append(_Open(op, self._alive, len(self._undo), len(self._trace)))

    def _branch(self, op: int, _: int) -> None:
        self._open.append(_Branch(op, self._alive, len(self._undo), len(self._trace)))

    def _try(self, op: int, _: int) -> None:
        self._open.append(_Try(op, self._alive, len(self._undo), len(self._trace)))

    def _block(self, _op: int, _: int) -> None:
        """A new code block: whatever the one before it ended with, this one can be reached."""
        self._alive = True

    def _alternative(self, op: int, total: int) -> None:
        branch = self._open[-1]
        assert isinstance(branch, _Branch)
        branch.total = branch.total or bool(total)
        self._plain(op, 0)
        if branch.falls is not None and self._alive:
            self._merge([{}, branch.falls])
            branch.falls = None

    def _loop(self, op: int, index: int) -> None:
        mark, trace = len(self._undo), len(self._trace)
        entry = _Loop(op, self._alive, mark, trace, self._program.loops[index], seen_breaks=trace, seen_turns=trace)
        self._open.append(entry)
        if self._alive:
            for variable in entry.loop.variables:
                phi = self._values.new(NO_ITEM, 0, [self._read(variable)])
                entry.phis[variable] = phi
                self._write(variable, phi)
        entry.body = len(self._undo)
        entry.seen_turns = len(self._trace)

    def _body(self, op: int, _: int) -> None:
        loop = self._open[-1]
        assert isinstance(loop, _Loop)
        if loop.loop.kind == LoopKind.WHILE:
            loop.body = len(self._undo)
        self._plain(op, 0)

    def _turn(self, loop: _Loop) -> None:
        """Control goes back to the loop's head."""
        if not self._alive:
            return
        for variable in dict.fromkeys(v for v, _ in self._trace[loop.seen_turns :]):
            phi = loop.phis.get(variable)
            value = self._environment[variable]
            if phi is not None and value != phi:
                self._values.operands[phi].append(value)
        loop.seen_turns = len(self._trace)

    def _leave_body(self, loop: _Loop) -> None:
        """The body is over: back to the head, and on from where the condition fails."""
        if loop.turned or not loop.alive:
            return
        loop.turned = True
        self._turn(loop)
        if loop.loop.kind != LoopKind.DO:
            self._revert(loop.body)
            self._alive = True
        if loop.loop.infinite:
            self._leave_frame()
            self._kill()

    def _else(self, op: int, _: int) -> None:
        construct = self._open[-1]
        if isinstance(construct, _Loop):
            self._leave_body(construct)
        self._plain(op, 0)
        if isinstance(construct, _Try) and construct.alive:
            if construct.normal is None:
                self._kill()
            else:
                self._apply(construct.normal)

    def _finally(self, op: int, _: int) -> None:
        construct = self._open[-1]
        assert isinstance(construct, _Try)
        if construct.alive:
            self._close_try(construct)
            construct.result = self._changes(construct.undo) if self._alive else None
            construct.finally_seen = True
            self._alive = True
            raised = self._raised(construct)
            self._apply(raised)
        self._plain(op, 0)

    # ---- ends

    def _end(self, _op: int, what: int) -> None:
        entry = self._open.pop()
        if not entry.alive:
            return
        if what == Op.ALTERNATIVE:
            self._end_alternative(entry)
        elif isinstance(entry, _Branch):
            self._end_branch(entry)
        elif isinstance(entry, _Loop):
            self._end_loop(entry)
        elif isinstance(entry, _Try):
            if not entry.finally_seen:
                self._close_try(entry)
        elif what == Op.WITH:
            if not self._alive:
                self._alive = True
                self._apply(self._raised(entry))
        elif what == Op.TRY_BODY:
            self._end_try_body(entry)
        elif what == Op.HANDLER or what == Op.ELSE:
            self._end_part(entry)
        elif what == Op.FINALLY:
            self._end_finally(entry)

    def _end_alternative(self, entry: _Open) -> None:
        branch = self._open[-1]
        assert isinstance(branch, _Branch)
        if self._alive:
            if branch.op == Op.SWITCH:
                branch.falls = self._changes(entry.undo)
            else:
                branch.ends.append(self._changes(entry.undo))
        self._revert(entry.undo)
        self._alive = True

    def _end_branch(self, branch: _Branch) -> None:
        ends = branch.ends
        if branch.falls is not None:
            ends.append(branch.falls)
        if not branch.total:
            ends.append({})
        self._merge(ends)

    def _end_loop(self, loop: _Loop) -> None:
        self._leave_body(loop)
        if not loop.broken:
            return
        if self._alive:
            for variable, values in loop.breaks.items():
                values.append(self._read(variable))
        else:
            self._revert(loop.body)
            self._alive = True
        for variable, values in loop.breaks.items():
            self._write(variable, self._values.join(values))

    def _end_try_body(self, entry: _Open) -> None:
        construct = self._open[-1]
        assert isinstance(construct, _Try)
        normal = self._changes(construct.undo) if self._alive else None
        construct.raised = self._raised(construct)
        self._alive = True
        if normal is not None:
            # what the body does not leave changed is as it was before, not as a handler finds it
            normal = {variable: normal.get(variable, self._read(variable)) for variable in (*construct.raised, *normal)}
        construct.normal = normal
        self._apply(construct.raised)

    def _end_part(self, entry: _Open) -> None:
        """A handler, or the `else` of a try or loop."""
        construct = self._open[-1]
        if not isinstance(construct, _Try):
            return
        changes = self._changes(entry.undo) if self._alive else None
        self._revert(entry.undo)
        self._alive = True
        if entry.op == Op.ELSE:
            construct.normal = changes
        elif changes is not None:
            construct.ends.append(changes)

    def _close_try(self, construct: _Try) -> None:
        """Go on behind the body, `else` and the handlers."""
        self._merge([*construct.ends, *([] if construct.normal is None else [construct.normal])])

    def _end_finally(self, entry: _Open) -> None:
        construct = self._open[-1]
        assert isinstance(construct, _Try)
        if not self._alive:
            return
        changes = self._changes(entry.undo)
        self._revert(construct.undo)
        if construct.result is None:
            self._kill()
            return
        self._apply(construct.result)
        self._apply(changes)

    # ---- jumps

    def _return(self, op: int, _: int) -> None:
        if op == Op.RETURN and self._frame == 0:
            return  # a fragment of a function, not the end of the program
        self._leave_frame()
        self._jump()

    def _break(self, _op: int, _: int) -> None:
        for n in range(len(self._open) - 1, -1, -1):
            entry = self._open[n]
            if isinstance(entry, _Loop):
                if self._alive and entry.alive:
                    entry.seen_breaks = self._collect(entry.seen_breaks, entry.breaks)
                    entry.broken = True
                self._jump()
                return
            if isinstance(entry, _Branch) and entry.op in (Op.SWITCH, Op.CASES):
                if self._alive and entry.alive and n + 1 < len(self._open):
                    entry.ends.append(self._changes(self._open[n + 1].undo))
                self._jump()
                return

    def _continue(self, _op: int, _: int) -> None:
        for entry in reversed(self._open):
            if isinstance(entry, _Loop):
                self._turn(entry)
                self._jump()
                return

    def _jump(self) -> None:
        if self._alive:
            self._kill()
