"""Reach and bridge: how far an item's values propagate, and how much it connects (METHOD F)."""

from __future__ import annotations

from collections.abc import Iterable

from codeblock.analyze.deadline import Deadline

EXACT_NODES = 400
"""Largest graph whose betweenness is computed; beyond it, bridge is (items that reach i) * (items that i reaches)."""
_COLUMNS = 1 << 13  # items whose reachability is computed at once, which bounds memory to a KiB per item


def signals(nodes: int, edges: Iterable[tuple[int, int]], deadline: Deadline) -> tuple[list[float], list[float]]:
    """Compute reach and bridge of every node of a directed graph.

    reach_i = |D(i)| / max(1, n - 1), where D(i) are the other nodes that a path leads to from i.
    bridge_i = the directed, unweighted betweenness centrality of i (Brandes 2001), divided by the largest of the graph; for
    graphs of more than `EXACT_NODES` nodes |A(i)| * |D(i)| instead, where A(i) are the other nodes from which a path leads to
    i.

    Args:
        nodes: their number n; nodes are 0 to n - 1.
        edges: (source, target), sorted; repeated ones count once, self-loops not at all.
        deadline: for the whole sample.

    Returns:
        reach and bridge per node, each in [0, 1].
    """
    forward: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in dict.fromkeys(edges):
        if source != target:
            forward[source].append(target)
    component, members = _components(forward)
    descendants = _reachable(forward, component, members, deadline)
    others = max(1, nodes - 1)
    reach = [d / others for d in descendants]
    if nodes <= EXACT_NODES:
        raw = _betweenness(forward, deadline)
    else:
        backward: list[list[int]] = [[] for _ in range(nodes)]
        for source, targets in enumerate(forward):
            for target in targets:
                backward[target].append(source)
        ancestors = _reachable(backward, component, members[::-1], deadline)
        raw = [float(a * d) for a, d in zip(ancestors, descendants, strict=True)]
    largest = max(raw, default=0.0)
    return reach, [r / largest if largest else 0.0 for r in raw]


def _components(forward: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Strongly connected components (Tarjan 1972), successors first: each node's component, each component's nodes."""
    unseen = -1
    order = [unseen] * len(forward)
    low = [0] * len(forward)
    component = [unseen] * len(forward)
    members: list[list[int]] = []
    path: list[int] = []
    count = 0
    for root in range(len(forward) - 1, -1, -1):  # values mostly flow forward, so from the end most targets are done
        if component[root] != unseen:
            continue
        if unseen not in map(component.__getitem__, forward[root]):
            component[root] = len(members)
            members.append([root])
            continue
        order[root] = low[root] = count
        count += 1
        path.append(root)
        work = [(root, iter(forward[root]))]
        while work:
            node, targets = work[-1]
            for target in targets:
                if component[target] != unseen:
                    continue
                if order[target] == unseen:
                    order[target] = low[target] = count
                    count += 1
                    path.append(target)
                    work.append((target, iter(forward[target])))
                    break
                low[node] = min(low[node], order[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    at = _last(path, node)
                    for member in path[at:]:
                        component[member] = len(members)
                    members.append(path[at:])
                    del path[at:]
    return component, members


def _last(path: list[int], node: int) -> int:
    """Position of a node in the path, looked for from its end."""
    at = len(path) - 1
    while path[at] != node:
        at -= 1
    return at


def _reachable(targets: list[list[int]], component: list[int], members: list[list[int]], deadline: Deadline) -> list[int]:
    """Per node, how many other nodes a path leads to; in `members` a component comes behind those it leads to."""
    counts = [0] * len(targets)
    for first in range(0, len(targets), _COLUMNS):
        deadline.check()
        end = first + _COLUMNS
        seen = [0] * len(members)  # per component, the nodes in it or behind it, as bits
        for nodes in members:
            bits = 0
            for node in nodes:
                if first <= node < end:
                    bits |= 1 << (node - first)
                for target in targets[node]:
                    bits |= seen[component[target]]
            seen[component[nodes[0]]] = bits
            size = bits.bit_count()
            for node in nodes:
                counts[node] += size - (first <= node < end)
    return counts


def _betweenness(forward: list[list[int]], deadline: Deadline) -> list[float]:
    """How many shortest paths between other nodes lead through each node, each pair counting as one (Brandes 2001)."""
    score = [0.0] * len(forward)
    for root, first in enumerate(forward):
        if not any(map(forward.__getitem__, first)):
            continue  # no path leads through another node
        deadline.check()
        distance = [0] * len(forward)  # 0 until a path is found
        distance[root] = -1
        paths = [0] * len(forward)
        for target in first:
            distance[target] = paths[target] = 1
        before: dict[int, list[int]] = {}  # the last nodes of the shortest paths, without the root
        order = first.copy()
        for node in order:  # which grows
            further = distance[node] + 1
            for target in forward[node]:
                found = distance[target]
                if not found:
                    distance[target] = further
                    paths[target] = paths[node]
                    before[target] = [node]
                    order.append(target)
                elif found == further:
                    paths[target] += paths[node]
                    before[target].append(node)
        dependency = [0.0] * len(forward)
        for node in order[: len(first) - 1 : -1]:
            share = 1.0 + dependency[node]
            for previous in before[node]:
                dependency[previous] += paths[previous] / paths[node] * share
        for node in order:
            score[node] += dependency[node]
    return score
