"""Odd lines, each with what reading must make of it when it stands between good ones."""

import json


def good(n: int, **more: object) -> bytes:
    return json.dumps({"id": f"good-{n}", "prompt": f"question {n}", "completion": f"x = {n}", **more}).encode()


def pair(**fields: object) -> bytes:
    return json.dumps({"id": "odd", "prompt": "question", "completion": "answer"} | fields).encode()


def raw(completion: bytes) -> bytes:
    return b'{"id": "odd", "prompt": "question", "completion": ' + completion + b"}"


CAP = 1 << 20

QUARANTINED: dict[str, tuple[bytes, str]] = {
    "invalid_byte": (raw(b'"\xff"'), "invalid_utf8"),
    "latin_1": (raw('"é"'.encode("latin-1")), "invalid_utf8"),
    "overlong_slash": (raw(b'"\xc0\xaf"'), "invalid_utf8"),
    "encoded_surrogate": (raw(b'"\xed\xa0\x80"'), "invalid_utf8"),
    "cut_character": (raw('"é'.encode()[:2]), "invalid_utf8"),
    "utf_16": (pair().decode().encode("utf-16-le").replace(b"\n", b""), "not_json"),
    "gzip_in_the_middle": (b"\x1f\x8b\x08\x00", "invalid_utf8"),
    "truncated_object": (pair()[:-1], "not_json"),
    "truncated_in_text": (pair()[:-4], "not_json"),
    "truncated_in_escape": (raw(b'"\\u00'), "not_json"),
    "bad_escape": (raw(b'"\\x41"'), "not_json"),
    "raw_nul": (raw(b'"a\0b"'), "not_json"),
    "raw_tab": (raw(b'"a\tb"'), "not_json"),
    "raw_cr": (raw(b'"a\rb"'), "not_json"),
    "all_nul": (b"\0" * 300, "not_json"),
    "plain_text": (b"once upon a time", "not_json"),
    "csv": (b"odd,question,answer", "not_json"),
    "python_literal": (b"{'id': 'odd', 'prompt': 'question', 'completion': 'answer'}", "not_json"),
    "trailing_comma": (pair()[:-1] + b",}", "not_json"),
    "comment": (pair() + b" // here", "not_json"),
    "two_on_a_line": (pair() + b" " + pair(), "not_json"),
    "bom_inside": (b"\xef\xbb\xbf" + pair(), "not_json"),
    "no_break_space": ("\u00a0".encode(), "not_json"),
    "form_feed": (b"\f", "not_json"),
    "leading_zero": (raw(b"007"), "not_json"),
    "merge_conflict": (b"<<<<<<< HEAD", "not_json"),
    "lone_high_surrogate": (raw(b'"\\ud83d"'), "lone_surrogate"),
    "lone_low_surrogate": (raw(b'"\\ude00"'), "lone_surrogate"),
    "swapped_surrogates": (raw(b'"\\ude00\\ud83d"'), "lone_surrogate"),
    "surrogate_in_a_key": (raw(b'"answer", "\\uD800": 1'), "lone_surrogate"),
    "long_line": (pair(completion="a" * CAP), "line_too_long"),
    "long_garbage": (b"\0" * (3 * CAP), "line_too_long"),
    "deep_arrays": (raw(b"[" * 100_000 + b"]" * 100_000), "nested_too_deep"),
    "deep_unclosed": (b"[" * 100_000, "nested_too_deep"),
    "deep_objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested_too_deep"),
    "depth_201": (raw(b"[" * 200 + b"]" * 200), "nested_too_deep"),
    "array": (b'["question", "answer"]', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "string": (b'"answer"', "not_an_object"),
    "number": (b"17", "not_an_object"),
    "boolean": (b"true", "not_an_object"),
    "duplicate_key": (raw(b'"a", "completion": "b"'), "duplicate_key"),
    "nested_duplicate_key": (raw(b'"a", "meta": {"k": 1, "k": 1}'), "duplicate_key"),
    "escaped_duplicate_key": (raw(b'"a", "\\u0069d": "other"'), "duplicate_key"),
    "nan": (raw(b'"a", "score": NaN'), "not_a_number"),
    "infinity": (raw(b'"a", "score": Infinity'), "not_a_number"),
    "minus_infinity": (raw(b'"a", "score": -Infinity'), "not_a_number"),
    "int_of_5000_digits": (raw(b'"a", "score": ' + b"9" * 5000), "huge_number"),
    "float_of_5000_digits": (raw(b'"a", "score": 0.' + b"9" * 5000), "huge_number"),
    "float_overflow": (raw(b'"a", "score": 1e999'), "huge_number"),
}

