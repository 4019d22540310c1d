from textwrap import dedent

import pytest

from codeblock.analyze.analyze import analyze_code
from tests.analyze.show import edges_text

# source -> edges, as "line of the definition, line of the use, variable, kind"
CASES = {
    "straight line": ("x = 1\nx = x + 1\ny = x", "1 2 x flow\n2 3 x flow"),
    "uses come before definitions": ("a, b = 1, 2\na, b = b, a\nc = a", "1 2 a flow\n1 2 b flow\n2 3 a flow"),
    "branches join": ("x = 1\nif c:\n    x = 2\nelif d:\n    x = 3\ny = x", "1 6 x flow\n3 6 x flow\n5 6 x flow"),
    "a total branch hides what was before": ("x = 1\nif c:\n    x = 2\nelse:\n    x = 3\ny = x", "3 6 x flow\n5 6 x flow"),
    "an arm that jumps does not join": (
        "def f(c):\n    x = 1\n    if c:\n        x = 2\n        return\n    return x",
        "1 3 c flow\n2 6 x flow",
    ),
    "arms do not see each other": ("if c:\n    x = 1\nelse:\n    y = x", ""),
    "loop carried": (
        "x = 0\nfor i in a:\n    y = x\n    x = i\nz = x",
        "1 3 x flow\n1 5 x flow\n2 4 i flow\n4 3 x flow\n4 5 x flow",
    ),
    "a loop's header: uses once in for, each turn in while": (
        "x = a()\nfor i in x:\n    x = 1\nwhile x:\n    x = 2",
        "1 2 x flow\n1 4 x flow\n3 4 x flow\n5 4 x flow",
    ),
    "break, continue, else": (
        """
        while c:
            if d:
                x = 1
                break
            x = 2
            if e:
                continue
            x = 3
        else:
            x = 4
        y = x
        """,
        "3 11 x flow\n10 11 x flow",
    ),
    "only a break leaves an endless loop": (
        "x = 1\nwhile True:\n    x = 2\n    if c:\n        break\n    x = 3\ny = x",
        "3 7 x flow",
    ),
    "what jumps out of the else of a loop leaves the loop around": (
        """
        for i in a:
            for j in i:
                x = 1
                if j: break
            else:
                x = 2
                if x: continue
                break
            x = 3
        y = x
        """,
        "1 2 i flow\n2 4 j flow\n6 7 x flow\n6 10 x flow\n9 10 x flow",
    ),
    "nested loops": (
        "x = 0\nfor i in a:\n    for j in i:\n        y = x\n    x = y",
        "1 4 x flow\n2 3 i flow\n4 5 y flow\n5 4 x flow",
    ),
    "try: a handler may meet any definition of the body": (
        "x = 1\ntry:\n    x = 2\n    x = 3\nexcept E as e:\n    y = x, e\nz = x",
        "1 6 x flow\n1 7 x flow\n3 6 x flow\n3 7 x flow\n4 6 x flow\n4 7 x flow\n5 6 e flow",
    ),
    "try: a handler meets what was before, also where the body jumps": (
        "def f():\n    x = 1\n    try:\n        x = 2\n        return x\n    except E:\n        return x",
        "2 7 x flow\n4 5 x flow\n4 7 x flow",
    ),
    "try: else follows the body only": (
        "try:\n    x = 1\nexcept E:\n    x = 2\nelse:\n    y = x\nz = x",
        "2 6 x flow\n2 7 x flow\n4 7 x flow",
    ),
    "try: finally meets everything, what follows only the normal end": (
        "x = 1\ntry:\n    x = 2\nfinally:\n    y = x\nz = x, y",
        "1 5 x flow\n3 5 x flow\n3 6 x flow\n5 6 y flow",
    ),
    "with may swallow an exception": (
        "x = 1\nwith a as b:\n    x = b\n    raise x\ny = x",
        "1 5 x flow\n2 3 b flow\n3 4 x flow\n3 5 x flow",
    ),
    "what follows a jump sees nothing": ("def f():\n    x = 1\n    return x\n    y = x", "2 3 x flow"),
    "match": (
        """
        match a:
            case C(p, k=q) if p:
                x = q
            case [r, *s] | {"a": r, **s}:
                x = r, s
            case t:
                x = t
        y = x
        """,
        "2 3 q flow\n3 8 x flow\n4 5 r flow\n4 5 s flow\n5 8 x flow\n6 7 t flow\n7 8 x flow",
    ),
    "a wildcard makes match total": (
        "x = 1\nmatch a:\n    case 1:\n        x = 2\n    case _:\n        x = 3\ny = x",
        "4 7 x flow\n6 7 x flow",
    ),
    "a member has its own name": (
        "from m import b\na = b.b\nmatch a.b:\n    case c.b():\n        x = a . b, a. \\\n b",
        "1 2 b flow\n2 3 a flow\n2 5 a flow",
    ),
    "walrus and with targets happen in the middle": (
        "m = 1\nif (m := f(m)) and m.a:\n    m\nwith a as b, b.c() as d:\n    d",
        "1 2 m flow\n2 3 m flow\n4 5 d flow",
    ),
    "del": ("x = 1\ndel x\ny = x", "1 2 x flow"),
    "augmented assignment uses and defines": ("x = 1\nx += 1\nx", "1 2 x flow\n2 3 x flow"),
    "a declaration is no definition": ("x: int\ny = x\nx: int = 1\nz = x", "3 4 x flow"),
    "imports": (
        "import a.b\nimport c as d\nfrom e import f, g as h\na, d, f, h, b, e",
        "1 4 a flow\n2 4 d flow\n3 4 f flow\n3 4 h flow",
    ),
    "parameters belong to the header, defaults to the frame around": (
        "d = 1\ndef f(a, b=d, *c, e: d = 2, **g) -> d:\n    return a, b, c, e, g",
        "1 2 d flow\n2 3 a flow\n2 3 b flow\n2 3 c flow\n2 3 e flow\n2 3 g flow",
    ),
    "decorators and bases": ("def d(f): ...\nB = 1\n@d\nclass A(B, metaclass=M): ...\nA()", "1 3 d flow\n2 3 B flow\n3 5 A call"),
    "calls of functions and classes": (
        "def f():\n    f()\nclass A:\n    pass\nf(A)\nA()\ng = f\ng()",
        "1 2 f call\n1 5 f call\n1 7 f flow\n3 5 A flow\n3 6 A call\n7 8 g flow",
    ),
    "a nested function sees the end of the frame around": (
        "def f():\n    x = 1\n    def g():\n        return x\n    x = 2\n    return g",
        "3 6 g flow\n5 4 x closure",
    ),
    "... and what it was where the frame was left": (
        "def f(c):\n    x = 1\n    def g():\n        return x\n    if c:\n        return g\n    x = 2\n    return g",
        "1 5 c flow\n2 4 x closure\n3 6 g flow\n3 8 g flow\n7 4 x closure",
    ),
    "global and nonlocal": (
        """
        n = 0
        def f():
            global n
            n = n + 1
        def g():
            m = 1
            def h():
                nonlocal m
                m = 2
            return m
        """,
        "1 4 n closure\n6 10 m flow",
    ),
    "a name that is global in one function is so for all before": (
        "def f():\n    return n\ndef g():\n    global n\n    n = 1",
        "5 2 n closure",
    ),
    "a default that is a function has its own parameters, and the names around": (
        "y = 1\ndef f(x=lambda y: y, z=lambda: y, y=2):\n    return y",
        "1 2 y flow\n2 3 y flow",
    ),
    "what a nested function writes is read wherever the function was used": (
        """
        def f():
            n = 0
            seen = {}
            def g(i):
                nonlocal n
                n += i
                seen[i] = 1
            a = n
            while g(a):
                b = n
            n = 1
            c = n
            k(g)
            return n, seen
        """,
        "2 8 n flow\n2 10 n flow\n3 7 seen closure\n3 14 seen flow\n4 6 i flow\n4 7 i flow\n4 9 g call\n4 13 g flow\n"
        "6 10 n closure\n6 14 n closure\n7 14 seen mutation\n8 9 a flow\n11 6 n closure\n11 12 n flow\n11 14 n flow",
    ),
    "... also by way of another function, and in a program": (
        """
        n = 0
        def g():
            global n
            n = 1
        def h():
            g()
        h()
        a = n
        """,
        "1 8 n flow\n2 6 g call\n4 8 n closure\n5 7 h call",
    ),
    "class names are invisible in methods": (
        "x = 1\nclass A:\n    x = 2\n    y = x\n    def f(self):\n        return x",
        "1 6 x closure\n3 4 x flow",
    ),
    "comprehensions and lambdas have scopes of their own": (
        "x = a\nb = [x for x in x if x]\nf = lambda x, y=x: x + z\nz = x",
        "1 2 x flow\n1 3 x flow\n1 4 x flow",
    ),
    "mutation is a weak definition; the last one stands for those before": (
        "d = {}\nd[1] = 2\nd.a = 3\nreturn_ = d",
        "1 2 d flow\n1 3 d flow\n1 4 d flow\n2 3 d mutation\n3 4 d mutation",
    ),
    "members of a class": (
        """
        class A:
            k = 1
            def __init__(self, x):
                self.x = x
            def f(self):
                if self.k:
                    self.x = 2
                return self.x + self.g() + self.h.i
            def g(self): return self.f()
        """,
        """
        2 6 self.k attribute
        3 4 self flow
        3 4 x flow
        4 8 self.x attribute
        5 6 self flow
        5 7 self flow
        5 8 self flow
        5 9 self.f call
        7 8 self.x attribute
        9 8 self.g call
        """,
    ),
    "a top-level return is a fragment's, not the end of the program": ("x = 1\nreturn x\ny = x", "1 2 x flow\n1 3 x flow"),
    "names in damage do not count": ("x = 1\nif a:\n    y = x x\nz = x, y", "1 4 x flow"),
    "a suite on its header's line": ("for i in a: x = i\ny = x, i", "1 2 i flow\n1 2 x flow"),
    "recursion through a method and a loop around a definition": (
        "for i in a:\n    def f():\n        return i\n    i = f()",
        "2 4 f call\n4 3 i closure",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_edges(name):
    source, expected = CASES[name]
    assert edges_text(source) == dedent(expected).strip()


def test_a_use_is_linked_to_a_bounded_number_of_definitions():
    branches = "".join(f"if a:\n x = {i}\n" for i in range(400))
    analysis = analyze_code(branches + "y = x\n" * 400, "python")
    assert len(analysis.edges) <= 20_000
    last = [e for e in analysis.edges if e.target == len(analysis.items) - 1]
    assert 1 < len(last) <= 64
    # the nearest ones
    assert sorted(e.source for e in last) == [799 - 2 * i for i in reversed(range(len(last)))]


def test_few_definitions_are_all_linked():
    branches = "".join(f"if a:\n x = {i}\n" for i in range(60))
    analysis = analyze_code(branches + "y = x\n" * 100, "python")
    assert sum(e.variable == "x" for e in analysis.edges) == 60 * 100


def test_a_bare_return_returns_what_is_named() -> None:
    """Go names what a function returns; a function in it has results of its own."""
    source = dedent("""
        func f(x int) (res int, err error) {
            res = 1
            if x > 0 {
                err = g()
                return
            }
            h(func() (res int) {
                res = x
                return
            })
            return
        }
        func k() (n int) {
            n = 1
            return 5
        }
    """).strip()
    analysis = analyze_code(source, "go")
    found = {(analysis.items[e.source].line, analysis.items[e.target].line, e.variable) for e in analysis.edges}
    assert found == {
        (1, 3, "x"),
        (1, 8, "x"),
        (1, 11, "err"),
        (2, 5, "res"),
        (2, 11, "res"),
        (4, 5, "err"),
        (8, 9, "res"),
    }
