"""HumanEval+ and MBPP+: many more inputs, answers compared with the reference's (Liu et al., arXiv 2305.01210).

A solution is right in the sense of *plus* if it passes the base inputs and the added ones. How answers are compared, which tasks
have a comparison of their own, and which inputs of MBPP are tuples or sets that JSON could not keep, follows EvalPlus 0.3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codeblock.evaluate.benchmarks.task import Benchmark, Cases, DataFile, Part, Task, rows
from codeblock.evaluate.sandbox.codec import encode

_COMPARE = {
    "humaneval": {"find_zero": "root"},
    "mbpp": {
        "are_equivalent": "anything",
        "sum_div": "or zero",
        "surface_Area": "pyramid",
        "digit_distance_nums": "digit distance",
        **dict.fromkeys(("check_str", "text_match_three", "text_starta_endb"), "not none"),
        **dict.fromkeys(
            ("similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum", "intersection_array",
             "find_dissimilar", "Diff"),
            "set",
        ),
    },
}  # fmt: skip


def _tuples(arguments: list[Any]) -> list[Any]:
    return [tuple(argument) for argument in arguments]


def _lists_of_tuples(arguments: list[Any]) -> list[Any]:
    return [[tuple(item) for item in argument] for argument in arguments]


def _tuples_of_tuples(arguments: list[Any]) -> list[Any]:
    return _tuples(_lists_of_tuples(arguments))


def _first_list_of_tuples(arguments: list[Any]) -> list[Any]:
    return [[tuple(item) for item in arguments[0]], arguments[1]]


def _first_tuple(arguments: list[Any]) -> list[Any]:
    return [tuple(arguments[0]), *arguments[1:]]


def _second_tuple(arguments: list[Any]) -> list[Any]:
    return [arguments[0], tuple(arguments[1])]


def _list_of_sets(arguments: list[Any]) -> list[Any]:
    return [[set(item) if isinstance(item, list) and item else {} for item in arguments[0]]]


def _tuple_of_tuples_and_others(arguments: list[Any]) -> list[Any]:
    return [tuple(tuple(item) if isinstance(item, list) else item for item in arguments[0])]


def _dict_of_tuples(arguments: list[Any]) -> list[Any]:
    return [{key: tuple(value) for key, value in arguments[0].items()}, *arguments[1:]]


def _all_tuples(value: Any) -> Any:
    return tuple(_all_tuples(item) for item in value) if isinstance(value, list) else value


def _float_and_complex(arguments: list[Any]) -> list[Any]:
    return [float(arguments[0]), complex(arguments[1])]


def _complex(arguments: list[Any]) -> list[Any]:
    return [complex(arguments[0])]


_RESTORE: dict[int, Callable[[list[Any]], Any]] = {
    number: restore
    for restore, numbers in (
        (_tuples, "2 116 132 143 222 261 273 394 399 421 424 429 470 560 579 596 616 630 726 740 744 809"),
        (_lists_of_tuples, "63 64 70 94 120 237 272 299 400 409 417 438 473 614 780"),
        (_first_list_of_tuples, "75 413 444 753"),
        (_second_tuple, "106 750"),
        (_list_of_sets, "115"),
        (_float_and_complex, "124"),
        (_first_tuple, "250 307 405 446 617 720 763 808"),
        (_complex, "252"),
        (_tuples_of_tuples, "259 401 445"),
        (_tuple_of_tuples_and_others, "278"),
        (_all_tuples, "580 615 791"),
        (_dict_of_tuples, "722"),
    )
    for number in map(int, numbers.split())
}
"""MBPP tasks by number, and how their inputs become what they were before JSON."""


def load_humaneval(content: bytes) -> list[Task]:
    """Tasks of ``HumanEvalPlus.jsonl``."""
    return [_task(row, "humaneval", lambda arguments: arguments) for row in rows(content)]


def load_mbpp(content: bytes) -> list[Task]:
    """Tasks of ``MbppPlus.jsonl``."""
    return [_task(row, "mbpp", _RESTORE.get(int(row["task_id"].split("/")[1]), lambda a: a)) for row in rows(content)]


def _task(row: dict[str, Any], dataset: str, restore: Callable[[list[Any]], Any]) -> Task:
    compare = _COMPARE[dataset].get(row["entry_point"], "equal")

    def part(name: str) -> Part:
        inputs = [encode(list(restore(arguments)), _impossible) for arguments in row[f"{name}_input"]]
        return Part(name, Cases(inputs, row["atol"], compare))

    return Task(
        id=row["task_id"],
        prompt=row["prompt"],
        entry_point=row["entry_point"],
        reference=row["prompt"] + row["canonical_solution"],
        parts=(part("base"), part("plus")),
    )


def _impossible(value: Any) -> int:
    raise TypeError(f"an input of type {type(value).__name__} cannot be sent")


HUMANEVAL_PLUS = Benchmark(
    name="humaneval+",
    title="HumanEval+",
    file=DataFile(
        names=("HumanEvalPlus.jsonl", "HumanEvalPlus-v0.1.10.jsonl"),
        digest="fe585eb4df8c88d844eeb463ea4d0302",
        algorithm="md5",
        published="github.com/evalplus/humanevalplus_release, release v0.1.10",
    ),
    load=load_humaneval,
    style="humaneval",
    memory_bytes=4 << 30,
)
MBPP_PLUS = Benchmark(
    name="mbpp+",
    title="MBPP+",
    file=DataFile(
        names=("MbppPlus.jsonl", "MbppPlus-v0.2.0.jsonl"),
        digest="b54e762755248ca411b523c917fa9f93c07b5ff2966bf60b3917b853926a3dad",
        published="github.com/evalplus/mbppplus_release, release v0.2.0",
    ),
    load=load_mbpp,
    style="mbpp",
    memory_bytes=4 << 30,
)
