import datetime
import decimal
import json

import pytest

from codeblock.data.formats import FORMATS, Reject, RowRejected, detect_format, find_format, row_id, to_sample
from codeblock.errors import UnknownFormatError, UsageError
from codeblock.types import Message

QA = (Message("user", "question"), Message("assistant", "answer"))

OPENCODEINSTRUCT = {
    "id": "2a1d1ed4f6d9e15c6fbea1a3f94ee5a8",
    "input": "question",
    "output": "answer",
    "domain": "generic",
    "generation_algorithm": "self-instruct",
    "llm_judgement": '{"requirement_conformance": {"score": 5}}',
    "unit_tests": '["assert f(1) == 2"]',
    "tests_execution_status": '["pass"]',
    "average_test_score": "1.0",
}

ROWS = {
    "messages": [{"messages": [{"role": "user", "content": "question"}, {"role": "assistant", "content": "answer"}]}],
    "sharegpt": [
        {"conversations": [{"from": "human", "value": "question"}, {"from": "gpt", "value": "answer"}]},
        {"conversation": [{"role": "user", "content": "question"}, {"role": "assistant", "content": "answer"}]},
    ],
    "alpaca": [
        {"instruction": "question", "output": "answer"},
        {"instruction": "question", "input": "", "output": "answer"},
        {"instruction": "question", "input": None, "response": "answer"},
    ],
    "query-response": [
        {"query": "question", "response": "answer"},
        {"prompt": "from typing import *", "completion": "...", "query": "question", "response": "answer"},
        {"problem": "question", "solution": "answer"},
    ],
    "prompt-completion": [
        {"prompt": "question", "completion": "answer"},
        {"prompt": [{"role": "user", "content": "question"}], "completion": [{"role": "assistant", "content": "answer"}]},
    ],
    "opencodeinstruct": [OPENCODEINSTRUCT, {"input": "question", "output": "answer"}],
}


@pytest.mark.parametrize(("name", "row"), [(name, row) for name, rows in ROWS.items() for row in rows])
def test_shapes_are_detected_and_mapped(name: str, row: dict) -> None:
    assert detect_format([row], "data.jsonl") == name
    sample = to_sample(row, FORMATS[name], "data.jsonl", 7)
    assert sample.messages == QA
    assert (sample.source, sample.row) == ("data.jsonl", 7)


def test_every_shape_has_an_example() -> None:
    assert set(ROWS) == set(FORMATS)


def test_conversation_with_system_prompt_and_several_turns() -> None:
    turns = [("system", "be brief"), ("human", "a"), ("gpt", "b"), ("user", "c"), ("assistant", "d"), ("user", "thanks")]
    sample = to_sample({"conversations": [{"from": f, "value": v} for f, v in turns]}, FORMATS["sharegpt"], "s", 0)
    assert [m.role for m in sample.messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [m.content for m in sample.messages] == ["be brief", "a", "b", "c", "d", "thanks"]


@pytest.mark.parametrize("name", ["messages", "sharegpt", "alpaca"])
def test_system_prompt_beside_the_conversation(name: str) -> None:
    row = ROWS[name][0]
    assert to_sample(row | {"system": "be brief"}, FORMATS[name], "s", 0).messages == (Message("system", "be brief"), *QA)
    assert to_sample(row | {"system": " "}, FORMATS[name], "s", 0).messages == QA


def test_system_turn_wins_over_the_system_field() -> None:
    row = {"messages": [{"role": "system", "content": "be brief"}, *ROWS["messages"][0]["messages"]], "system": "be long"}
    assert to_sample(row, FORMATS["messages"], "s", 0).messages == (Message("system", "be brief"), *QA)


def test_alpaca_input_is_a_second_paragraph() -> None:
    sample = to_sample({"instruction": "Sort.", "input": "[2, 1]", "output": "[1, 2]"}, FORMATS["alpaca"], "s", 0)
    assert sample.messages[0] == Message("user", "Sort.\n\n[2, 1]")


def test_extra_holds_what_is_not_mapped() -> None:
    sample = to_sample(OPENCODEINSTRUCT, FORMATS["opencodeinstruct"], "s", 0)
    assert sample.id == OPENCODEINSTRUCT["id"]
    assert json.loads(sample.extra) == {k: v for k, v in OPENCODEINSTRUCT.items() if k not in ("id", "input", "output")}


def test_extra_is_strict_json_whatever_parquet_holds() -> None:
    row = {
        "prompt": "q",
        "completion": "a",
        "score": float("nan"),
        "scores": [1.5, float("inf")],
        "raw": b"\xff",
        "day": datetime.date(2026, 6, 1),
        "price": decimal.Decimal("1.10"),
        "meta": {"é": None},
    }
    extra = to_sample(row, FORMATS["prompt-completion"], "s", 0).extra
    expected = {"score": None, "scores": [1.5, None], "raw": "/w==", "day": "2026-06-01", "price": "1.10", "meta": {"é": None}}
    assert json.loads(extra, parse_constant=pytest.fail) == expected
    assert "é" in extra


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": "a", "task_id": "b"}, ("a", "id")),
        ({"task_id": "b", "uuid": "c"}, ("b", "task_id")),
        ({"id": None, "task_id": 5}, ("5", "task_id")),
        ({"id": True}, ("data.jsonl:3", None)),
        ({"id": ""}, ("data.jsonl:3", None)),
        ({"id": 0}, ("0", "id")),
        ({}, ("data.jsonl:3", None)),
    ],
)
def test_ids(row: dict, expected: tuple) -> None:
    assert row_id(row, "data.jsonl", 3) == expected


