"""What functions write to the variables of those around them, wherever they may run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.program import Op, Program

_USE, _DEFINE, _LOOP, _END = Op.USE, Op.DEFINE, Op.LOOP, Op.END  # looking a member up costs ten times as much as a global name


def find_effects(
    program: Program, written: Iterable[tuple[int, int]], makers: Sequence[int], users: Sequence[int], deadline: Deadline
) -> dict[int, tuple[int, ...]]:
    """Find the effects of functions, which are those of what they call, too; the loops that call them get to know them.

    Args:
        program: without its effects.
        written: frames of functions, each with a mention that it defines and that may be of a variable around it.
        makers: per frame, the item that makes its function.
        users: per mention, the frame that it is in.
        deadline: for the whole sample.

    Returns:
        `Program.effects`.
    """
    variables = program.variable_of
    changes: dict[int, set[int]] = {}  # per frame
    for frame, mention in written:
        variable = variables[mention]
        if variable >= 0 and 0 <= program.frame_of[variable] != frame:
            changes.setdefault(frame, set()).add(variable)
    if not changes:  # as in most programs
        return {}
    holds = _holds(program, makers)
    callers: dict[int, set[int]] = {}  # per frame
    for user, variable in zip(users, variables, strict=True):
        for frame in holds.get(variable, ()):
            callers.setdefault(frame, set()).add(user)
    pending = list(changes)
    while pending:
        frame = pending.pop()
        for caller in callers.get(frame, ()):
            deadline.check()
            before = changes.setdefault(caller, set())
            more = {variable for variable in changes[frame] if program.frame_of[variable] != caller} - before
            if more:
                before |= more
                pending.append(caller)
    effects: dict[int, tuple[int, ...]] = {}
    for variable, frames in holds.items():
        deadline.check()
        if changed := set[int]().union(*(changes.get(frame, ()) for frame in frames)):
            effects[variable] = tuple(sorted(changed))
    _tell_loops(program, effects, deadline)
    return effects


def _holds(program: Program, makers: Sequence[int]) -> dict[int, set[int]]:
    """Per variable, the frames of the functions that it may hold: those made in an item that defines it."""
    made: dict[int, list[int]] = {}  # per item, frames
    for frame, item in enumerate(makers):
        made.setdefault(item, []).append(frame)
    holds: dict[int, set[int]] = {}
    for index, instructions in enumerate(program.frames):
        for op, item, mention, _ in instructions:
            if op == _DEFINE and item in made and program.variable_of[mention] >= 0:
                holds.setdefault(program.variable_of[mention], set()).update(f for f in made[item] if f != index)
    return holds


def _tell_loops(program: Program, effects: dict[int, tuple[int, ...]], deadline: Deadline) -> None:
    """Give the effects of the functions that a loop uses to the loop."""
    for instructions in program.frames:
        around: list[int] = []
        for op, argument, mention, _ in instructions:
            if op == _LOOP:
                around.append(argument)
            elif op == _END and argument == _LOOP:
                around.pop()
            elif op == _USE and around and program.variable_of[mention] in effects:
                deadline.check()
                for loop in around:
                    program.loops[loop].effects.update(dict.fromkeys(effects[program.variable_of[mention]]))
