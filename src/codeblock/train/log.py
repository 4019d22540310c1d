"""What a training run tells while it runs. Importing this module needs transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

Report = Callable[[int, int, dict[str, float]], None]
"""Called with the steps done, the steps in all, and what was logged."""


class Told(TrainerCallback):
    """Hands every log entry on."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Report one entry."""
        if state.is_world_process_zero and logs:
            self._report(state.global_step, state.max_steps, logs)


class JsonLines(TrainerCallback):
    """Appends every log entry to a file, as one JSON object with its `step`.

    A resumed run goes on after the last entry that its checkpoint knows.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the entries up to the step at which training starts."""
        if state.is_world_process_zero and self._path.exists():
            lines = self._path.read_text().splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= state.global_step]
            self._path.write_text("".join(kept))

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Write one entry."""
        if state.is_world_process_zero and logs:
            with self._path.open("a") as file:
                file.write(json.dumps({"step": state.global_step, **logs}) + "\n")
