"""The prompts and stop strings that EvalPlus and BigCodeBench publish, so that numbers compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codeblock.evaluate.benchmarks.task import Benchmark, Task
from codeblock.evaluate.extract import extract

_INSTRUCTION = "Please provide a self-contained Python script that solves the following problem in a markdown code block:"
_RESPONSE = "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:"
_STOP = ("<|endoftext|>", "<|endofmask|>", "</s>", "\nif __name__", "\ndef main(", "\nprint(")
_STOP_CHAT = ("\n```\n",)
_STOP_COMPLETION = {
    "humaneval": ("\ndef ", "\nclass ", "\nimport ", "\nfrom ", "\nassert "),
    "mbpp": ('\n"""', "\nassert"),
    "bigcodebench": ("\ndef ", "\nclass ", "\nimport ", "\nfrom ", "\nassert "),
}
_SEAM = "\ue000the answer\ue001"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is given for one task.

    Attributes:
        text: ends where the model goes on.
        special: whether the tokenizer adds its special tokens; a chat template has written them already.
        stop: the answer ends before the first of these.
        before: what belongs to the program before the model's text.
    """

    text: str
    special: bool
    stop: tuple[str, ...]
    before: str


def chat_prompt(benchmark: Benchmark, task: Task, tokenizer: Any) -> Prompt:
    """The task as a user's request, with the beginning of the assistant's answer up to the code.

    Args:
        benchmark: of the task.
        task: to be solved.
        tokenizer: with a chat template.
    """
    problem = task.prompt.strip()
    request = f"{_INSTRUCTION}\n{problem}\n" if benchmark.instruct else f"{_INSTRUCTION}\n```\n{problem}\n```\n"
    messages = [
        {"role": "user", "content": request},
        {"role": "assistant", "content": f"{_RESPONSE}\n```python\n{_SEAM}\n```\n"},
    ]
    text: str = tokenizer.apply_chat_template(messages, tokenize=False)
    return Prompt(text.split(_SEAM)[0], False, (*_STOP, *_STOP_CHAT), "")


def completion_prompt(benchmark: Benchmark, task: Task) -> Prompt:
    """The beginning of the program, for a base model to go on with."""
    text = task.prompt.strip() + "\n"
    return Prompt(text, True, (*_STOP, *_STOP_COMPLETION[benchmark.style]), text)


def cut(text: str, stop: tuple[str, ...]) -> str:
    """A model's text before the first stop string, with tabs as four spaces."""
    end = min((position for s in stop if (position := text.find(s)) >= 0), default=len(text))
    return text[:end].replace("\t", "    ")


def program(prompt: Prompt, text: str, task: Task) -> str:
    """The program of a model's text, which was cut by `cut`."""
    return extract(prompt.before + text, task.entry_point)
