import itertools

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeblock.analyze import signals as module
from codeblock.analyze.deadline import Deadline
from codeblock.analyze.signals import signals
from codeblock.errors import AnalysisTimeout

graphs = st.integers(0, 14).flatmap(
    lambda n: st.tuples(
        st.just(n), st.sets(st.tuples(st.integers(0, max(n - 1, 0)), st.integers(0, max(n - 1, 0))), max_size=3 * n)
    )
)


def as_networkx(nodes: int, edges: set[tuple[int, int]]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from((s, t) for s, t in edges if s != t and nodes)
    return graph


def normalised(values: list[float]) -> list[float]:
    largest = max(values, default=0.0)
    return [v / largest if largest else 0.0 for v in values]


@settings(max_examples=200)
@given(graphs)
def test_small_graphs_agree_with_networkx(case):
    nodes, edges = case
    graph = as_networkx(nodes, edges)
    reach, bridge = signals(nodes, sorted(e for e in edges if nodes), Deadline(60))
    assert reach == [len(nx.descendants(graph, i)) / max(1, nodes - 1) for i in range(nodes)]
    centrality = nx.betweenness_centrality(graph, normalized=False)
    assert bridge == pytest.approx(normalised([centrality[i] for i in range(nodes)]))


@settings(max_examples=100)
@given(graphs)
def test_large_graphs_multiply_what_reaches_and_is_reached(case):
    nodes, edges = case
    graph = as_networkx(nodes, edges)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXACT_NODES", -1)
        patch.setattr(module, "_COLUMNS", 5)  # so that several rounds are needed
        reach, bridge = signals(nodes, sorted(e for e in edges if nodes), Deadline(60))
    assert reach == [len(nx.descendants(graph, i)) / max(1, nodes - 1) for i in range(nodes)]
    assert bridge == normalised([float(len(nx.ancestors(graph, i)) * len(nx.descendants(graph, i))) for i in range(nodes)])


def naive(nodes: int, edges: list[tuple[int, int]]) -> tuple[list[float], list[float], list[float]]:
    """Reach, betweenness, and the product of what reaches and is reached, from distances and numbers of shortest paths."""
    far = 10 * nodes + 1
    neighbours = {(s, t) for s, t in edges if s != t}
    distance = [[0 if s == t else 1 if (s, t) in neighbours else far for t in range(nodes)] for s in range(nodes)]
    for k, s, t in itertools.product(range(nodes), repeat=3):
        distance[s][t] = min(distance[s][t], distance[s][k] + distance[k][t])
    paths = [[int(s == t) for t in range(nodes)] for s in range(nodes)]
    for s in range(nodes):
        for t in sorted(range(nodes), key=distance[s].__getitem__):
            if 0 < distance[s][t] < far:
                paths[s][t] = sum(
                    paths[s][k] for k in range(nodes) if (k, t) in neighbours and distance[s][k] + 1 == distance[s][t]
                )
    reached = [sum(0 < d < far for d in distance[s]) for s in range(nodes)]
    reaching = [sum(0 < distance[s][t] < far for s in range(nodes)) for t in range(nodes)]
    between = [
        sum(
            paths[s][v] * paths[v][t] / paths[s][t]
            for s, t in itertools.permutations(set(range(nodes)) - {v}, 2)
            if distance[s][t] < far and distance[s][v] + distance[v][t] == distance[s][t]
        )
        for v in range(nodes)
    ]
    return [r / max(1, nodes - 1) for r in reached], between, [float(a * d) for a, d in zip(reaching, reached, strict=True)]


@st.composite
def circular(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A graph with circles, and edges that come more than once."""
    nodes = draw(st.integers(1, 12))
    node = st.integers(0, nodes - 1)
    circles = draw(st.lists(st.lists(node, min_size=1, max_size=5), max_size=3))
    edges = [edge for circle in circles for edge in zip(circle, circle[1:] + circle[:1], strict=True)]
    return nodes, sorted(edges + draw(st.lists(st.tuples(node, node), max_size=2 * nodes)))


@settings(max_examples=200)
@given(circular())
def test_graphs_with_circles_agree_with_the_definitions(case: tuple[int, list[tuple[int, int]]]) -> None:
    nodes, edges = case
    expected, between, product = naive(nodes, edges)
    reach, bridge = signals(nodes, edges, Deadline(60))
    assert reach == expected
    assert bridge == pytest.approx(normalised(between))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXACT_NODES", -1)
        patch.setattr(module, "_COLUMNS", 5)
        reach, bridge = signals(nodes, edges, Deadline(60))
    assert reach == expected
    assert bridge == normalised(product)


@pytest.mark.parametrize("nodes", [400, 401])
def test_random_graphs_of_both_sizes(nodes):
    graph = nx.gnp_random_graph(nodes, 0.004, seed=nodes, directed=True)
    reach, bridge = signals(nodes, sorted(graph.edges), Deadline(60))
    assert reach == [len(nx.descendants(graph, i)) / (nodes - 1) for i in range(nodes)]
    if nodes <= 400:
        centrality = nx.betweenness_centrality(graph, normalized=False)
        expected = [centrality[i] for i in range(nodes)]
    else:
        expected = [float(len(nx.ancestors(graph, i)) * len(nx.descendants(graph, i))) for i in range(nodes)]
    assert bridge == pytest.approx(normalised(expected))


def test_long_chain_does_not_recurse():
    nodes = 20_000
    reach, bridge = signals(nodes, ((i, i + 1) for i in range(nodes - 1)), Deadline(60))
    assert reach[0] == 1.0 and reach[-1] == 0.0
    assert bridge[nodes // 2] == 1.0 and bridge[0] == 0.0


def test_one_node_and_none():
    assert signals(1, [(0, 0)], Deadline(60)) == ([0.0], [0.0])
    assert signals(0, [], Deadline(60)) == ([], [])


def test_deadline():
    with pytest.raises(AnalysisTimeout, match="did not finish within 0 s"):
        signals(3, [(0, 1)], Deadline(0))
