"""What every variable holds at one point of a program, with a way back."""

from __future__ import annotations

from collections.abc import Sequence

from codeblock.analyze.values import NO_ITEM, UNDEFINED, Values

Met = dict[int, dict[int, None]]
"""Per variable, the values that meet, in order."""


class Environment:
    """The variables of one frame while the data-flow pass goes through it.

    Args:
        values: where new values are made.
        frame_of: per variable, the frame it lives in.
        hoisted: variables that are visible before their definition.

    Attributes:
        alive: whether control can get here. Code that it cannot reach has an environment of its own, which begins empty.
        present: what the variables hold that were written.
        undo: what was written, as (variable, value before); shortened by `revert`.
        trace: what was written, as (variable, value after), undoing included; only grows.
    """

    def __init__(self, values: Values, frame_of: Sequence[int], hoisted: frozenset[int]) -> None:
        self._values = values
        self._frame_of = frame_of
        self._hoisted = hoisted
        self._shared: dict[int, int] = {}
        self.begin_frame(0)

    def begin_frame(self, frame: int) -> None:
        """Start again, with no variable written."""
        self._frame = frame
        self._holds: dict[int, int] = {}
        self.present = self._holds
        self.alive = True
        self.undo: list[tuple[int, int]] = []
        self.trace: list[tuple[int, int]] = []

    def share(self, variable: int) -> int:
        """The phi of all values of a variable that other frames, and code before its definition, may see."""
        if variable not in self._shared:
            self._shared[variable] = self._values.new(NO_ITEM, 0, [])
        return self._shared[variable]

    def is_shared(self, variable: int) -> bool:
        """Whether this frame sees values of the variable that it has not written."""
        return self._frame_of[variable] != self._frame or variable in self._hoisted

    def read(self, variable: int) -> int:
        """The present value."""
        value = self.present.get(variable)
        if value is None:
            return self.share(variable) if self.is_shared(variable) else UNDEFINED
        return value

    def write(self, variable: int, value: int) -> None:
        """Change a value."""
        present = self.present
        if self.alive:
            before = present.get(variable)
            self.undo.append((variable, self.read(variable) if before is None else before))
            self.trace.append((variable, value))
        present[variable] = value

    def kill(self) -> None:
        """Control does not get here."""
        self.alive = False
        self.present = {}

    def revive(self) -> None:
        """Control gets here after all, with what it held where it was lost."""
        self.alive = True
        self.present = self._holds

    def changes(self, undo: int) -> dict[int, int]:
        """The variables that changed since a length of the undo log, with their present values."""
        return {variable: self._holds[variable] for variable, _ in self.undo[undo:]}

    def revert(self, undo: int) -> None:
        """Go back to a length of the undo log."""
        for variable, value in reversed(self.undo[undo:]):
            self._holds[variable] = value
            self.trace.append((variable, value))
        del self.undo[undo:]

    def apply(self, changes: dict[int, int]) -> None:
        """Write several values."""
        for variable, value in changes.items():
            self.write(variable, value)

    def merge(self, ends: Sequence[dict[int, int]]) -> None:
        """Go on where several paths meet, each given as changes to the present values."""
        if not ends:
            self.kill()
            return
        values: dict[int, list[int]] = {}
        for end in ends:
            for variable, value in end.items():
                values.setdefault(variable, []).append(value)
        for variable, met in values.items():
            if len(met) < len(ends):
                met.append(self.read(variable))
            self.write(variable, self._values.join(met))

    def collect(self, since: int, values: Met, only: frozenset[int] | None = None) -> int:
        """Add the present value of every variable that changed since a length of the trace; return its present length.

        What changed and changed back counts, so a variable without a change has been added before, or never had a value.
        """
        for variable in dict.fromkeys(v for v, _ in self.trace[since:]):
            if only is None or variable in only:
                values.setdefault(variable, {})[self._holds[variable]] = None
        return len(self.trace)

    def raised(self, undo: int, trace: int) -> dict[int, int]:
        """The values that an exception may meet: those before, and all that were written since. Goes back to those before."""
        written: dict[int, list[int]] = {}
        for variable, value in self.trace[trace:]:
            written.setdefault(variable, []).append(value)
        self.revert(undo)
        return {variable: self._values.join([self.read(variable), *values]) for variable, values in written.items()}
