"""Today's trainers, built over an artefact as its recipes build them, around a tiny random model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codeblock.errors import StoreError

VOCABULARY = 509
"""Size of the stand-in model's vocabulary. Ids are folded into it (modulo), so that its logits stay small."""


@dataclass(frozen=True, slots=True)
class TrainerSpec:
    """One trainer that can be checked.

    Attributes:
        title: what it is, in an error message.
        libraries: what must be installed, the trainer's own first.
        build: (artefact, model, scratch directory) -> a ``transformers.Trainer``.
    """

    title: str
    libraries: tuple[str, ...]
    build: Callable[[Path, Any, Path], Any]


_RECIPE_KEYS = (
    "max_length",
    "truncation_mode",
    "packing_strategy",
    "shuffle_dataset",
    "dataset_kwargs",
    "completion_only_loss",
    "assistant_only_loss",
    "loss_type",
    "label_smoothing_factor",
    "remove_unused_columns",
    "dataloader_drop_last",
    "seed",
)
"""Settings of TRL that can change which labels are trained, or how; the recipe's other settings do not matter here."""


def stand_in(longest: int) -> Any:
    """A one-layer random model. Its weights are large, so that each token has a loss of its own.

    Args:
        longest: tokens of the longest sequence.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=longest,
        initializer_range=0.5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(config)


@contextmanager
def quiet() -> Generator[None]:
    """Hide the progress bars and deprecations that trainers print while they are built."""
    import datasets

    hidden = datasets.utils.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if not hidden:
            datasets.enable_progress_bars()


def _pad_tokenizer() -> Any:
    """All that trainers need of a tokenizer over tokenised data: a padding token, here id 0."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(WordLevel({"<pad>": 0}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<pad>")


def _dataset(directory: Path, scratch: Path) -> Any:
    """Load the artefact as recipes do, through its card, but never from a cache."""
    from datasets import load_dataset

    return load_dataset(str(directory.resolve()), split="train", cache_dir=str(scratch / "cache"))


def _arguments(scratch: Path) -> dict[str, Any]:
    """Settings that have nothing to do with labels, for a run on the CPU that saves nothing."""
    return {
        "output_dir": str(scratch / "out"),
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 2,
        "report_to": "none",
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


def _trl(directory: Path, model: Any, scratch: Path, *, packing: bool) -> Any:
    """TRL's trainer with the settings of ``recipes/trl.yaml``, as it is now, whoever edited it."""
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    path = directory / "recipes" / "trl.yaml"
    try:
        recipe = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise StoreError(f"{path} is missing, so it is unknown how TRL would train this artefact") from None
    except yaml.YAMLError as error:
        raise StoreError(f"{path} is not YAML: {error}") from None
    settings = {key: recipe[key] for key in _RECIPE_KEYS if key in recipe}
    if packing and settings.get("max_length", 0) is None:  # "do not cut"; packs need a size, and the longest row is one
        settings["max_length"] = model.config.max_position_embeddings
    args = SFTConfig(**settings, **_arguments(scratch), packing=packing)
    return SFTTrainer(model=model, args=args, train_dataset=_dataset(directory, scratch), processing_class=_pad_tokenizer())


def _trl_padded(directory: Path, model: Any, scratch: Path) -> Any:
    return _trl(directory, model, scratch, packing=False)


def _trl_packed(directory: Path, model: Any, scratch: Path) -> Any:
    return _trl(directory, model, scratch, packing=True)


def _transformers(directory: Path, model: Any, scratch: Path) -> Any:
    """The plain trainer with the collator of ``recipes/trainer.py``."""
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    tokenizer = _pad_tokenizer()
    return Trainer(
        model=model,
        args=TrainingArguments(**_arguments(scratch)),
        train_dataset=_dataset(directory, scratch),
        data_collator=DataCollatorForSeq2Seq(tokenizer),
        processing_class=tokenizer,
    )


_PLAIN = ("transformers", "datasets", "torch")

TRAINERS: dict[str, TrainerSpec] = {
    "trl": TrainerSpec("TRL's SFTTrainer", ("trl", *_PLAIN), _trl_padded),
    "trl-packed": TrainerSpec("TRL's SFTTrainer with packing", ("trl", *_PLAIN), _trl_packed),
    "transformers": TrainerSpec("the plain Trainer of transformers", _PLAIN, _transformers),
}
"""The trainers that can be checked."""
