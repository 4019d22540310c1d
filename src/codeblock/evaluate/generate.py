"""Generating samples for a benchmark, resumable at every batch."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from codeblock.errors import MissingExtraError, ModelError, UsageError
from codeblock.evaluate.benchmarks.task import Benchmark, Task
from codeblock.evaluate.decoding import Decoding, Row, decode
from codeblock.evaluate.prompts import Prompt, chat_prompt, completion_prompt, cut, program
from codeblock.scoring.models import ModelInfo, find_model, load_model, load_tokenizer, require
from codeblock.store import write_bytes_atomic, write_json_atomic

Progress = Callable[[int, int | None], None]
PromptStyle = Literal["auto", "chat", "completion"]


@dataclass(frozen=True, slots=True)
class Generator:
    """A loaded model, ready to write.

    Attributes:
        model: of transformers, in evaluation mode.
        tokenizer: of the model.
        info: what it is.
        adapter: directory of a LoRA adapter that was merged into it.
        chat: whether it is prompted through its chat template.
    """

    model: Any
    tokenizer: Any
    info: ModelInfo
    adapter: str | None
    chat: bool


def load_generator(
    name: str,
    adapter: Path | None = None,
    style: PromptStyle = "auto",
    dtype: Literal["auto", "bfloat16", "float32"] = "auto",
    device: str | None = None,
) -> Generator:
    """Load a model and, where given, merge a LoRA adapter into it.

    Args:
        name: a directory, a GGUF file or a hub id.
        adapter: a directory as PEFT saves it.
        style: of the prompts; ``auto`` is ``chat`` for a tokenizer with a chat template.
        dtype: see `models.resolve_dtype`.
        device: see `models.resolve_device`.

    Raises:
        ModelError: the model or the adapter cannot be loaded, or has no chat template and `style` asks for one.
        MissingExtraError: torch, transformers or, for an adapter, peft is not installed.
    """
    files = find_model(name)
    tokenizer = load_tokenizer(files)
    if style == "chat" and not tokenizer.chat_template:
        raise ModelError(f"model {name!r} has no chat template: use --prompt completion")
    model, info = load_model(files, dtype, device)
    if adapter is not None:
        model = _merge(model, adapter)
    return Generator(
        model, tokenizer, info, str(adapter) if adapter else None, bool(tokenizer.chat_template) and style != "completion"
    )


def generate(
    generator: Generator,
    benchmark: Benchmark,
    tasks: Sequence[Task],
    out: Path,
    samples: int,
    batch_size: int,
    decoding: Decoding,
    progress: Progress,
    overwrite: bool = False,
) -> dict[str, int]:
    """Write samples for tasks into a file; what is there already from the same settings is kept.

    Each row has ``task_id``, ``sample`` (number), ``solution`` (the program), ``raw`` (the model's text, uncut), ``tokens`` and
    ``ended``. Beside the file, ``.settings.json`` says how it was made.

    Args:
        generator: writes.
        benchmark: gives the prompts.
        tasks: of the benchmark.
        out: JSON Lines file.
        samples: per task.
        batch_size: prompts decoded at once.
        decoding: how.
        progress: told how many of how many samples are done.
        overwrite: begin anew where the settings differ.

    Returns:
        How many answers ended how.

    Raises:
        UsageError: the file is from other settings.
    """
    settings = _settings(generator, benchmark, decoding)
    done = _existing(out, settings, overwrite)
    wanted = [(task, n) for task in tasks for n in range(samples)]
    todo = [(task, n) for task, n in wanted if (task.id, n) not in done]
    prompts = {task.id: _prompt(generator, benchmark, task) for task, _ in todo}
    ids = {name: _encode(generator.tokenizer, prompt) for name, prompt in prompts.items()}
    todo.sort(key=lambda pair: len(ids[pair[0].id]))
    write_json_atomic(_settings_path(out), settings)
    progress(len(wanted) - len(todo), len(wanted))
    with out.open("a", encoding="utf-8") as file:
        for batch in _batches(todo, batch_size):
            rows = [Row(ids[task.id], prompts[task.id].stop, _number(task.id, n)) for task, n in batch]
            for (task, n), answer in zip(batch, decode(generator.model, generator.tokenizer, rows, decoding), strict=True):
                prompt = prompts[task.id]
                text = cut(answer.text, prompt.stop)
                row = {
                    "task_id": task.id, "sample": n, "solution": program(prompt, text, task), "raw": answer.text,
                    "tokens": answer.tokens, "ended": answer.ended,
                }  # fmt: skip
                done[task.id, n] = row
                file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
            progress(sum((task.id, n) in done for task, n in wanted), len(wanted))
    ordered = [done[task.id, n] for task, n in wanted]
    write_bytes_atomic(out, "".join(json.dumps(row) + "\n" for row in ordered).encode())
    ended = [row["ended"] for row in ordered]
    return {how: ended.count(how) for how in ("stop", "end", "length")}


def _prompt(generator: Generator, benchmark: Benchmark, task: Task) -> Prompt:
    return chat_prompt(benchmark, task, generator.tokenizer) if generator.chat else completion_prompt(benchmark, task)


def _encode(tokenizer: Any, prompt: Prompt) -> list[int]:
    return tokenizer(prompt.text, add_special_tokens=prompt.special)["input_ids"]


def _batches(todo: Sequence[tuple[Task, int]], size: int) -> Iterator[Sequence[tuple[Task, int]]]:
    for start in range(0, len(todo), size):
        yield todo[start : start + size]


def _number(task: str, sample: int) -> int:
    """A number for a row's random numbers that depends on nothing but the row."""
    return zlib.crc32(f"{task} {sample}".encode()) & 0x7FFFFFFF


def _settings(generator: Generator, benchmark: Benchmark, decoding: Decoding) -> dict[str, Any]:
    """What decides the text of every sample."""
    made = asdict(decoding) if decoding.temperature else {"max_new_tokens": decoding.max_new_tokens, "temperature": 0.0}
    adapter = _fingerprint(Path(generator.adapter)) if generator.adapter else None
    return {
        "benchmark": benchmark.name, "data": benchmark.file.digest, "model": generator.info.name,
        "fingerprint": generator.info.fingerprint, "adapter": adapter, "dtype": generator.info.dtype,
        "prompt": "chat" if generator.chat else "completion", "decoding": made,
    }  # fmt: skip


def _fingerprint(adapter: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(adapter.glob("adapter_*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _settings_path(out: Path) -> Path:
    return out.with_suffix(".settings.json")


def _existing(out: Path, settings: dict[str, Any], overwrite: bool) -> dict[tuple[str, int], dict[str, Any]]:
    """The rows of an earlier run, by task and number; a last line that was cut off is dropped from the file."""
    path = _settings_path(out)
    if not out.exists():
        return {}
    there = json.loads(path.read_text()) if path.exists() else None
    if there != settings:
        if overwrite:
            out.unlink()
            return {}
        different = sorted(k for k in settings if there is None or there.get(k) != settings[k])
        raise UsageError(f"{out} was made with other settings ({', '.join(different)}): name another file, or --overwrite it")
    content = out.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_bytes_atomic(out, whole)
    rows = [json.loads(line) for line in whole.splitlines()]
    return {(row["task_id"], row["sample"]): row for row in rows}


def _merge(model: Any, adapter: Path) -> Any:
    try:
        peft = require("peft", "a LoRA adapter")
    except MissingExtraError:
        raise MissingExtraError("peft", None, "a LoRA adapter") from None
    if not (adapter / "adapter_config.json").is_file():
        raise ModelError(f"--adapter {adapter} has no adapter_config.json: it is no adapter as PEFT saves it")
    try:
        return peft.PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().eval()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(f"adapter {adapter} does not fit the model: {type(error).__name__}: {error}") from error
