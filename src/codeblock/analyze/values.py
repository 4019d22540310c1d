"""What a variable may hold, and the edges from there to its uses."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from codeblock.analyze.deadline import Deadline
from codeblock.analyze.program import Role
from codeblock.types import Edge, EdgeKind

MAX_SOURCES = 64
"""Definitions that one use is linked to at most, the nearest ones."""
MIN_EDGE_LIMIT = 20_000
"""Edges that every program may have; more only at 4 per definition and use, and then each use keeps its nearest definitions."""

UNDEFINED = 0
"""The value of a variable without one."""
NO_ITEM = -1
"""The item of a phi."""
_CHECK_EVERY = 1 << 10
# looking a member up costs ten times as much as a global name
_MUT, _CALLED, _OUTER, _NONLOCAL = Role.MUT, Role.CALL, Role.OUTER, Role.NONLOCAL

_as_edge: Callable[[tuple[int, int, str, EdgeKind]], Edge] = partial(tuple.__new__, Edge)  # pyright: ignore[reportAssignmentType]
_KINDS = sorted(EdgeKind)  # numbers are quicker to hash, and in this order they sort alike
_ATTRIBUTE, _CALL, _CLOSURE, _FLOW, _MUTATION = range(5)  # indices there

Use = tuple[int, int, int, int, bool]
"""The item that uses, the value, the variable, the role of the use, whether the variable lives in another frame."""


class Values:
    """Definitions, mutations and phis, numbered from 1 in the order of their making.

    Attributes:
        item: per value, the item that made it; NO_ITEM for a phi.
        role: per value, what the captures say of its definition; NONLOCAL if it is what another frame writes.
        operands: per value, what it joins if it is a phi, what it changes if it is a mutation.
    """

    __slots__ = ("item", "operands", "role")

    def __init__(self) -> None:
        self.item = [NO_ITEM]
        self.role = [0]
        self.operands: list[list[int]] = [[]]

    def new(self, item: int, role: int, operands: list[int]) -> int:
        """Make a value."""
        self.item.append(item)
        self.role.append(role)
        self.operands.append(operands)
        return len(self.item) - 1

    def join(self, values: Iterable[int]) -> int:
        """One value for several that meet."""
        distinct = list(dict.fromkeys(v for v in values if v != UNDEFINED))
        if len(distinct) < 2:
            return distinct[0] if distinct else UNDEFINED
        return self.new(NO_ITEM, 0, distinct)

    def unmutated(self, value: int) -> int:
        """What a mutation changed; other values as they are."""
        return self.operands[value][0] if self.role[value] & _MUT else value

    def sources(self, value: int) -> list[int]:
        """The definitions behind a value, nearest first, at most `MAX_SOURCES`.

        Behind a mutation only definitions count: the mutations before it reach the use through it.
        """
        if self.item[value] != NO_ITEM and not self.operands[value]:
            return [value]
        found: dict[int, None] = {}
        heap = [(-value, False)]
        seen = {(value, False)}
        while heap and len(found) < MAX_SOURCES:
            minus, changed = heapq.heappop(heap)
            value = -minus
            mutation = bool(self.role[value] & _MUT)
            if self.item[value] != NO_ITEM and not (mutation and changed):
                found[value] = None
            for operand in self.operands[value]:
                key = (operand, changed or mutation)
                if operand != UNDEFINED and key not in seen:
                    seen.add(key)
                    heapq.heappush(heap, (-operand, key[1]))
        return list(found)


def link(values: Values, uses: Sequence[Use], names: Sequence[bytes], frame_of: Sequence[int], deadline: Deadline) -> list[Edge]:
    """Follow every use through the phis to definitions.

    Returns:
        The edges, sorted and without self-loops.
    """
    sources: dict[int, list[int]] = {}
    total = 0
    for count, (_, value, _, _, _) in enumerate(uses):
        if not count % _CHECK_EVERY:
            deadline.check()
        behind = sources.get(value)
        if behind is None:
            behind = sources[value] = values.sources(value)
        total += len(behind)
    most = MAX_SOURCES
    limit = max(MIN_EDGE_LIMIT, 4 * (len(values.item) + len(uses)))
    while total > limit and most > 1:
        most //= 2
        total = sum(min(most, len(sources[value])) for _, value, _, _, _ in uses)
    # an edge as one number, which is quicker to hash and to sort than a tuple
    decoded = [name.decode("utf-8", "replace") for name in names]
    texts = sorted(set(decoded))
    rank = {text: n * len(_KINDS) for n, text in enumerate(texts)}
    ranks = [rank[text] for text in decoded]
    size, width = len(texts) * len(_KINDS), 1 + max([item for item, _, _, _, _ in uses], default=0)
    makers, roles = values.item, values.role
    edges: set[int] = set()
    for item, value, variable, role, foreign in uses:
        name, call = ranks[variable], role & _CALLED
        other = _FLOW if not foreign else _ATTRIBUTE if frame_of[variable] < 0 else _CLOSURE
        for source in sources[value][:most]:
            maker = makers[source]
            if maker != item:
                definition = roles[source]
                kind = _MUTATION if definition & _MUT else _CALL if call and definition & _OUTER else other
                if kind == _FLOW and definition & _NONLOCAL:
                    kind = _CLOSURE
                edges.add((maker * width + item) * size + name + kind)
    deadline.check()
    kinds, both = len(_KINDS), width * size
    return [_as_edge((n // both, n % both // size, texts[n % size // kinds], _KINDS[n % kinds])) for n in sorted(edges)]
