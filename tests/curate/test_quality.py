import json
import math

import numpy as np
import pytest

from codeblock.curate.quality import SOURCES, Check, Fault, Row, find_sources, heuristics, quality_classes
from codeblock.errors import UsageError

GOOD = """```python
def total(values, limit=10):
    result = 0
    for value in values:
        if value < limit:
            result += value
    return result
```"""


def row(response: str = "", **extra: object) -> Row:
    return Row([{"role": "user", "content": "do"}, {"role": "assistant", "content": response}], extra)


def measured(name: str, given: Row) -> tuple[float | None, tuple[str, ...]]:
    (source,) = find_sources([name])
    assert source.measure is not None
    found = source.measure(given)
    return found.value, tuple(map(str, found.notes))


def judgement(*scores: object) -> str:
    names = ("requirement_conformance", "logical_correctness", "edge_case_consideration")
    return json.dumps({name: {"score": score, "justification": "so"} for name, score in zip(names, scores, strict=True)})


@pytest.mark.parametrize(
    ("extra", "value", "note"),
    [
        ({"average_test_score": 0.9}, 0.9, None),
        ({"average_test_score": "0.9"}, 0.9, Fault.NUMBER_AS_TEXT),
        ({"average_test_score": "NaN"}, None, Fault.NOT_A_NUMBER),
        ({"average_test_score": "ninety"}, None, Fault.NOT_A_NUMBER),
        ({"average_test_score": True}, None, Fault.NOT_A_NUMBER),
        ({"average_test_score": [0.9]}, None, Fault.NOT_A_NUMBER),
        ({"average_test_score": 90}, None, Fault.OUT_OF_RANGE),
        ({"average_test_score": -0.1}, None, Fault.OUT_OF_RANGE),
        ({"average_test_score": None}, None, Fault.ABSENT),
        ({}, None, Fault.ABSENT),
        ({"tests_execution_status": '["pass", "fail", "pass", "pass"]'}, 0.75, None),
        ({"tests_execution_status": ["pass", "fail"]}, 0.5, None),
        ({"tests_execution_status": "pass, fail"}, None, Fault.MALFORMED_JSON),
        ({"tests_execution_status": "[]"}, None, Fault.MALFORMED_JSON),
        ({"tests_execution_status": "[1, 0]"}, None, Fault.MALFORMED_JSON),
    ],
)
def test_pass_fraction(extra: dict, value: float | None, note: Fault | None) -> None:
    assert measured("tests", row(**extra)) == (value, () if note is None else (note,))


@pytest.mark.parametrize(
    ("text", "least", "mean", "note"),
    [
        (judgement(5, 3, 4), 3, 4, None),
        (judgement("5", 3, 4), 3, 4, Fault.NUMBER_AS_TEXT),
        (json.loads(judgement(2, 3, 4)), 2, 3, None),
        (judgement(5, 6, 4), None, None, Fault.OUT_OF_RANGE),
        (judgement(5, 0, 4), None, None, Fault.OUT_OF_RANGE),
        (judgement(5, "NaN", 4), None, None, Fault.NOT_A_NUMBER),
        (judgement(5, None, 4), None, None, Fault.ABSENT),
        (judgement(5, 3, 4)[:-1], None, None, Fault.MALFORMED_JSON),
        ("{}", None, None, Fault.MALFORMED_JSON),
        ("[" * 100_000, None, None, Fault.MALFORMED_JSON),
        ('{"logical_correctness": 5}', None, None, Fault.MALFORMED_JSON),
        (None, None, None, Fault.ABSENT),
    ],
)
def test_judge_scores(text: object, least: float | None, mean: float | None, note: Fault | None) -> None:
    given = row(llm_judgement=text)
    assert measured("judge-min", given) == (least, () if note is None else (note,))
    assert measured("judge-mean", given) == (mean, () if note is None else (note,))


def test_any_numeric_field() -> None:
    assert measured("column:stars", row(stars=-3)) == (-3.0, ())
    assert measured("column:stars", row(stars="1e3")) == (1000.0, (Fault.NUMBER_AS_TEXT,))
    assert measured("column:stars", row(stars="inf")) == (None, (Fault.NOT_A_NUMBER,))
    assert measured("column:stars", row()) == (None, (Fault.ABSENT,))


@pytest.mark.parametrize(
    ("response", "failed"),
    [
        (GOOD, ()),
        (GOOD.removesuffix("```"), (Check.TRUNCATED,)),
        (GOOD.removesuffix("\n    return result\n```") + "\n    return sorted(result, key=[", (Check.TRUNCATED,)),
        (GOOD.replace("result += value", "result += = value"), (Check.DAMAGED,)),
        (GOOD.replace("result = 0", "# ... rest of the code"), (Check.FILLER,)),
        (GOOD.replace("result = 0", "raise NotImplementedError"), (Check.FILLER,)),
        ("I would sum the values that lie below the limit.", (Check.NO_CODE,)),
        ("```python\nx = 1\n```", (Check.NO_CODE,)),
        (GOOD + "\nAnd so on and so forth." * 20, (Check.REPETITIVE,)),
    ],
)
def test_heuristics(response: str, failed: tuple[Check, ...]) -> None:
    found = heuristics(row(response))
    assert found.notes == failed
    assert found.value == len(Check) - len(failed)


def test_ordinary_words_are_no_filler() -> None:
    for line in ("# add the values", "# the rest", "x = [...]  # all", "# other values follow", "pass  # nothing to do here"):
        assert Check.FILLER not in heuristics(row(GOOD.replace("result = 0", line))).notes, line


def test_unknown_and_repeated_sources_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown quality source 'heuristic'; did you mean 'heuristics'\?"):
        find_sources(["heuristic"])
    with pytest.raises(UsageError, match="unknown quality source 'column:'"):
        find_sources(["column:"])
    with pytest.raises(UsageError, match="named twice"):
        find_sources(["tests", "heuristics", "tests"])


def test_classes_of_a_scale_are_its_steps() -> None:
    values = np.array([[0.0], [0.1], [0.3], [0.35], [0.7], [0.99], [1.0], [math.nan]])
    assert quality_classes(values, [SOURCES["tests"]], 5).ravel().tolist() == [0, 1, 3, 3, 7, 9, 10, -1]


def test_classes_of_a_column_are_quantiles() -> None:
    values = np.array([*range(100), math.nan], dtype=float)[:, None]
    classes = quality_classes(values, find_sources(["column:x"]), 4).ravel()
    assert np.bincount(classes[:-1]).tolist() == [25, 25, 25, 25]
    assert classes[-1] == -1
    assert (np.diff(classes[:-1]) >= 0).all()


def test_few_values_of_a_column_are_their_own_classes() -> None:
    values = np.array([[3.0], [1.0], [1.0], [2.0]])
    assert quality_classes(values, find_sources(["column:x"]), 5).ravel().tolist() == [2, 0, 0, 1]
