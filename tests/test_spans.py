from hypothesis import given
from hypothesis import strategies as st

from codeblock.spans import ByteSpan, CharSpan, TextIndex

# ASCII alone has no table, so it gets its own share of the examples
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.characters(max_codepoint=127))


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, CharSpan]:
    text = draw(texts)
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    return text, CharSpan(start, end)


@given(texts_with_spans())
def test_characters_to_bytes_cuts_the_same_text(case: tuple[str, CharSpan]) -> None:
    text, span = case
    start, end = TextIndex(text).to_bytes(span)
    assert text.encode()[start:end].decode() == text[slice(*span)]
    assert start == len(text[: span.start].encode())


@given(texts_with_spans())
def test_characters_survive_the_round_trip(case: tuple[str, CharSpan]) -> None:
    text, span = case
    index = TextIndex(text)
    assert index.to_chars(index.to_bytes(span)) == span


@given(texts, st.data())
def test_bytes_widen_to_whole_characters(text: str, data: st.DataObject) -> None:
    size = len(text.encode())
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, size)] * 2)))
    chars = TextIndex(text).to_chars(ByteSpan(start, end))
    touched = [n for n, c in enumerate(text) if (at := len(text[:n].encode())) < end and at + len(c.encode()) > start]
    if start < end:
        assert chars == CharSpan(touched[0], touched[-1] + 1)
    assert TextIndex(text).length_bytes == size


def test_an_emoji_is_one_character_of_four_bytes() -> None:
    index = TextIndex("é🙂x")
    assert index.to_bytes(CharSpan(1, 2)) == ByteSpan(2, 6)
    assert index.to_chars(ByteSpan(3, 4)) == CharSpan(1, 2)
