import json
import sys
from pathlib import Path
from typing import Any

import pytest

from codeblock.errors import MissingExtraError, ModelError, UsageError
from codeblock.evaluate import generate as generation
from codeblock.evaluate.benchmarks.registry import BENCHMARKS
from codeblock.evaluate.benchmarks.task import Task
from codeblock.evaluate.decoding import Decoding, Row, decode
from codeblock.evaluate.generate import Generator, generate, load_generator
from codeblock.evaluate.prompts import chat_prompt, completion_prompt, cut, program

HUMANEVAL = BENCHMARKS["humaneval"]
TASKS = [Task(f"HumanEval/{n}", f"def f{n}(x):\n    '''{'long ' * n}'''\n", f"f{n}", "", ()) for n in range(7)]


def quiet(done: int, total: int | None) -> None:
    pass


@pytest.fixture(scope="module")
def generator(tiny_model: Path) -> Generator:
    return load_generator(str(tiny_model), dtype="float32", device="cpu")


def row(generator: Generator, text: str, number: int = 0, stop: tuple[str, ...] = ()) -> Row:
    return Row(generator.tokenizer(text)["input_ids"], stop, number)


def prompts(generator: Generator) -> list[Row]:
    return [
        row(generator, text, n) for n, text in enumerate(("def f(x):", "a", "import os\nimport sys\nclass A:\n    pass", "x = 1"))
    ]


def test_greedy_decoding_is_that_of_transformers(generator: Generator) -> None:
    import torch

    rows = prompts(generator)
    for one, answer in zip(rows, decode(generator.model, generator.tokenizer, rows, Decoding(12)), strict=True):
        ids = torch.tensor([one.ids])
        theirs = generator.model.generate(ids, max_new_tokens=12, do_sample=False, pad_token_id=0)[0, ids.shape[1] :]
        assert answer.text == generator.tokenizer.decode(theirs, skip_special_tokens=True)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_batch_does_not_change_the_text(generator: Generator, temperature: float) -> None:
    rows, decoding = prompts(generator), Decoding(16, temperature)
    together = decode(generator.model, generator.tokenizer, rows, decoding)
    assert together == [decode(generator.model, generator.tokenizer, [one], decoding)[0] for one in rows]


def test_rows_end_at_their_own_stop_strings(generator: Generator) -> None:
    free = decode(generator.model, generator.tokenizer, prompts(generator), Decoding(16))
    stop = free[1].text[2:5]
    rows = [row(generator, "def f(x):"), row(generator, "a", stop=(stop,))]
    first, second = decode(generator.model, generator.tokenizer, rows, Decoding(16))
    assert first == free[0]
    assert (second.ended, stop in second.text) == ("stop", True)
    assert second.tokens < free[1].tokens


