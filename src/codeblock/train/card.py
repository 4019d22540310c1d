"""The model card of a trained model: its `README.md`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def model_card(report: Mapping[str, Any]) -> str:
    """Write the card.

    Args:
        report: as in ``training.json``: recipe, artefact, model, result, versions.
    """
    train, artefact, model, result = report["recipe"]["train"], report["artefact"], report["model"], report["result"]
    lora = train["tuning"] == "lora"
    name = model["name"] if not Path(model["name"]).exists() else Path(model["name"]).name
    header: dict[str, Any] = {
        "library_name": "peft" if lora else "transformers",
        "pipeline_tag": "text-generation",
        "base_model": name,
        "tags": ["code", "sft", "codeblock", "selective-supervision", *(["lora"] if lora else [])],
    }
    select, window = artefact["select"], report["recipe"]["savings"]["live_window"]
    adapters = f"LoRA, rank {train['lora_rank']}, alpha {train['lora_alpha']:g}, on {train['lora_targets']}"
    of_rows, of_pool = artefact["supervised_ratio"], artefact["supervised_ratio_pool"]
    losses = "not measured"
    if result["loss_after"] is not None:
        losses = f"{result['loss_before']:.4f}, {result['loss_after']:.4f}: mean over {result['eval_rows']} training rows"
    facts = {
        "base model": f"`{name}` ({model['architecture']}, {model['parameters']:,} parameters)",
        "tuning": adapters if lora else "all weights",
        "selection": f"strategy `{select['strategy']}`, budget {select['budget']:g}" if select else "unknown",
        "rows": f"{result['rows']:,} of the dataset's {artefact['rows']:,}",
        "supervised tokens of the dataset": f"{artefact['supervised_tokens']:,}",
        "supervised ratios": f"{of_rows:.2%} of the response tokens of its rows, {of_pool:.2%} of the whole pool's",
        "rows that train their end of turn": f"{artefact['end_of_turn_rows']:,}",
        "dataset fingerprint": f"labels sha256 `{artefact['labels_sha256']}`",
        "steps": f"{result['steps']:,} of {result['rows_per_step']} rows",
        "learning rate": f"{train['learning_rate']:g}, {train['schedule']}",
        "weights of tokens": train["weights"],
        "gradients": "exact" if window is None else f"approximate, with a live window of {window} tokens",
        "loss per supervised token, before and after": losses,
        "made with": ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
    }
    lines = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return f"""\
---
{yaml.safe_dump(header, sort_keys=False, allow_unicode=True).strip()}
---

# Fine-tuned on the parts of code worth learning

Trained with [CodeBlock](https://arxiv.org/abs/2606.18286): the full responses are context, and the loss is the mean next-token
cross-entropy over the supervised tokens alone, whole statements and blocks chosen under a budget.

| | |
|---|---|
{lines}

`train.yaml` holds every setting, `log.jsonl` every step, `training.json` the facts above in full. No licence is stated here:
those of the base model and of the data apply.
"""
