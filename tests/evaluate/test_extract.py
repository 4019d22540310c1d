import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeblock.evaluate.extract import extract, prune

FUNCTION = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("answer", "program"),
    [
        (FUNCTION, FUNCTION),
        (f"Here it is:\n```python\n{FUNCTION}```\nIt adds one.", FUNCTION),
        (f"```\n{FUNCTION}```", FUNCTION),
        (f"```python\n{FUNCTION}", FUNCTION),  # cut off before the closing fence
        (f"```python\nx = 1\n```\nand\n```python\n{FUNCTION}```", FUNCTION),
        (f"```python\n{FUNCTION}\nprint(f(1))\nassert f(1) == 2\n```", FUNCTION),
        (f"```bash\npip install x\n```\n```py\n{FUNCTION}```", FUNCTION),
        (f"```python\n{FUNCTION}```\n```python\ndef f(x):\n    return 0\n```", FUNCTION),
        (f"Sure! This is the function\n\n{FUNCTION}\nI hope that it helps.", FUNCTION),
        (f"```python\nimport math\n\n{FUNCTION}```", f"import math\n{FUNCTION}"),
        (f"{FUNCTION}\ndef g(y):\n    return (", FUNCTION),
        (f"{FUNCTION}def unused():\n    return 2\n", FUNCTION),
        ("def h(x):\n    return x\nK = 3\ndef f(x):\n    return h(x) + K\n", "def h(x):\n    return x\nK = 3\ndef f(x):\n    return h(x) + K\n"),
        ("@cache\ndef f(x):\n    return x\n", "@cache\ndef f(x):\n    return x\n"),
        ("class A:\n    pass\ndef f(x):\n    return A()\n", "class A:\n    pass\ndef f(x):\n    return A()\n"),
        ("f = lambda x: x\n", "f = lambda x: x\n"),
        ("def f(x):\n    '''\n    ```\n    code\n    ```\n    '''\n    return x\n", "def f(x):\n    '''\n    ```\n    code\n    ```\n    '''\n    return x\n"),
    ],
)  # fmt: skip
def test_the_program_of_an_answer(answer: str, program: str) -> None:
    assert extract(answer, "f") == program


def test_an_answer_without_the_function_comes_back_unjudged() -> None:
    assert extract("I cannot do that.", "f") == "I cannot do that."
    assert extract("```python\ndef g():\n    pass\n```", "f") == "def g():\n    pass\n"


def test_prune_of_nothing() -> None:
    assert prune("", "f") == prune("def g(): pass", "f") == prune("def f(:", "f") == ""


names = st.sampled_from("abcdf")
statements = st.one_of(
    st.builds("import {}".format, st.sampled_from(["os", "sys"])),
    st.builds("def {}(x):\n    return {}".format, names, names),
    st.builds("{} = {}".format, names, names),
    st.builds("print({})".format, names),
)


@given(st.lists(statements, max_size=12).map("\n".join))
def test_what_is_kept_parses_and_is_closed(program: str) -> None:
    """Whatever the entry point reaches among the first definitions of each name is there, and nothing else but imports."""
    kept = prune(program, "f")
    first: dict[str, ast.stmt] = {}
    body = ast.parse(program).body
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.Assign):
            first.setdefault(node.name if isinstance(node, ast.FunctionDef) else node.targets[0].id, node)  # type: ignore[attr-defined]
    if "f" not in first:
        assert kept == ""
        return
    reached, todo = set(), ["f"]
    while todo:
        name = todo.pop()
        if name in first and name not in reached:
            reached.add(name)
            todo += [n.id for n in ast.walk(first[name]) if isinstance(n, ast.Name)]
    expected = [n for n in body if isinstance(n, ast.Import) or n in [first[r] for r in reached]]
    assert [ast.dump(n) for n in ast.parse(kept).body] == [ast.dump(n) for n in expected]


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    extract(text, "f")
    extract(f"```python\n{text}", "f")