def test_most_rows_decide() -> None:
    rows = [{"oops": 1}, {"query": "q", "response": "r"}, {"prompt": "p", "completion": "c"}, {"prompt": "p", "completion": "c"}]
    assert detect_format(rows, "s") == "prompt-completion"


def test_a_field_that_is_null_does_not_count() -> None:
    rows = [{"messages": None, "prompt": "a", "completion": "b"}] * 2
    assert detect_format(rows, "x") == "prompt-completion"


def test_an_alpaca_row_may_have_its_input_alone() -> None:
    sample = to_sample({"instruction": "", "input": "Add.", "output": "1"}, FORMATS["alpaca"], "x", 0)
    assert sample.messages[0].content == "Add."


def test_unknown_shape_lists_fields_and_shapes() -> None:
    with pytest.raises(UnknownFormatError) as caught:
        detect_format([{"slug": "a", "markdown": "b"}, {"slug": "c", "tags": []}], "articles.jsonl.gz")
    assert str(caught.value) == (
        "articles.jsonl.gz has no known shape. Fields found: slug, markdown, tags. Shapes known:\n"
        "  messages: messages, system (optional)\n"
        "  sharegpt: conversations or conversation, system (optional)\n"
        "  alpaca: instruction, output or response, input (optional), system (optional)\n"
        "  query-response: query or question or problem, response or answer or solution\n"
        "  prompt-completion: prompt, completion\n"
        "  opencodeinstruct: input, output\n"
        "Rename its fields to those of a shape."
    )


def test_unknown_format_name() -> None:
    with pytest.raises(UsageError, match=r"^unknown format 'alpacca'; did you mean 'alpaca'\? \(known: messages, sharegpt,"):
        find_format("alpacca")


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ("hello", Reject.NOT_TEXT),
        (["hello"], Reject.NOT_TEXT),
        ([], Reject.NO_RESPONSE),
        ([("user", "q")], Reject.NO_RESPONSE),
        ([("assistant", "a")], Reject.NO_INSTRUCTION),
        ([("system", "s"), ("assistant", "a"), ("user", "q")], Reject.NO_INSTRUCTION),
        ([("user", "q"), ("assistant", "a"), ("user", "q"), ("assistant", " ")], Reject.EMPTY_RESPONSE),
        ([("user", "q"), ("assistant", [{"type": "text", "text": "a"}])], Reject.NOT_TEXT),
        ([("user", "q"), ("assistant", "a"), ("observation", "o")], Reject.TOOL_TURN),
        ([("user", "q"), ("critic", "a")], Reject.UNKNOWN_ROLE),
        ([("user", None), ("assistant", "a")], Reject.MISSING_FIELD),
        ([("system", "\0"), ("user", "q"), ("assistant", "a")], Reject.NUL_CHARACTER),
    ],
)
def test_conversations_that_teach_nothing(turns: object, reason: Reject) -> None:
    if isinstance(turns, list):
        turns = [{"role": t[0], "content": t[1]} if isinstance(t, tuple) else t for t in turns]
    with pytest.raises(RowRejected) as caught:
        to_sample({"messages": turns}, FORMATS["messages"], "s", 0)
    assert caught.value.reason == reason
