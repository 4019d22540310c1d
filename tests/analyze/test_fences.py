from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from codeblock.analyze.fences import scan
from codeblock.spans import ByteSpan

COMMONMARK = MarkdownIt("commonmark")


def ours(text: str) -> list[tuple[str, str]]:
    """Info string and content of every block."""
    source = text.encode()
    return [
        (f.info, b"".join(source[s.start : s.end] for s in f.spans).decode())
        for f in scan(source, lambda info, spans, longer: True)
    ]


def commonmark(text: str) -> list[tuple[str, str]]:
    return [(t.info.strip(), t.content) for t in COMMONMARK.parse(text) if t.type == "fence"]


CASES = {
    "plain": ("a\n```py\nx\n```\nb\n", [("py", "x\n")]),
    "tildes, which may hold backticks": ("~~~ py\n```\n~~~\n", [("py", "```\n")]),
    "longer fences hold shorter ones": ("````md\n```py\nx\n```\n````\n", [("md", "```py\nx\n```\n")]),
    "a closing fence may be longer": ("```\nx\n`````\ny\n", [("", "x\n")]),
    "a closing fence has no info string": ("```\nx\n``` y\n```\n", [("", "x\n``` y\n")]),
    "unclosed at the end": ("```py\nx\ny", [("py", "x\ny")]),
    "empty": ("```py\n```\n", [("py", "")]),
    "indented by up to three": ("   ```py\n   x\n     y\n  z\n   ```\n", [("py", "x\n  y\nz\n")]),
    "indented by four is no fence": ("a\n\n    ```py\n    x\n    ```\n", []),
    "backticks in the info string": ("``` a`b\nx\n", []),
    "in a list item": ("- a\n\n  ```py\n  x\n    y\n\n  z\n  ```\n- b\n", [("py", "x\n  y\n\nz\n")]),
    "in an ordered list": ("10. a\n    ```py\n    x\n    ```\n", [("py", "x\n")]),
    "on the line of the marker": ("* ```py\n  x\n  ```\n", [("py", "x\n")]),
    "in nested lists": ("- a\n  - b\n    ```py\n    x\n    ```\n", [("py", "x\n")]),
    "in a quote": ("> ```py\n> x\n>  y\n> ```\n", [("py", "x\n y\n")]),
    "the end of a quote ends the block": ("> ```py\n> x\ny\n", [("py", "x\n")]),
    "in a list in a quote": ("> - ```py\n>   x\n>   ```\n", [("py", "x\n")]),
    "tabs": ("-\t```py\n\tx\n\t```\n", [("py", "x\n")]),
    "CRLF": ("```py\r\nx\r\n```\r\ny\r\n", [("py", "x\r\n")]),
    "behind a lazy line of a list item": ("- a\nb\n  ```py\n  x\n  ```\n", [("py", "x\n")]),
    "one after the other": ("```\na\n```\n```\nb\n```\n", [("", "a\n"), ("", "b\n")]),
}


@pytest.mark.parametrize("name", CASES)
def test_fences(name):
    text, expected = CASES[name]
    assert ours(text) == expected
    if name not in ("CRLF",):  # it normalises line ends
        assert commonmark(text) == expected


def test_content_that_is_indented_less_than_its_list_item():
    sloppy = "1. First:\n   ```python\ndef f():\n    return 1\n   ```\n2. Then\n"
    assert ours(sloppy) == [("python", "def f():\n    return 1\n")]
    # without a closing fence ahead, the item's end is the block's
    assert ours("1. First:\n   ```python\n   x\n\ntext\n") == commonmark("1. First:\n   ```python\n   x\n\ntext\n")
    assert ours("- ```a\n  x\n\ntext\n```b\ny\n```\n") == [("a", "x\n\n"), ("b", "y\n")]


LINES = st.lists(
    st.tuples(
        st.sampled_from(["", "", "", " ", "  ", "   ", "> ", ">", "- ", "  ", "1. ", "    "]),
        st.sampled_from(["```", "````", "~~~", "```py", "~~~ py", "a", "b c", "", "x = 1", "# h"]),
    ).map("".join),
    max_size=12,
)


@settings(max_examples=400)
@given(LINES)
def test_tiles_and_agrees_with_commonmark_at_top_level(lines):
    text = "\n".join(lines)
    source = text.encode()
    fences = scan(source, lambda info, spans, longer: True)
    at = 0
    for fence in fences:
        assert at <= fence.start < fence.end
        assert all(a.end < b.start for a, b in zip(fence.spans, fence.spans[1:], strict=False))
        assert all(fence.start < s.start < s.end <= fence.end for s in fence.spans)
        at = fence.end
    assert at <= len(source)
    if not any(line.lstrip().startswith((">", "-", "1.")) for line in lines):
        # blanks at the very end are content for us, since segments tile
        assert [(i, c.rstrip()) for i, c in ours(text)] == [(i, c.rstrip()) for i, c in commonmark(text)]


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["x = 1", "  y", "", "> z", "- w"]), max_size=5),
    st.lists(st.sampled_from(["> ", "- ", "  1. ", "* "]), max_size=3),
    st.sampled_from(["```", "~~~~"]),
)
def test_well_formed_containers_agree_with_commonmark(content, containers, fence):
    first = "".join(containers)
    later = "".join(c if ">" in c else " " * len(c) for c in containers)
    lines = [first + fence + "py", *(later + line for line in content), later + fence, "", "text"]
    text = "\n".join(lines)
    assert ours(text) == commonmark(text)


def test_a_block_goes_on_behind_a_fence_that_does_not_finish_it():
    text = dedent(
        """
        ```python
        s = '''
        ```
        '''
        ```
        text
        """
    )
    source = text.encode()
    asked: list[tuple[bytes, bool]] = []

    def finished(info: str, spans: tuple[ByteSpan, ...], longer: bool) -> bool:
        content = b"".join(source[s.start : s.end] for s in spans)
        asked.append((content, longer))
        return content.count(b"'''") == 2

    (fence,) = scan(source, finished)
    assert asked == [(b"s = '''\n", False), (b"s = '''\n```\n'''\n", True)]
    assert source[fence.end :] == b"text\n"


def test_a_block_that_nothing_finishes_ends_at_its_first_closing_fence():
    source = b"```a\nx\n```\ny\n```\nz\n"
    fences = scan(source, lambda info, spans, longer: info != "a")
    assert [(f.start, f.end, f.closed) for f in fences] == [(0, 11, True), (13, 19, False)]
