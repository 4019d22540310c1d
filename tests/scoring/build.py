"""Tokenizers trained on a few lines, and tiny models with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from codeblock.spans import ByteSpan
from codeblock.types import Message, RenderedSample, Sample

CORPUS = [
    "def add(a, b):\n    return a + b\n\nfor i in range(10):\n    print(i, add(i, 1))\n",
    "Here is the answer:   the class counts    words,  naïve but quick.\n\n\n\treturn x\n",
    "import re\n\nclass Words:\n        pass  # höhe 漢字\n",
] * 3  # fmt: skip

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

Family = Callable[[], Tokenizer]


def _byte_level(pre_tokenizer: Any, trim_offsets: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    return tokenizer


def trimmed() -> Tokenizer:
    return _byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), trim_offsets=True)


def untrimmed() -> Tokenizer:
    words = pre_tokenizers.Split(Regex(r"\p{N}{1,3}|\p{L}+| ?[^\s\p{L}\p{N}]+|\s*\n|\s+"), "isolated")
    split = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return _byte_level(split, trim_offsets=False)


def prefixed() -> Tokenizer:
    return _byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), trim_offsets=False)


def _sentencepiece(normalizer: Any, pre_tokenizer: Any, last: list[Any]) -> Tokenizer:
    """A BPE with a token for each byte that no other token covers."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    if normalizer is not None:
        trained.normalizer = normalizer
    trained.pre_tokenizer = pre_tokenizer or pre_tokenizers.Split("\u2581", "merged_with_next")
    trained.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False))
    spec = json.loads(trained.to_str())["model"]
    vocabulary = dict(spec["vocab"])
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    merges = [tuple(m) for m in spec["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence([*last, decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


_REPLACE_BACK = decoders.Replace("\u2581", " ")


def llama2() -> Tokenizer:
    normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    return _sentencepiece(normalizer, None, [_REPLACE_BACK])


def gemma() -> Tokenizer:
    return _sentencepiece(normalizers.Replace(" ", "\u2581"), None, [_REPLACE_BACK])


def metaspace_first() -> Tokenizer:
    return _sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), [decoders.Metaspace()])


def metaspace_always() -> Tokenizer:
    return _sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="always", split=True), [_REPLACE_BACK])


FAMILIES: dict[str, Family] = {
    f.__name__: f for f in (trimmed, untrimmed, prefixed, llama2, gemma, metaspace_first, metaspace_always)
}


@cache
def tokenizer(family: str = "trimmed", template: str | None = CHATML) -> PreTrainedTokenizerFast:
    """A tokenizer with special tokens, one of which swallows the white space after it, as in Phi 3."""
    backend = FAMILIES[family]()
    backend.add_special_tokens(["<s>", "</s>", "<|im_start|>", "<|im_end|>", AddedToken("<|end|>", rstrip=True, special=True)])
    backend.add_tokens([AddedToken("<|left|>", lstrip=True, normalized=False)])
    made = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="<|im_end|>")
    made.chat_template = template
    return made


def chat(*turns: str, system: str | None = None) -> Sample:
    """User and assistant in turn."""
    messages = [Message("system", system)] if system is not None else []
    messages += [Message(("user", "assistant")[n % 2], text) for n, text in enumerate(turns)]
    return Sample("a", tuple(messages))


def rendered(ids: np.ndarray, *responses: tuple[int, int]) -> RenderedSample:
    """A sample whose tokens are one byte long each, with responses given in tokens."""
    return RenderedSample(
        text="x" * len(ids),
        responses=tuple(ByteSpan(*r) for r in responses),
        stripped=(0,) * len(responses),
        input_ids=ids.astype(np.int32),
        token_starts=np.arange(len(ids) + 1, dtype=np.int32),
        end_of_turn=(),
    )


def tiny(architecture: str, **changes: Any) -> Any:
    """A model with two layers and random weights, large enough to make its scores differ by nats."""
    sizes = {
        "vocab_size": 97,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 128,
        "initializer_range": 0.3,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = AutoConfig.for_model(architecture, **(sizes | changes))
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):  # they begin as zeros
            parameter.normal_(std=0.3)
    return model
