"""A program as the data-flow pass sees it: instructions in the order in which they run.

A *frame* is what runs at once: the program's top level, or the body of one function. Names are numbered per scope (*mentions*)
while the code is read, since a later line may declare them; `Program.variable_of` says which variable a mention turned out to
mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import Final


class Op:
    """What an instruction does. USE and DEFINE are (op, item, mention, role), the others (op, argument, 0, 0).

    Labels are numbers, 0 for none; that of a loop is in `Program.loops`.

    Here and below plain integers, not enumerations: those cost a call for each hash, and flags a microsecond for each test.
    """

    USE: Final = 0
    DEFINE: Final = 1
    BLOCK: Final = 2  # a new code block of the program begins
    BODY: Final = 3  # of a loop
    BRANCH: Final = 4  # argument: its label
    SWITCH: Final = 5  # likewise
    CASES: Final = 6  # likewise
    LOOP: Final = 7  # argument: index in `Program.loops`
    TRY: Final = 8
    WITH: Final = 9
    ALTERNATIVE: Final = 10  # argument: 1 if it is taken when no other is
    TRY_BODY: Final = 11
    HANDLER: Final = 12
    FINALLY: Final = 13
    ELSE: Final = 14
    RETURN: Final = 15
    RAISE: Final = 16
    BREAK: Final = 17  # argument: the label of what it leaves
    CONTINUE: Final = 18  # argument: the label of the loop
    FALL: Final = 19  # from an alternative of CASES into the next one
    STEP: Final = 20  # what a loop does behind its body begins
    END: Final = 21  # of what began last and has not ended; argument: which


Instruction = tuple[int, int, int, int]
JUMPS = frozenset({Op.RETURN, Op.RAISE, Op.BREAK, Op.CONTINUE, Op.FALL})


class Role:
    """What the captures say of an identifier, as bits."""

    DEF: Final = 1 << 0
    OUTER: Final = 1 << 1
    VAR: Final = 1 << 2
    HOIST: Final = 1 << 3
    SET: Final = 1 << 4
    READ: Final = 1 << 5
    DECLARE: Final = 1 << 6
    WALRUS: Final = 1 << 7
    NOW: Final = 1 << 8
    DEL: Final = 1 << 9
    GLOBAL: Final = 1 << 10
    NONLOCAL: Final = 1 << 11
    MUT: Final = 1 << 12
    CALL: Final = 1 << 13
    IGNORE: Final = 1 << 14
    ATTR: Final = 1 << 15  # a member of a class, reached through a receiver
    REUSE: Final = 1 << 16
    LOCAL: Final = 1 << 17
    WITHIN: Final = 1 << 18
    COPY: Final = 1 << 19
    MEMBER: Final = 1 << 20
    MODULE: Final = 1 << 21
    RESULT: Final = 1 << 23  # what a function returns where a return names nothing
    RECEIVER: Final = 1 << 22  # of a member: it is one if what stands before it is the receiver of the function around


class LoopKind(IntEnum):
    """When a loop's header runs."""

    FOR = auto()  # its uses once, its definitions each turn
    WHILE = auto()  # before each turn
    DO = auto()  # after each turn
    CALLBACK = auto()  # before each turn; a return goes back to it


@dataclass(slots=True)
class Loop:
    """A loop.

    Attributes:
        kind: when its header runs.
        infinite: whether only a break leaves it.
        label: a number, 0 for none.
        stepped: whether it does something behind its body, to which a `continue` goes.
        variables: those that it may define.
        effects: those that the functions that it uses may write.
    """

    kind: LoopKind
    infinite: bool
    label: int = 0
    stepped: bool = False
    variables: dict[int, None] = field(default_factory=dict[int, None])
    effects: dict[int, None] = field(default_factory=dict[int, None])


@dataclass(frozen=True, slots=True)
class Program:
    """All code of one language in one response. Variables are numbers.

    Attributes:
        frames: the instructions of each frame; a frame comes after the one it is defined in.
        loops: of all frames.
        variable_of: per mention, its variable; -1 for names that the program does not define.
        names: per variable, its name; members of classes as ``receiver.name``.
        frame_of: per variable, the frame it lives in; -1 for members of classes.
        hoisted: variables that are visible before their definition.
        modules: imported variables, which nothing changes.
        captured: variables that are used in another frame than theirs.
        effects: per variable that holds a function, the variables of other frames that running it may write, members aside.
    """

    frames: tuple[list[Instruction], ...]
    loops: tuple[Loop, ...]
    variable_of: list[int]
    names: list[bytes]
    frame_of: list[int]
    hoisted: frozenset[int]
    modules: frozenset[int]
    captured: frozenset[int]
    effects: dict[int, tuple[int, ...]]