REJECTED: dict[str, tuple[bytes, str]] = {
    "empty_object": (b"{}", "missing_field"),
    "other_fields": (b'{"id": "odd", "text": "answer"}', "missing_field"),
    "missing_text": (b'{"id": "odd", "prompt": "question"}', "missing_field"),
    "null_text": (pair(completion=None), "missing_field"),
    "number_text": (pair(completion=17), "not_text"),
    "boolean_text": (pair(completion=False), "not_text"),
    "object_text": (pair(completion={"text": "answer"}), "not_text"),
    "list_of_texts": (pair(completion=["answer"]), "not_text"),
    "empty_text": (pair(completion=""), "empty_response"),
    "blank_text": (pair(completion=" \n\t\u2003"), "empty_response"),
    "no_completion_turns": (pair(completion=[]), "no_response"),
    "blank_instruction": (pair(prompt=" \n"), "no_instruction"),
    "escaped_nul": (pair(completion="a\0b"), "nul_character"),
    "nul_in_instruction": (pair(prompt="a\0b"), "nul_character"),
    "duplicate_id": (pair(id="good-3"), "duplicate_id"),
    "tool_turn": (pair(completion=[{"role": "tool", "content": "42"}]), "tool_turn"),
    "tool_call": (pair(completion=[{"role": "assistant", "content": None, "tool_calls": [{}]}]), "tool_turn"),
    "unknown_role": (pair(completion=[{"role": "narrator", "content": "answer"}]), "unknown_role"),
    "role_of_wrong_type": (pair(completion=[{"role": ["assistant"], "content": "answer"}]), "unknown_role"),
    "turn_without_role": (pair(completion=[{"content": "answer"}]), "missing_field"),
}

KEPT: dict[str, bytes] = {
    "crlf": pair() + b"\r",
    "spaces_around": b" \t" + pair() + b"  ",
    "line_separator": pair(completion="a\u2028b\u2029c\u0085d").decode().encode(),
    "raw_line_separator": json.dumps({"id": "odd", "prompt": "q", "completion": "a\u2028b"}, ensure_ascii=False).encode(),
    "carriage_return_in_text": pair(completion="a\rb\r\nc"),
    "unterminated_fence": pair(completion="```python\nx = 1"),
    "unterminated_string": pair(completion='```python\nx = """\n```'),
    "emoji_as_pair": raw(b'"\\ud83d\\ude00"'),
    "raw_emoji": raw('"\U0001f600"'.encode()),
    "escaped_backslash_u": raw(b'"\\\\ud83d"'),
    "depth_200": raw(b'"a", "meta": ' + b"[" * 199 + b"]" * 199),
    "brackets_in_text": pair(completion="[{" * 100_000),
    "quotes_and_brackets_in_text": pair(completion='"[\\"{' * 1000),
    "int_of_400_digits": raw(b'"a", "score": ' + b"9" * 400),
    "long_but_allowed": pair(completion="a" * (CAP - 200)),
    "no_id": b'{"prompt": "question", "completion": "answer"}',
    "blank_id": pair(id="  "),
    "whole_number_id": pair(id=17),
    "odd_id": pair(id={"a": 1}),
    "empty_key": pair(**{"": 1}),
    "replacement_character": pair(completion="a\ufffdb"),
    "private_use": pair(completion="\ue000\U0010ffff"),
}

NO_ROW: dict[str, bytes] = {"blank": b"", "spaces": b"   ", "tab": b"\t", "blank_crlf": b"\r"}
