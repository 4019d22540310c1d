"""The pitfalls of docs/trainers.md, each shown with the libraries that are installed."""

import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.scoring.build import chat, tokenizer

IDS, LABELS = [5, 6, 7, 8, 9], [-100, -100, 7, -100, 9]


def test_the_language_modeling_collator_labels_everything():
    from transformers import DataCollatorForLanguageModeling, DataCollatorForSeq2Seq

    features = [{"input_ids": IDS, "attention_mask": [1] * 5, "labels": LABELS}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tok = tokenizer()
        tok.pad_token = tok.eos_token
        assert DataCollatorForLanguageModeling(tok, mlm=False)(features)["labels"].tolist() == [IDS]
        assert DataCollatorForSeq2Seq(tok)(features)["labels"].tolist() == [LABELS]


def test_trl_cuts_at_1024_unless_told_otherwise(tmp_path: Path):
    from trl.trainer.sft_config import SFTConfig

    assert SFTConfig(str(tmp_path), use_cpu=True, bf16=False).max_length == 1024


def test_a_further_column_breaks_collators():
    from transformers import DataCollatorForSeq2Seq

    tok = tokenizer()
    tok.pad_token = tok.eos_token
    features = [{"input_ids": IDS[:n], "attention_mask": [1] * n, "labels": LABELS[:n], "id": str(n)} for n in (4, 5)]
    with pytest.raises(ValueError, match="Unable to create tensor"):
        DataCollatorForSeq2Seq(tok, return_tensors="pt")(features)


def test_a_template_without_generation_marks_masks_every_assistant_token():
    messages = [{"role": m.role, "content": m.content} for m in chat("Add.", "a + b").messages]
    made: Any = tokenizer().apply_chat_template(messages, return_assistant_tokens_mask=True, return_dict=True)
    assert len(made["assistant_masks"]) == len(made["input_ids"])
    assert sum(made["assistant_masks"]) == 0


def test_a_pack_without_any_target_has_a_loss_of_zero_in_trl():
    import torch
    from trl.trainer.utils import add_fused_lm_head

    from tests.scoring.build import tiny

    model = tiny("llama")
    add_fused_lm_head(model)
    loss = model(input_ids=torch.tensor([IDS]), labels=torch.full((1, 5), -100), fused_lm_head=True).loss
    assert loss.item() == 0.0


def test_the_plain_trainer_fills_up_the_last_batch_of_two_processes():
    from accelerate.data_loader import BatchSamplerShard
    from torch.utils.data import BatchSampler, SequentialSampler

    shards = [BatchSamplerShard(BatchSampler(SequentialSampler(range(5)), 2, False), 2, n) for n in range(2)]
    seen = [row for shard in shards for batch in shard for row in batch]
    assert sorted(seen) != list(range(5))
    assert set(seen) == set(range(5))


def test_the_page_names_these_tests():
    page = (ROOT / "docs/trainers.md").read_text()
    mine = [name for name, value in globals().items() if name.startswith("test_") and inspect.isfunction(value)]
    assert all(f"`{name}`" in page for name in mine if name != "test_the_page_names_these_tests")
