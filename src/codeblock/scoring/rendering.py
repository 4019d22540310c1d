"""From a conversation to the tokens that the model sees.

The chat template is rendered by transformers' sandboxed Jinja and the result is tokenised once, because tokenising parts
separately changes the tokens at their seams. Where the responses lie is found with a second rendering, in which
two private-use characters surround each of them; without those characters it must equal the first.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from codeblock.errors import AlignmentError, CodeblockError, ModelError
from codeblock.scoring.alignment import TokenAligner
from codeblock.spans import ByteSpan
from codeblock.types import Bool, Int32, Message, RenderedSample, Sample

PLAIN_TEMPLATE = (
    "{% if add_bos %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% elif not loop.last %}{{ '\n\n' }}{% endif %}"
    "{% endfor %}"
)
"""For models without a chat template: instruction, blank line, response, end of sequence."""

# Llama 3 and others print today's date, so that the same input would give other tokens tomorrow. A macro hides the function of
# the same name; the day is the one that Llama 3's template falls back to.
_DATE = "d=26 -d=26 m=07 -m=7 b=Jul B=July y=24 Y=2024 a=Fri A=Friday H=00 M=00 S=00"
_REPLACE = "".join(" | replace('%{}', '{}')".format(*part.split("=")) for part in _DATE.split())
_PINNED_DATE = "{% macro strftime_now(format) %}{{ format" + _REPLACE + " }}{% endmacro %}"

_PRIVATE_USE = range(0xE000, 0xF900)
_PROBE = "def f(x):\n\treturn x  # two  spaces\n"

_log = logging.getLogger(__name__)


class RejectedSample(CodeblockError):
    """A conversation cannot be rendered.

    Args:
        reason: its name in reports.
        detail: what happened.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class Renderer:
    """Renders and tokenises conversations for one tokenizer.

    Attributes:
        is_chat: False where the tokenizer has no chat template, so that `PLAIN_TEMPLATE` is used.
        vocabulary: number of tokens, added ones included.

    Args:
        tokenizer: of transformers, backed by the `tokenizers` library.

    Raises:
        AlignmentError: the bytes of the tokenizer's tokens cannot be told.
        ModelError: the tokenizer has several chat templates, none of them the default.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._aligner = TokenAligner(tokenizer)
        self._check_alignment()
        self.vocabulary = len(tokenizer)
        self.is_chat = bool(tokenizer.chat_template)
        self._variables: dict[str, bool] = {}  # of the template
        if self.is_chat:
            try:
                template: str = tokenizer.get_chat_template()
            except ValueError as error:
                raise ModelError(f"the tokenizer's chat template cannot be used: {error}") from None
            if "strftime_now" in template:
                template = _PINNED_DATE + template
                _log.warning(
                    "the chat template prints today's date; it is fixed to 26 Jul 2024 to keep results the same tomorrow"
                )
        else:
            template = PLAIN_TEMPLATE
            self._variables["add_bos"] = self._tokenizer_adds_bos()
            _log.warning("the tokenizer has no chat template: samples are rendered as instruction, blank line, response, end")
        self._template = template
        added = tokenizer.added_tokens_decoder
        self._special = {number for number, token in added.items() if token.special} | {tokenizer.eos_token_id}
        self._control = self._control_tokens()

    def fingerprint(self) -> dict[str, str]:
        """Return sha256 of the tokenizer and of the template, which together determine every rendering."""
        tokenizer = self._tokenizer.backend_tokenizer.to_str() + json.dumps(
            [{k: str(v) for k, v in self._tokenizer.special_tokens_map.items()}, self._variables], sort_keys=True
        )
        return {"tokenizer": _sha256(tokenizer), "chat_template": _sha256(self._template)}

    def render(self, sample: Sample) -> RenderedSample:
        """Render and tokenise one conversation.

        A response that the template strips of white space is located without it.

        Raises:
            RejectedSample: with reason ``template_rejects_messages`` (the template raises, e.g. because roles do not alternate),
                ``template_changes_response`` (a response does not stand in the text as it is, apart from white space around it),
                ``tokenizer_alignment`` (the tokenizer changes the text) or ``control_token_in_response`` (a response spells out a
                special token by which the template separates turns: the model would see its turn end there).
        """
        text = self._apply(sample, [m.content for m in sample.messages])
        spans, stripped = self._locate(sample, text)
        encoded = text.encode()
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
        try:
            starts = self._aligner.starts(encoded, ids)
        except AlignmentError as error:
            raise RejectedSample("tokenizer_alignment", str(error)) from None
        rendered = RenderedSample(
            text=text,
            responses=spans,
            stripped=stripped,
            input_ids=np.array(ids, np.int32),
            token_starts=starts,
            end_of_turn=self._end_of_turn(encoded, spans, ids, starts),
        )
        inside, _ = response_tokens(rendered)
        if found := self._control.intersection(rendered.input_ids[inside].tolist()):
            raise RejectedSample("control_token_in_response", self._tokenizer.convert_ids_to_tokens(min(found)))
        return rendered

    def _control_tokens(self) -> set[int]:
        """The special tokens with which the template surrounds a short conversation; all, where it does not take one."""
        probe = Sample("probe", (Message("user", "a"), Message("assistant", "b")), "", 0, "{}")
        try:
            text = self._apply(probe, ["a", "b"])
        except RejectedSample:
            return self._special
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._special.intersection([*ids, self._tokenizer.eos_token_id])

    def _check_alignment(self) -> None:
        """Refuse a tokenizer that would have every sample dropped."""
        ids = self._tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
        try:
            self._aligner.starts(_PROBE.encode(), ids)
        except AlignmentError as error:
            raise AlignmentError(f"the tokenizer does not keep Python source as it is: {error}") from None

    def _tokenizer_adds_bos(self) -> bool:
        bos = self._tokenizer.bos_token_id
        return bos is not None and self._tokenizer("a")["input_ids"][:1] == [bos]

    def _apply(self, sample: Sample, contents: Sequence[str]) -> str:
        from jinja2.exceptions import TemplateError

        messages = [{"role": m.role, "content": content} for m, content in zip(sample.messages, contents, strict=True)]
        try:
            return self._tokenizer.apply_chat_template(
                messages, chat_template=self._template, tokenize=False, add_generation_prompt=False, **self._variables
            )
        except (TemplateError, TypeError) as error:
            raise RejectedSample("template_rejects_messages", str(error)) from None

    def _locate(self, sample: Sample, text: str) -> tuple[tuple[ByteSpan, ...], tuple[int, ...]]:
        """Where the responses lie in the rendered text, in bytes, and how many bytes of white space each lost in front."""
        opening, closing = _unused_characters([text, *(m.content for m in sample.messages)])
        tried: set[tuple[str, ...]] = set()
        # white space around a response stands inside the marks, or outside if the template strips it
        for strip_left, strip_right in itertools.product((False, True), repeat=2):
            contents, bodies, fronts = list[str](), list[str](), list[str]()
            for message in sample.messages:
                content = message.content
                if message.role == "assistant":
                    begin = len(content) - len(content.lstrip()) if strip_left else 0
                    end = max(begin, len(content.rstrip())) if strip_right else len(content)
                    fronts.append(content[:begin])
                    bodies.append(content[begin:end])
                    content = f"{fronts[-1]}{opening}{bodies[-1]}{closing}{content[end:]}"
                contents.append(content)
            if tuple(contents) in tried:
                continue
            tried.add(tuple(contents))
            marked = self._apply(sample, contents)
            if marked.replace(opening, "").replace(closing, "") == text:
                spans = _marked_spans(marked, opening, closing, bodies)
                if spans is not None:
                    return spans, tuple(len(front.encode()) for front in fronts)
        raise RejectedSample("template_changes_response", "a response does not stand in the rendered chat as it is")

    def _end_of_turn(self, text: bytes, spans: Sequence[ByteSpan], ids: list[int], starts: Int32) -> tuple[int, ...]:
        """Per response the first token after it, if that is special; white space may stand before an end-of-sequence token."""
        found: list[int] = []
        for span in spans:
            after = at = int(np.searchsorted(starts[:-1], span.end))
            while at < len(ids) and ids[at] not in self._special and not text[starts[at] : starts[at + 1]].strip():
                at += 1
            if at < len(ids) and ids[at] in self._special and (at == after or ids[at] == self._tokenizer.eos_token_id):
                found.append(at)
        return tuple(found)


def response_tokens(rendered: RenderedSample) -> tuple[Bool, Int32]:
    """Which tokens begin inside a response, and which response each token would belong to.

    A token without bytes (an invented space) belongs to none, and so does the first token, which nothing predicts.

    Returns:
        A mask [T], and the number of the response at or before each token [T], meaningful where the mask is True.
    """
    starts, ends = rendered.token_starts[:-1], rendered.token_starts[1:]
    begin = np.array([s.start for s in rendered.responses], np.int32)
    finish = np.array([0, *(s.end for s in rendered.responses)], np.int32)
    begun = np.searchsorted(begin, starts, side="right").astype(np.int32)
    mask = (starts < finish[begun]) & (ends > starts)
    mask[:1] = False
    return mask, begun - 1


def _marked_spans(marked: str, opening: str, closing: str, bodies: Sequence[str]) -> tuple[ByteSpan, ...] | None:
    """Byte spans of the marked parts in the text without marks; None unless they are `bodies`, in order."""
    pieces = marked.split(opening)
    at = len(pieces[0].encode())
    spans: list[ByteSpan] = []
    if len(pieces) != len(bodies) + 1:
        return None
    for piece, body in zip(pieces[1:], bodies, strict=True):
        inside, mark, outside = piece.partition(closing)
        if inside != body or not mark or closing in outside:
            return None
        length = len(inside.encode())
        spans.append(ByteSpan(at, at + length))
        at += length + len(outside.encode())
    return tuple(spans)


def _unused_characters(texts: Sequence[str]) -> tuple[str, str]:
    """Two private-use characters that occur in none of the texts."""
    used: set[str] = set().union(*texts) if not all(t.isascii() for t in texts) else set()
    free = (chr(code) for code in _PRIVATE_USE if chr(code) not in used)
    return next(free), next(free)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
