"""Which definition may reach which use: one structured pass over a program's instructions.

The environment maps each variable to a *value*: a definition, or a *phi* that joins the values of several paths (Braun et al.
2013, "Simple and Efficient Construction of Static Single Assignment Form"). Structured code needs no fixed point: a branch
keeps only what its alternatives changed, and a loop begins with a phi for every variable that its body may define, whose
operands arrive at the back edge. So k definitions and m uses cost k + m, not k * m, and nothing is walked twice. What a function
writes to the variables of those around it joins their values wherever a variable that holds the function is used.

Not seen: functions that change their arguments, aliases, exceptions out of calls, ``eval`` and gotos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.environment import Environment, Met
from codeblock.analyze.program import Loop, LoopKind, Op, Program, Role
from codeblock.analyze.values import NO_ITEM, UNDEFINED, Use, Values, link
from codeblock.types import Edge

_CHECK_EVERY = 1 << 10
# looking a member up costs ten times as much as a global name
_MUT, _DEL, _NONLOCAL = Role.MUT, Role.DEL, Role.NONLOCAL
_ALTERNATIVE, _WITH, _TRY_BODY, _HANDLER, _ELSE, _FINALLY = Op.ALTERNATIVE, Op.WITH, Op.TRY_BODY, Op.HANDLER, Op.ELSE, Op.FINALLY


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

    label: int = 0
    ends: list[dict[int, int]] = field(default_factory=list[dict[int, int]])
    total: bool = False
    falls: list[dict[int, int]] = field(default_factory=list[dict[int, int]])  # what falls through to the next alternative


@dataclass(slots=True)
class _Loop(_Open):
    """A loop: the phis at its head, and the values at its jumps."""

    loop: Loop
    phis: dict[int, int] = field(default_factory=dict[int, int])
    body: int = 0  # length of the undo log where the loop is left when its condition fails
    breaks: Met = field(default_factory=dict[int, dict[int, None]])
    seen_breaks: int = 0  # length of the trace at the last break
    turns: Met = field(default_factory=dict[int, dict[int, None]])  # the values at jumps to what it does behind its body
    seen_steps: int = 0  # length of the trace at the last one
    seen_turns: int = 0  # length of the trace at the last jump to the head
    broken: bool = False
    continued: bool = False
    turned: bool = False  # the body has ended, `else` or what follows is next, whose jumps are of the loop around


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
        self._here = Environment(self._values, program.frame_of, program.hoisted)
        self._uses: dict[Use, None] = {}  # in order, each once
        self._elsewhere = {
            variable: self._values.new(NO_ITEM, 0, []) for variable in sorted(set().union(*program.effects.values()))
        }
        self._mixed = {value: value for value in self._elsewhere.values()}  # with what other frames write, to those without
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
            Op.FALL: self._fall,
            Op.STEP: self._step,
            Op.END: self._end,
        }
        use, define, here = Op.USE, Op.DEFINE, self._here
        variable_of, frame_of, uses = self._program.variable_of, self._program.frame_of, self._uses
        effects = self._program.effects
        for frame, instructions in enumerate(self._program.frames):
            self._begin_frame(frame)
            checked = 0
            for op, item, mention, role in instructions:
                if op == use:
                    variable = variable_of[mention]
                    if variable >= 0:
                        value = here.present.get(variable)
                        if value is None:
                            value = here.read(variable)
                        if value:
                            uses[item, value, variable, role, frame_of[variable] != frame] = None
                        if effects and variable in effects:
                            self._run_elsewhere(effects[variable])
                elif op == define:
                    if variable_of[mention] >= 0:
                        self._define(item, variable_of[mention], role)
                else:
                    begin[op](op, item)
                    if len(here.trace) > checked:
                        checked = len(here.trace) + _CHECK_EVERY
                        self._deadline.check()
            self._end_frame()
        return link(self._values, list(uses), self._program.names, frame_of, self._deadline)

    def _define(self, item: int, variable: int, role: int) -> None:
        """A definition, a deletion, or a mutation, which supersedes earlier mutations but not the definition."""
        here, values = self._here, self._values
        if role & _DEL:
            here.write(variable, UNDEFINED)
            return
        operands: list[int] = []
        if role & _MUT:
            if variable in self._program.modules:
                return
            before = here.read(variable)
            operands = [values.unmutated(self._mixed.get(before, before))]
            if before in self._mixed:
                operands.append(self._elsewhere[variable])
        value = values.new(item, role, operands)
        here.write(variable, value)
        if here.is_shared(variable):
            values.operands[here.share(variable)].append(value)
            if variable in self._elsewhere and self._program.frame_of[variable] != self._frame:
                values.operands[self._elsewhere[variable]].append(values.new(item, role | _NONLOCAL, []))

    def _run_elsewhere(self, changed: Iterable[int]) -> None:
        """A function runs, or is handed to somebody who may run it: what it writes is a further value of the variable."""
        here, values = self._here, self._values
        self._deadline.check()
        for variable in changed:
            before = here.present.get(variable, UNDEFINED)
            if before in self._mixed or (before == UNDEFINED and here.is_shared(variable)):
                continue  # it holds that already
            if values.item[before] == NO_ITEM and not self._mixed.keys().isdisjoint(values.operands[before]):
                self._mixed[before] = before
                continue
            value = values.join([before, self._elsewhere[variable]])
            here.write(variable, value)
            self._mixed[value] = before

    # ---- frames

    def _begin_frame(self, index: int) -> None:
        self._here.begin_frame(index)
        self._frame = index
        self._open: list[_Open] = []
        self._exits: Met = {}
        self._seen_exits = 0

    def _end_frame(self) -> None:
        """Functions defined in this frame may run later, so they see its variables as they are at its end."""
        self._leave_frame()
        for variable, values in self._exits.items():
            if self._program.frame_of[variable] == self._frame:
                self._values.operands[self._here.share(variable)].extend(values)

    def _leave_frame(self) -> None:
        """Collect the values of captured variables where control leaves the frame."""
        if self._here.alive and self._program.captured:
            self._seen_exits = self._here.collect(self._seen_exits, self._exits, self._program.captured)

    # ---- constructs

    def _plain(self, op: int, _: int) -> None:
        self._open.append(_Open(op, self._here.alive, len(self._here.undo), len(self._here.trace)))

    def _branch(self, op: int, label: int) -> None:
        self._open.append(_Branch(op, self._here.alive, len(self._here.undo), len(self._here.trace), label))

    def _try(self, op: int, _: int) -> None:
        self._open.append(_Try(op, self._here.alive, len(self._here.undo), len(self._here.trace)))

    def _block(self, _op: int, _: int) -> None:
        """A new code block: whatever the one before it ended with, this one can be reached."""
        self._here.revive()

    def _alternative(self, op: int, total: int) -> None:
        branch = self._open[-1]
        assert isinstance(branch, _Branch)
        branch.total = branch.total or bool(total)
        self._plain(op, 0)
        if branch.falls and self._here.alive:
            self._here.merge([{}, *branch.falls])
            branch.falls = []

    def _loop(self, op: int, index: int) -> None:
        if effects := self._program.loops[index].effects:
            self._run_elsewhere(effects)
        mark, trace = len(self._here.undo), len(self._here.trace)
        entry = _Loop(op, self._here.alive, mark, trace, self._program.loops[index])
        entry.seen_breaks = entry.seen_steps = trace
        self._open.append(entry)
        if self._here.alive:
            for variable in entry.loop.variables:
                phi = self._values.new(NO_ITEM, 0, [self._here.read(variable)])
                entry.phis[variable] = phi
                self._here.write(variable, phi)
        entry.body = len(self._here.undo)
        entry.seen_turns = len(self._here.trace)

    def _body(self, op: int, _: int) -> None:
        loop = self._open[-1]
        assert isinstance(loop, _Loop)
        if loop.loop.kind == LoopKind.WHILE:
            loop.body = len(self._here.undo)
        self._plain(op, 0)

    def _turn(self, loop: _Loop) -> None:
        """Control goes back to the loop's head."""
        if not self._here.alive:
            return
        values: Met = {}
        loop.seen_turns = self._here.collect(loop.seen_turns, values)
        for variable in values:
            if variable in loop.phis:
                self._values.operands[loop.phis[variable]].extend(values[variable])

    def _leave_body(self, loop: _Loop) -> None:
        """The body is over: back to the head, and on from where the condition fails."""
        if loop.turned or not loop.alive:
            return
        loop.turned = True
        self._turn(loop)
        if loop.loop.kind != LoopKind.DO:
            self._here.revert(loop.body)
            self._here.revive()
        if loop.loop.infinite:
            self._leave_frame()
            self._here.kill()

    def _else(self, op: int, _: int) -> None:
        construct = self._open[-1]
        if isinstance(construct, _Loop):
            self._leave_body(construct)
        self._plain(op, 0)
        if isinstance(construct, _Try) and construct.alive:
            if construct.normal is None:
                self._here.kill()
            else:
                self._here.apply(construct.normal)

    def _finally(self, op: int, _: int) -> None:
        construct = self._open[-1]
        assert isinstance(construct, _Try)
        if construct.alive:
            self._close_try(construct)
            construct.result = self._here.changes(construct.undo) if self._here.alive else None
            construct.finally_seen = True
            self._here.revive()
            raised = self._here.raised(construct.undo, construct.trace)
            self._here.apply(raised)
        self._plain(op, 0)

    # ---- ends

    def _end(self, _op: int, what: int) -> None:
        entry = self._open.pop()
        if not entry.alive:
            return
        if what == _ALTERNATIVE:
            self._end_alternative(entry)
        elif isinstance(entry, _Branch):
            self._end_branch(entry)
        elif isinstance(entry, _Loop):
            self._end_loop(entry)
        elif isinstance(entry, _Try):
            if not entry.finally_seen:
                self._close_try(entry)
        elif what == _WITH:
            if not self._here.alive:
                self._here.revive()
                self._here.apply(self._here.raised(entry.undo, entry.trace))
        elif what == _TRY_BODY:
            self._end_try_body(entry)
        elif what in (_HANDLER, _ELSE):
            self._end_part(entry)
        elif what == _FINALLY:
            self._end_finally(entry)

    def _end_alternative(self, entry: _Open) -> None:
        branch = self._open[-1]
        assert isinstance(branch, _Branch)
        if self._here.alive:
            if branch.op == Op.SWITCH:
                branch.falls.append(self._here.changes(entry.undo))
            else:
                branch.ends.append(self._here.changes(entry.undo))
        self._here.revert(entry.undo)
        self._here.revive()

    def _end_branch(self, branch: _Branch) -> None:
        ends = [*branch.ends, *branch.falls]
        if not branch.total:
            ends.append({})
        self._here.merge(ends)

    def _end_loop(self, loop: _Loop) -> None:
        self._leave_body(loop)
        if loop.broken:
            self._meet(loop, loop.breaks)

    def _step(self, _op: int, _: int) -> None:
        """The body is over, what the loop does behind it follows."""
        loop = self._open[-1]
        assert isinstance(loop, _Loop)
        if loop.continued:
            self._meet(loop, loop.turns)

    def _meet(self, loop: _Loop, met: Met) -> None:
        """Go on where jumps lead that leave the body, or part of it."""
        if self._here.alive:
            for variable, values in met.items():
                values[self._here.read(variable)] = None
        else:
            self._here.revert(loop.body)
            self._here.revive()
        for variable, values in met.items():
            self._here.write(variable, self._values.join(values))

    def _end_try_body(self, entry: _Open) -> None:
        construct = self._open[-1]
        assert isinstance(construct, _Try)
        normal = self._here.changes(construct.undo) if self._here.alive else None
        self._here.revive()
        construct.raised = self._here.raised(construct.undo, construct.trace)
        if normal is not None:
            # what the body does not leave changed is as it was before, not as a handler finds it
            normal = {variable: normal.get(variable, self._here.read(variable)) for variable in (*construct.raised, *normal)}
        construct.normal = normal
        self._here.apply(construct.raised)

    def _end_part(self, entry: _Open) -> None:
        """A handler, or the `else` of a try or loop."""
        construct = self._open[-1]
        if not isinstance(construct, _Try):
            return
        changes = self._here.changes(entry.undo) if self._here.alive else None
        self._here.revert(entry.undo)
        self._here.revive()
        if entry.op == Op.ELSE:
            construct.normal = changes
        elif changes is not None:
            construct.ends.append(changes)

    def _close_try(self, construct: _Try) -> None:
        """Go on behind the body, `else` and the handlers."""
        self._here.merge([*construct.ends, *([] if construct.normal is None else [construct.normal])])

    def _end_finally(self, entry: _Open) -> None:
        construct = self._open[-1]
        assert isinstance(construct, _Try)
        if not self._here.alive:
            return
        changes = self._here.changes(entry.undo)
        self._here.revert(construct.undo)
        if construct.result is None:
            self._here.kill()
            return
        self._here.apply(construct.result)
        self._here.apply(changes)

    # ---- jumps

    def _return(self, op: int, _: int) -> None:
        for entry in reversed(self._open):
            if isinstance(entry, _Loop) and entry.loop.kind == LoopKind.CALLBACK and op == Op.RETURN:
                self._turn(entry)
                self._jump()
                return
        if op == Op.RETURN and self._frame == 0:
            return  # a fragment of a function, not the end of the program
        self._leave_frame()
        self._jump()

    def _break(self, _op: int, label: int) -> None:
        label = self._known(label)
        for n in range(len(self._open) - 1, -1, -1):
            entry = self._open[n]
            if isinstance(entry, _Loop) and not entry.turned and label in (0, entry.loop.label):
                if self._here.alive and entry.alive:
                    entry.seen_breaks = self._here.collect(entry.seen_breaks, entry.breaks)
                    entry.broken = True
                self._jump()
                return
            if isinstance(entry, _Branch) and (label == entry.label if label else entry.op in (Op.SWITCH, Op.CASES)):
                if self._here.alive and entry.alive and n + 1 < len(self._open):
                    entry.ends.append(self._here.changes(self._open[n + 1].undo))
                self._jump()
                return

    def _continue(self, _op: int, label: int) -> None:
        label = self._known(label)
        for entry in reversed(self._open):
            if isinstance(entry, _Loop) and not entry.turned and label in (0, entry.loop.label):
                if not entry.loop.stepped:
                    self._turn(entry)
                elif self._here.alive and entry.alive:
                    entry.seen_steps = self._here.collect(entry.seen_steps, entry.turns)
                    entry.continued = True
                self._jump()
                return

    def _fall(self, _op: int, _: int) -> None:
        for n in range(len(self._open) - 2, -1, -1):
            entry = self._open[n]
            if isinstance(entry, _Branch) and entry.op == Op.CASES:
                if self._here.alive and entry.alive:
                    entry.falls.append(self._here.changes(self._open[n + 1].undo))
                self._jump()
                return

    def _known(self, label: int) -> int:
        """A label, 0 if it is of nothing that the pass is inside of."""
        if not label:
            return 0
        labels = [e.loop.label if isinstance(e, _Loop) else e.label for e in self._open if isinstance(e, (_Loop, _Branch))]
        return label if label in labels else 0

    def _jump(self) -> None:
        if self._here.alive:
            self._here.kill()
