"""Ready-to-run training recipes, one per trainer, written into the artefact beside its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml


def render_recipes(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Write every recipe for one artefact.

    Args:
        manifest: of the artefact; `model` and `max_length` (tokens of its longest row) are read.

    Returns:
        Texts by path, relative to the artefact.
    """
    return {f"recipes/{name}": render(manifest) for name, render in RECIPES.items()}


def _trl(manifest: Mapping[str, Any]) -> str:
    """A config of ``trl sft``. YAML and not a script: a script called trl.py would shadow the library it imports."""
    if _is_gguf(manifest):
        model = f"# model_name_or_path: full weights, as GGUF cannot be trained; the scores are of {manifest['model']}"
    else:
        model = yaml.safe_dump({"model_name_or_path": manifest["model"]}, allow_unicode=True, width=1000).rstrip()
    return f"""\
# Train on this artefact with TRL (>= 1.7). From its directory, or with both paths changed from anywhere:
#
#     trl sft --config recipes/trl.yaml --dataset_name "$PWD"
#
# Options on the command line win over those here; a machine without a GPU needs `--bf16 false`.
# `codeblock verify` reads this file and checks what it would train.

{model}
output_dir: trained

# Labels. `input_ids` and `labels` are trained as they are; there is no text column, so no other data option applies.
# Never below the longest row: longer ones are cut, with their labels, silently (TRL's default is 1024).
max_length: {manifest["max_length"]}
# Packing is exact from TRL 1.7 on (older ones drop the labels), and fast with attn_implementation: flash_attention_2.
packing: false

# Few labels per row: keep the batch large, the loss is a mean over the trained tokens of the whole batch.
per_device_train_batch_size: 8
gradient_accumulation_steps: 4
num_train_epochs: 1
learning_rate: 1.0e-5  # full fine-tuning; 1.0e-4 with LoRA
lr_scheduler_type: linear
warmup_steps: 0.03  # a share of all steps
weight_decay: 0.0

# LoRA instead of full fine-tuning (pip install peft):
# use_peft: true
# lora_r: 64
# lora_alpha: 16
# lora_dropout: 0.1
# lora_target_modules: all-linear
"""


def _trainer(manifest: Mapping[str, Any]) -> str:
    """A script for the plain ``transformers.Trainer``."""
    if _is_gguf(manifest):
        model = f"required=True, help={'full weights, as GGUF cannot be trained; the scores are of ' + manifest['model']!r}"
    else:
        model = f"default={manifest['model']!r}"
    return f'''\
"""Train on this artefact with the plain Trainer of transformers.

    python recipes/trainer.py
    python recipes/trainer.py --learning_rate 1e-4 --max_steps 100    # any option of TrainingArguments
"""

from pathlib import Path

import torch
from datasets import load_dataset
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
)


def main() -> None:
    parser = HfArgumentParser(TrainingArguments)
    parser.add_argument("--model", {model})
    parser.set_defaults(
        output_dir="trained",
        per_device_train_batch_size=8,  # few labels per row: keep the batch large
        gradient_accumulation_steps=4,
        num_train_epochs=1,
        learning_rate=1e-5,
        lr_scheduler_type="linear",
        warmup_steps=0.03,
        weight_decay=0.0,
        bf16=torch.cuda.is_available(),
    )
    args, options = parser.parse_args_into_dataclasses()

    # nothing truncates here; the model's context must hold the longest row, {manifest["max_length"]} tokens
    dataset = load_dataset(str(Path(__file__).resolve().parent.parent), split="train")
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)  # master weights; bf16 is autocast
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # labels of padding are -100 whatever its id

    # this collator pads the labels of the artefact; DataCollatorForLanguageModeling would replace them by all tokens
    collator = DataCollatorForSeq2Seq(tokenizer)
    trainer = Trainer(model=model, args=args, train_dataset=dataset, data_collator=collator, processing_class=tokenizer)
    trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)
    trainer.save_model()


if __name__ == "__main__":
    main()
'''


def _is_gguf(manifest: Mapping[str, Any]) -> bool:
    return str(manifest["model"]).lower().endswith(".gguf")


RECIPES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "trl.yaml": _trl,
    "trainer.py": _trainer,
}
"""What renders each file in ``recipes/``."""
