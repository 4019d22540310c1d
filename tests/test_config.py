from pathlib import Path

import pytest

from codeblock.config import build_recipe, load_recipe
from codeblock.errors import UsageError

GOOD = {"data": ["a.jsonl"], "out": "run", "score": {"model": "m"}}


def fault(values: dict) -> str:
    with pytest.raises(UsageError) as error:
        build_recipe(values)
    assert error.value.exit_code == 2
    return str(error.value)


def test_defaults_are_those_of_the_method() -> None:
    select = build_recipe(GOOD).select
    assert (select.budget, select.scope, select.q, select.alpha, select.beta, select.prose_fraction) == (
        0.4,
        "global",
        0.7,
        0.5,
        0.5,
        0.2,
    )


def test_an_unknown_setting_names_the_nearest_one() -> None:
    message = fault({**GOOD, "select": {"budgte": 0.2}})
    assert message.startswith("unknown setting 'select.budgte'; did you mean 'budget'? (known: strategy, budget, ")
    assert "did you mean 'score'?" in fault({**GOOD, "scoer": {}})


def test_all_faults_are_told_at_once() -> None:
    lines = fault({"out": "run", "score": {}, "select": {"budget": 0, "q": 2}}).splitlines()
    assert lines == [
        "missing setting 'data': name the input files on the command line, or as `data:` in a recipe",
        "missing setting 'score.model': say which model scores the tokens with --model, or as `score: {model: ...}` in a recipe",
        "setting 'select.budget' is 0: input should be greater than 0",
        "setting 'select.q' is 2: input should be less than or equal to 1",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value: float) -> None:
    assert fault({**GOOD, "select": {"budget": value}}) == f"setting 'select.budget' is {value}: input should be a finite number"


def test_recipe_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with pytest.raises(UsageError, match="does not exist"):
        load_recipe(path)
    path.write_text("a: [")
    with pytest.raises(UsageError, match="is not YAML"):
        load_recipe(path)
    path.write_text("- a")
    with pytest.raises(UsageError, match="holds list, not a mapping of settings"):
        load_recipe(path)
