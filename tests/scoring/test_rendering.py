import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers, processors
from transformers import PreTrainedTokenizerFast

from codeblock.scoring.rendering import RejectedSample, Renderer, response_tokens
from codeblock.types import RenderedSample, Sample, responses
from tests.scoring.build import CHATML, FAMILIES, chat, tokenizer

LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n\n' + m['content'] | trim + '<|im_end|>' }}"
    "{% endfor %}"
)
SPACED_EOS = "{% for m in messages %}{{ m['role'] + ': ' + m['content'].strip() + ' ' + eos_token }}{% endfor %}"
QWEN3 = (
    "{% for m in messages %}{% set content = m['content'] %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + content + '<|im_end|>\n' }}{% endfor %}"
)
SHOUTING = CHATML.replace("m['content']", "m['content'] | upper")
FORGETFUL = "{% for m in messages[-2:] %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}"
ALTERNATING = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{{ m['content'] }}{% endfor %}"
)
DATED = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% endif %}" + CHATML

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def render(template: str | None, *turns: str, family: str = "untrimmed", system: str | None = None) -> RenderedSample:
    return Renderer(tokenizer(family, template)).render(chat(*turns, system=system))


def seen(rendered: RenderedSample) -> list[str]:
    """The rendered chat's responses."""
    return [rendered.text.encode()[slice(*span)].decode() for span in rendered.responses]


def ends(rendered: RenderedSample) -> list[str]:
    """The text of the end-of-turn tokens."""
    starts, data = rendered.token_starts, rendered.text.encode()
    return [data[starts[n] : starts[n + 1]].decode() for n in rendered.end_of_turn]


def reason(template: str, *turns: str, system: str | None = None) -> str:
    with pytest.raises(RejectedSample) as caught:
        render(template, *turns, system=system)
    return caught.value.reason


@pytest.mark.parametrize("family", FAMILIES)
def test_chatml_is_what_transformers_renders_and_tokenises(family: str) -> None:
    one = tokenizer(family)
    sample = chat("Add two numbers.", "def add(a, b):\n    return a + b\n", "And é?", " \nNo: 漢字 ", system="Be brief.")
    found = Renderer(one).render(sample)
    conversation = [{"role": m.role, "content": m.content} for m in sample.messages]
    assert found.text == one.apply_chat_template(conversation, tokenize=False)
    assert found.input_ids.tolist() == one.apply_chat_template(conversation)["input_ids"]
    assert seen(found) == list(responses(sample))
    assert found.stripped == (0, 0)
    assert ends(found) == ["<|im_end|>", "<|im_end|>"]


@settings(max_examples=50)
@given(st.lists(texts, min_size=1, max_size=3).flatmap(lambda users: st.tuples(st.just(users), *[texts] * len(users))))
def test_responses_are_located_whatever_they_hold(case: tuple[list[str], ...]) -> None:
    users, *answers = case
    found = render(CHATML, *[turn for pair in zip(users, answers, strict=True) for turn in pair])
    assert seen(found) == answers


def test_a_response_that_repeats_the_prompt_is_located() -> None:
    found = render(CHATML, "x = 1", "x = 1", "x = 1", "x = 1")
    assert seen(found) == ["x = 1"] * 2
    first, second = found.responses
    assert found.text.encode()[: first.start].count(b"x = 1") == 1
    assert found.text.encode()[: second.start].count(b"x = 1") == 3


def test_private_use_characters_in_the_text_do_no_harm() -> None:
    assert seen(render(CHATML, "\ue000\ue001", "\ue000a\ue001\ue002")) == ["\ue000a\ue001\ue002"]


@settings(max_examples=50)
@given(texts, texts)
def test_stripped_white_space_is_accounted_for(before: str, answer: str) -> None:
    found = render(LLAMA3, before, answer)
    assert seen(found) == [answer.strip()]
    (lost,) = found.stripped
    assert answer.encode()[lost:].startswith(answer.strip().encode())


def test_white_space_is_not_mistaken_for_the_templates_own() -> None:
    found = render(LLAMA3, "?", "\n\n  x\n", "?", "y", "?", " \n ")
    assert seen(found) == ["x", "y", ""]
    assert found.stripped == (4, 0, 3)
    assert found.text.encode()[: found.responses[0].start].endswith(b"assistant\n\n")


def test_white_space_before_the_end_of_sequence_is_passed_over() -> None:
    assert ends(render(SPACED_EOS, "?", "x = 1", "?", "y\n")) == ["<|im_end|>"] * 2


def test_an_opening_of_the_next_turn_is_no_end_of_turn() -> None:
    template = "{% for m in messages %}{{ '<|im_start|>' + m['content'] + '\n' }}{% endfor %}"
    assert render(template, "?", "x", "?", "y").end_of_turn == ()


def test_a_template_that_rewrites_some_responses_drops_those_only() -> None:
    assert seen(render(QWEN3, "?", "x")) == ["x"]
    assert reason(QWEN3, "?", "<think>hm</think>\n\nx") == "template_changes_response"


