import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from codeblock.errors import AlignmentError
from codeblock.scoring.alignment import TokenAligner
from codeblock.spans import ByteSpan, CharSpan, TextIndex
from tests.scoring.build import FAMILIES, tokenizer

pieces = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(
        ["def f(x):\n", "    return", "  ", "\t\t", " ", "\r\n", "é", "漢字", "🙂👩‍👧", "\u2581", "e\u0301", "\x00"]
    )
    | st.sampled_from(["<s>", "<|im_start|>", "<|im_end|>", "<|end|>", "<|end|>\n\n", " \n<|left|>", "<0x0A>"])
)
texts = st.lists(pieces, max_size=12).map("".join)


def starts(family: str, text: str) -> list[int]:
    one = tokenizer(family)
    return TokenAligner(one).starts(text.encode(), one(text, add_special_tokens=False)["input_ids"]).tolist()


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=50)
@given(texts)
@example(" a")
@example("  a")
@example("<s> a<s>a<s>  a")
@example("\u2581a \u2581")
@example("x <|end|> \n y<|end|>z")
@example("🙂\n  🙂")
def test_tokens_tile_any_text(family: str, text: str) -> None:
    found = starts(family, text)
    assert found[0] == 0
    assert found == sorted(found)
    assert found[-1] == len(text.encode())


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"trimmed"}))
@settings(max_examples=50)
@given(texts)
@example("x <|end|> \n y<|end|>z")
def test_tokens_touch_the_characters_that_the_tokenizer_says(family: str, text: str) -> None:
    """Where offsets are not trimmed, they are an independent account of the characters that a token was made from."""
    found, index = starts(family, text), TextIndex(text)
    encoding = tokenizer(family).backend_tokenizer.encode(text, add_special_tokens=False)
    for start, end, offsets in zip(found, found[1:], encoding.offsets, strict=False):
        if start < end:
            assert index.to_chars(ByteSpan(start, end)) == CharSpan(*offsets)


@given(texts)
def test_trimming_changes_the_offsets_but_not_the_bytes(text: str) -> None:
    found, data = starts("trimmed", text), text.encode()
    one = tokenizer("trimmed")
    aligner_free = [one.backend_tokenizer.id_to_token(i) for i in one(text, add_special_tokens=False)["input_ids"]]
    assert len(aligner_free) == len(found) - 1
    for start, end, token in zip(found, found[1:], aligner_free, strict=False):
        if not token.startswith("<|") and "\u0120" in token:  # U+0120 is how byte-level tokens write a space
            assert data[start:end].count(b" ") == token.count("\u0120")


def test_a_split_character_is_shared_out_by_bytes() -> None:
    assert starts("trimmed", "🙂") == [0, 1, 2, 3, 4]
    assert starts("gemma", "🙂") == [0, 1, 2, 3, 4]


def test_an_invented_space_has_no_bytes() -> None:
    one = tokenizer("llama2")
    ids = one("🙂", add_special_tokens=False)["input_ids"]
    assert one.convert_ids_to_tokens(ids)[0] == "\u2581"
    assert TokenAligner(one).starts("🙂".encode(), ids).tolist() == [0, 0, 1, 2, 3, 4]


def test_a_tokenizer_that_normalises_is_caught() -> None:
    backend = Tokenizer.from_str(tokenizer("trimmed").backend_tokenizer.to_str())
    backend.normalizer = normalizers.NFC()
    one = PreTrainedTokenizerFast(tokenizer_object=backend)
    ids = one("ae\u0301", add_special_tokens=False)["input_ids"]
    with pytest.raises(AlignmentError, match=r"^token b'.+' does not stand at byte \d, where the text goes on '.+'$"):
        TokenAligner(one).starts("ae\u0301".encode(), ids)


def test_missing_tokens_are_caught() -> None:
    one = tokenizer("trimmed")
    ids = one("def add", add_special_tokens=False)["input_ids"]
    with pytest.raises(AlignmentError, match=r"^tokens end at byte \d+ of 7; the text goes on "):
        TokenAligner(one).starts(b"def add", ids[:-1])


@pytest.mark.parametrize(("decoder", "seen"), [(decoders.WordPiece(), "WordPiece"), (None, "absent")])
def test_an_unknown_scheme_is_named(decoder: object, seen: str) -> None:
    backend = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    if decoder is not None:
        backend.decoder = decoder
    with pytest.raises(AlignmentError) as caught:
        TokenAligner(PreTrainedTokenizerFast(tokenizer_object=backend))
    assert str(caught.value) == (
        f"the tokenizer's decoder is {seen}, from which the bytes of its tokens cannot be told; "
        "known are ByteLevel (GPT-2, Llama 3, Qwen) and Metaspace or Replace + ByteFallback (Llama 2, Gemma)"
    )


def test_a_slow_tokenizer_is_named() -> None:
    with pytest.raises(AlignmentError, match=r"^object is not backed by the `tokenizers` library"):
        TokenAligner(object())
