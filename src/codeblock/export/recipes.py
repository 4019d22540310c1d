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


def _model(manifest: Mapping[str, Any], key: str) -> str:
    """A YAML line that names the model, or a comment where the scores are of a GGUF file."""
    if _is_gguf(manifest):
        return f"# {key}: full weights, as GGUF cannot be trained; the scores are of {manifest['model']}"
    return yaml.safe_dump({key: manifest["model"]}, allow_unicode=True, width=1000).rstrip()


def _axolotl(manifest: Mapping[str, Any]) -> str:
    return f"""\
# Train on this artefact with Axolotl, from its directory: axolotl train recipes/axolotl.yaml

{_model(manifest, "base_model")}
datasets:
  - path: data
    ds_type: parquet
    type:  # none: the columns input_ids, attention_mask and labels are trained as they are
    split: train
dataset_prepared_path: trained/prepared
output_dir: trained

# Never below the longest row: longer ones are dropped or cut.
sequence_len: {manifest["max_length"]}
sample_packing: false
pad_to_sequence_len: false
train_on_inputs: true  # the labels say what is trained; there are no roles to mask

micro_batch_size: 8
gradient_accumulation_steps: 4
num_epochs: 1
learning_rate: 1.0e-5  # full fine-tuning; 1.0e-4 with `adapter: lora`
lr_scheduler: linear
warmup_ratio: 0.03
weight_decay: 0.0
optimizer: adamw_torch
bf16: auto
"""


def _llamafactory(manifest: Mapping[str, Any]) -> str:
    return f"""\
# Train on this artefact with LLaMA-Factory, from its directory:
#
#     codeblock export . --format arrow
#     llamafactory-cli train recipes/llamafactory.yaml

{_model(manifest, "model_name_or_path")}
stage: sft
do_train: true
finetuning_type: full  # or lora

tokenized_path: arrow  # Arrow only; it is read, and then no option on data applies
dataset: identity  # any known name: it must be there, and is not read
template: empty  # not applied to tokenised data
cutoff_len: {manifest["max_length"]}
packing: false  # ignored for tokenised data

output_dir: trained
per_device_train_batch_size: 8
gradient_accumulation_steps: 4
num_train_epochs: 1.0
learning_rate: 1.0e-5
lr_scheduler_type: linear
warmup_ratio: 0.03
weight_decay: 0.0
bf16: true
"""


def _unsloth(manifest: Mapping[str, Any]) -> str:
    if _is_gguf(manifest):
        model = f"None  # full weights, as GGUF cannot be trained; the scores are of {manifest['model']!r}"
    else:
        model = repr(manifest["model"])
    return f'''\
"""Train on this artefact with Unsloth: python recipes/unsloth_lora.py"""

from pathlib import Path

from unsloth import FastLanguageModel  # before trl and transformers, which it changes

from datasets import load_dataset
from transformers import DataCollatorForSeq2Seq
from trl import SFTConfig, SFTTrainer

MODEL = {model}
LONGEST = {manifest["max_length"]}  # tokens of the longest row; a smaller limit would cut labels


def main() -> None:
    model, tokenizer = FastLanguageModel.from_pretrained(MODEL, max_seq_length=LONGEST, load_in_4bit=False)
    model = FastLanguageModel.get_peft_model(model, r=64, lora_alpha=16, lora_dropout=0.0)
    dataset = load_dataset(str(Path(__file__).resolve().parent.parent), split="train")
    args = SFTConfig(
        output_dir="trained",
        max_length=LONGEST,
        packing=False,
        dataset_kwargs={{"skip_prepare_dataset": True}},  # the rows are tokenised and labelled
        remove_unused_columns=False,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=4,
        num_train_epochs=1,
        learning_rate=1e-4,
        lr_scheduler_type="linear",
        warmup_steps=0.03,
        weight_decay=0.0,
    )
    # not train_on_responses_only, which would label every response token
    collator = DataCollatorForSeq2Seq(tokenizer)
    SFTTrainer(model=model, args=args, train_dataset=dataset, data_collator=collator, processing_class=tokenizer).train()


if __name__ == "__main__":
    main()
'''


def _automodel(manifest: Mapping[str, Any]) -> str:
    return f'''\
"""This artefact as a dataset of NeMo Automodel, which does not shift labels: here they are one place earlier.

In the YAML file of one of its fine-tuning recipes:

    dataset:
      _target_: /path/to/recipes/automodel.py:rows

Rows have up to {manifest["max_length"]} tokens; leave packing off, or make packs at least as long.
"""

from pathlib import Path

from datasets import load_dataset


def rows(**_):
    """Rows whose label at each position is that of the next token."""
    dataset = load_dataset(str(Path(__file__).resolve().parent.parent), split="train")
    return dataset.map(lambda row: {{"labels": [*row["labels"][1:], -100]}})
'''


def _accelerate(_: Mapping[str, Any]) -> str:
    return """\
# Several GPUs, each with all weights: accelerate launch --config_file recipes/accelerate.yaml -m codeblock train ...
# (or recipes/trainer.py, or trl sft through `trl sft --accelerate_config`)
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
mixed_precision: bf16
num_machines: 1
num_processes: 8
"""


def _fsdp2(_: Mapping[str, Any]) -> str:
    return """\
# Several GPUs that share the weights: accelerate launch --config_file recipes/accelerate_fsdp2.yaml -m codeblock train ...
compute_environment: LOCAL_MACHINE
distributed_type: FSDP
mixed_precision: bf16
num_machines: 1
num_processes: 8
fsdp_config:
  fsdp_version: 2
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_reshard_after_forward: true
  fsdp_state_dict_type: FULL_STATE_DICT
  fsdp_cpu_ram_efficient_loading: false  # what a model allows is probed before it is spread, so every process needs its weights
  fsdp_offload_params: false
"""


def _deepspeed(_: Mapping[str, Any]) -> str:
    return """\
# Several GPUs that share gradients and optimiser states: accelerate launch --config_file recipes/accelerate_deepspeed.yaml ...
# ZeRO-3 spreads weights in a way that `codeblock train` cannot use; FSDP2 takes its place.
compute_environment: LOCAL_MACHINE
distributed_type: DEEPSPEED
mixed_precision: bf16
num_machines: 1
num_processes: 8
deepspeed_config:
  zero_stage: 2
  offload_optimizer_device: none
  gradient_accumulation_steps: auto
  gradient_clipping: auto
"""


RECIPES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "trl.yaml": _trl,
    "trainer.py": _trainer,
    "axolotl.yaml": _axolotl,
    "llamafactory.yaml": _llamafactory,
    "unsloth_lora.py": _unsloth,
    "automodel.py": _automodel,
    "accelerate.yaml": _accelerate,
    "accelerate_fsdp2.yaml": _fsdp2,
    "accelerate_deepspeed.yaml": _deepspeed,
}
"""What renders each file in ``recipes/``."""
