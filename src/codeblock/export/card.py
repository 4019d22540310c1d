"""The dataset card of an artefact: its ``README.md``, read by people, the Hub and ``datasets``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def card(manifest: Mapping[str, Any]) -> str:
    """Write the card of one artefact.

    The YAML header makes ``load_dataset(directory)`` load the training rows and nothing else.

    Args:
        manifest: of the artefact. Its `counts` (numbers by name, may be nested), `config` (the resolved recipe) and `versions`
            are shown where present.
    """
    config = manifest.get("config", {})
    return _TEMPLATE.format(
        size=_size_category(manifest["rows"]),
        model=manifest["model"],
        rows=manifest["rows"],
        supervised=manifest["supervised_tokens"],
        response=manifest["response_tokens"],
        pool=manifest["pool_response_tokens"],
        ends=manifest["end_of_turn_rows"],
        ratio=manifest["supervised_ratio"],
        ratio_pool=manifest["supervised_ratio_pool"],
        max_length=manifest["max_length"],
        labels=manifest["labels_sha256"],
        facts=_table(("setting", "value"), _facts(manifest, config)),
        counts=_table(("what", "number"), [(name, f"{number:,}") for name, number in _flatten(manifest.get("counts", {}))]),
    )


def _facts(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What decided the labels: models first, then every selection setting, then versions."""
    rows = [("scoring model", str(manifest["model"])), ("tokenizer", str(manifest["tokenizer"]))]
    rows += [(name, _value(value)) for name, value in config.get("select", {}).items()]
    rows += [(f"version of {name}", str(version)) for name, version in manifest.get("versions", {}).items()]
    return rows


def _value(value: Any) -> str:
    return "default" if value is None else str(value)


def _flatten(counts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    """Nested counts as (name, number), with the path in the name."""
    for key, value in counts.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}: ")
        else:
            yield name, value


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    """A Markdown table; a bar in a cell would end it."""
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    lines += [f"| {name.replace('|', '&#124;')} | {value.replace('|', '&#124;')} |" for name, value in rows]
    return "\n".join(lines)


def _size_category(rows: int) -> str:
    """The Hub's name for a number of rows."""
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for bound, name in bounds if rows < bound), "n>1M")


_TEMPLATE = """\
---
configs:
- config_name: default
  default: true
  data_files:
  - split: train
    path: data/*.parquet
- config_name: annotations
  data_files:
  - split: train
    path: annotations/*.parquet
task_categories:
- text-generation
size_categories:
- {size}
tags:
- code
- sft
- codeblock
- selective-supervision
---

# Code responses with selective labels

{rows:,} instruction-response pairs, tokenised for `{model}`, in which only the parts worth learning carry loss:
**{supervised:,}** supervised tokens, {ratio:.2%} of the {response:,} response tokens of these rows and {ratio_pool:.2%} of the
{pool:,} response tokens of the whole pool. Beside them, {ends:,} rows train the end of their turn. Every response is present in
full, as context.

No licence is stated here: that of the source data applies. Add it as `license:` to the header above before publishing.

## Use

```python
from datasets import load_dataset

train = load_dataset("DIR", split="train")  # this directory, or its name on the Hub: input_ids, attention_mask, labels
notes = load_dataset("DIR", "annotations", split="train")  # segments, items, scores: why these labels
```

To train, from this directory:

```sh
trl sft --config recipes/trl.yaml --dataset_name "$PWD"   # TRL >= 1.7
python recipes/trainer.py                                 # plain transformers Trainer
```

`labels` are unshifted, -100 where no loss is wanted, and unpadded. With a trainer of your own mind two things: it must not cut
rows below {max_length} tokens, the longest one (TRL's default is 1024), and its collator must keep `labels`
(`transformers.DataCollatorForLanguageModeling` overwrites them).

## Verify

```sh
pip install 'codeblock-sft[train]'
codeblock verify .
```

checks the files, then builds the installed trainers' real data loaders and compares what they train with the labels here, token
by token. The labels are also pinned by one hash, the sha256 of a little-endian int64 triple (row, position, label) for each
trained token in order: `{labels}`.

## How the labels were chosen

Responses are split into prose and code, code into syntactically closed items (a statement, the header of a compound
statement, ...). An item's utility is the generalised cross-entropy of its core logic tokens under the frozen scoring model; its
reach and bridge in the def-use graph raise the priority of items whose utility passes a gate. Items are taken by priority
within a token budget, with the headers that enclose them, and a share of the budget goes to informative words of the prose.
The method follows *CodeBlock: Learning to Supervise Code at the Right Granularity* (arXiv 2606.18286); details the paper leaves
open are choices of this implementation. Baseline strategies choose tokens otherwise, under the same accounting.

{facts}

## Counts

{counts}
"""