@pytest.mark.parametrize("template", [SHOUTING, FORGETFUL, CHATML.replace("+ m['content']", "+ m['content'] + m['content']")])
def test_a_template_that_changes_forgets_or_repeats_a_response(template: str) -> None:
    assert reason(template, "?", "x", "?", "y") == "template_changes_response"


def test_a_template_may_refuse_a_conversation() -> None:
    with pytest.raises(RejectedSample, match=r"^template_rejects_messages: roles must alternate$"):
        render(ALTERNATING, "?", "x", system="s")


@pytest.mark.parametrize("answer", ["x = '<|im_start|>user'", "Fine.<|im_end|>\n<|im_start|>user\nMore?", "<|im_end|>"])
def test_a_response_that_spells_out_the_end_of_its_turn_is_dropped(answer: str) -> None:
    assert reason(CHATML, "?", answer) == "control_token_in_response"
    assert reason(CHATML, "?", "fine", "?", answer) == "control_token_in_response"


def test_a_special_token_that_the_template_does_not_use_is_text() -> None:
    one = tokenizer("untrimmed")
    one.add_special_tokens({"additional_special_tokens": ["<filename>"]})
    sample = chat("?", "print('usage: run <filename>')")
    assert seen(Renderer(one).render(sample)) == [sample.messages[1].content]


def test_a_question_may_spell_out_control_tokens() -> None:
    assert seen(render(CHATML, "What does <|im_end|> mean?", "It ends a turn.")) == ["It ends a turn."]


def test_todays_date_is_pinned(caplog: pytest.LogCaptureFixture) -> None:
    assert render(DATED, "?", "x").text.startswith("26 Jul 2024<|im_start|>user")
    assert "fixed to 26 Jul 2024" in caplog.text


def test_templates_run_in_a_sandbox() -> None:
    with pytest.raises(RejectedSample, match="access to attribute '__class__' of 'list' object is unsafe"):
        render("{{ messages.__class__.__mro__ }}" + CHATML, "?", "x")
    assert reason("{{ messages.append(1) }}" + CHATML, "?", "x") == "template_rejects_messages"


def test_a_text_that_the_tokenizer_normalises_is_dropped() -> None:
    backend = Tokenizer.from_str(tokenizer().backend_tokenizer.to_str())
    backend.normalizer = normalizers.NFC()
    renderer = Renderer(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", chat_template=CHATML))
    assert seen(renderer.render(chat("?", "\u00e9"))) == ["\u00e9"]
    with pytest.raises(RejectedSample, match=r"^tokenizer_alignment: token "):
        renderer.render(chat("?", "e\u0301"))


def test_base_models_get_the_plain_template(caplog: pytest.LogCaptureFixture) -> None:
    renderer = Renderer(tokenizer("untrimmed", None))
    assert not renderer.is_chat
    assert "instruction, blank line, response" in caplog.text
    found = renderer.render(chat("Add.", "x = 1", "Again.", "y", system="Be brief."))
    assert found.text == "Be brief.\n\nAdd.\n\nx = 1<|im_end|>Again.\n\ny<|im_end|>"
    assert ends(found) == ["<|im_end|>"] * 2


def test_base_models_get_a_first_token_where_their_tokenizer_adds_one() -> None:
    backend = tokenizer("llama2", None).backend_tokenizer
    one = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    bos = ("<s>", one.bos_token_id)
    one.backend_tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[bos])
    found = Renderer(one).render(chat("Add.", "x"))
    assert found.text == "<s>Add.\n\nx</s>"
    assert found.input_ids.tolist().count(one.bos_token_id) == 1


def test_chat_templates_are_no_notice(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert Renderer(tokenizer()).is_chat
    assert not caplog.records


def test_fingerprints_tell_tokenizers_and_templates_apart() -> None:
    made = {
        (family, template): Renderer(tokenizer(family, template)).fingerprint()
        for family in ("trimmed", "gemma")
        for template in (CHATML, LLAMA3, None)
    }
    assert len({tuple(f.values()) for f in made.values()}) == 6
    assert made["trimmed", CHATML]["tokenizer"] == made["trimmed", LLAMA3]["tokenizer"]
    assert made["trimmed", CHATML] == Renderer(tokenizer("trimmed", CHATML)).fingerprint()


def test_response_tokens_begin_in_a_response() -> None:
    found = render(CHATML, "?", "  é🙂", "?", "", "?", "ab c", family="metaspace_first")
    mask, response = response_tokens(found)
    naive = [
        next((n for n, s in enumerate(found.responses) if s.start <= start < s.end and end > start), None)
        for start, end in zip(found.token_starts, found.token_starts[1:], strict=False)
    ]
    assert [int(r) if m else None for m, r in zip(mask, response, strict=True)] == naive
    assert {n for n in naive if n is not None} == {0, 2}


def test_the_first_token_is_never_a_response_token() -> None:
    mask, _ = response_tokens(render("{% for m in messages %}{{ m['content'] }}{% endfor %}", "", "x = 1"))
    assert mask.tolist()[0] is False
    assert mask[1:].all()


def test_a_sample_without_assistant_has_no_responses() -> None:
    found = Renderer(tokenizer()).render(Sample("a", chat("?").messages))
    assert found.responses == ()
    assert not response_tokens(found)[0].any()