def test_the_models_own_end_is_seen(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    free = decode(generator.model, generator.tokenizer, prompts(generator)[:1], Decoding(8))[0]
    ids = generator.tokenizer(free.text)["input_ids"]
    monkeypatch.setattr(generator.model.generation_config, "eos_token_id", [ids[0]])
    assert decode(generator.model, generator.tokenizer, prompts(generator)[:1], Decoding(8))[0].ended == "end"


def test_sampling_follows_the_distribution(generator: Generator) -> None:
    """With a tiny top_p sampling is greedy; with different seeds at a high temperature it is not."""
    rows = prompts(generator)
    greedy = decode(generator.model, generator.tokenizer, rows, Decoding(8))
    assert decode(generator.model, generator.tokenizer, rows, Decoding(8, 1.0, 1e-6)) == greedy
    hot = [decode(generator.model, generator.tokenizer, rows, Decoding(8, 2.0, 1.0, seed)) for seed in (0, 0, 1)]
    assert hot[0] == hot[1] != hot[2]


def test_generation_goes_on_where_it_was_interrupted(generator: Generator, tmp_path: Path) -> None:
    decoding = Decoding(6, 0.8)
    whole = tmp_path / "whole.jsonl"
    generate(generator, HUMANEVAL, TASKS, whole, 2, 4, decoding, quiet)

    class Stop(Exception):
        pass

    def interrupt(done: int, total: int | None) -> None:
        if done >= 6:
            raise Stop

    part = tmp_path / "part.jsonl"
    with pytest.raises(Stop):
        generate(generator, HUMANEVAL, TASKS, part, 2, 3, decoding, interrupt)
    done = part.read_text()
    assert len(done.splitlines()) == 6
    part.write_text(done + '{"task_id": "HumanEv')  # killed in the midst of a line
    calls: list[int] = []
    ended = generate(generator, HUMANEVAL, TASKS, part, 2, 5, decoding, lambda n, _: calls.append(n))
    assert calls[0] == 6
    assert part.read_text() == whole.read_text()
    assert sum(ended.values()) == 14
    rows = [json.loads(line) for line in whole.read_text().splitlines()]
    assert [(r["task_id"], r["sample"]) for r in rows] == [(t.id, n) for t in TASKS for n in range(2)]


def test_samples_of_other_settings_are_not_mixed(generator: Generator, tmp_path: Path) -> None:
    out = tmp_path / "s.jsonl"
    generate(generator, HUMANEVAL, TASKS[:1], out, 1, 1, Decoding(2), quiet)
    with pytest.raises(UsageError, match=r"other settings \(decoding\)"):
        generate(generator, HUMANEVAL, TASKS[:1], out, 1, 1, Decoding(3), quiet)
    generate(generator, HUMANEVAL, TASKS[:2], out, 1, 1, Decoding(3), quiet, overwrite=True)
    assert len(out.read_text().splitlines()) == 2


def test_the_prompts_are_evalplus_ones(generator: Generator) -> None:
    found = chat_prompt(HUMANEVAL, TASKS[1], generator.tokenizer)
    assert found.text == (
        "<|im_start|>user\nPlease provide a self-contained Python script that solves the following problem in a markdown code block:\n"
        "```\ndef f1(x):\n    '''long '''\n```\n<|im_end|>\n<|im_start|>assistant\n"
        "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:\n```python\n"
    )
    assert "\n```\n" in found.stop
    base = completion_prompt(HUMANEVAL, TASKS[1])
    assert base.text == base.before == "def f1(x):\n    '''long '''\n"
    assert "\ndef " in base.stop
    instruct = chat_prompt(BENCHMARKS["bigcodebench-instruct"], TASKS[1], generator.tokenizer)
    assert "block:\ndef f1" in instruct.text


def test_a_text_becomes_a_program() -> None:
    prompt = completion_prompt(HUMANEVAL, TASKS[0])
    text = cut("\treturn x\n\nprint(f0(1))\ndef g():", prompt.stop)
    assert text == "    return x\n"
    assert program(prompt, text, TASKS[0]) == "def f0(x):\n    ''''''\n    return x\n"


def test_models_without_a_template_complete(generator: Generator, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = load_generator(str(tiny_model), style="completion", dtype="float32", device="cpu")
    assert not bare.chat
    real = generation.load_tokenizer

    def without_template(files: Any) -> Any:
        tokenizer = real(files)
        tokenizer.chat_template = None
        return tokenizer

    monkeypatch.setattr(generation, "load_tokenizer", without_template)
    assert not load_generator(str(tiny_model), dtype="float32", device="cpu").chat
    with pytest.raises(ModelError, match="--prompt completion"):
        load_generator(str(tiny_model), style="chat")


def test_an_adapter_is_merged(generator: Generator, tiny_model: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    import torch

    base = load_generator(str(tiny_model), dtype="float32", device="cpu")
    torch.manual_seed(1)
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(base.model, config).save_pretrained(str(tmp_path))
    adapted = load_generator(str(tiny_model), adapter=tmp_path, dtype="float32", device="cpu")
    rows = prompts(generator)
    first, second = (decode(g.model, g.tokenizer, rows, Decoding(8)) for g in (generator, adapted))
    assert first != second


def test_adapters_need_peft_and_a_config(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match="a LoRA adapter needs peft"):
        load_generator(str(tiny_model), adapter=tmp_path, dtype="float32", device="cpu")
    monkeypatch.setitem(sys.modules, "peft", sys)
    with pytest.raises(ModelError, match=r"no adapter_config\.json"):
        load_generator(str(tiny_model), adapter=tmp_path, dtype="float32", device="cpu")
