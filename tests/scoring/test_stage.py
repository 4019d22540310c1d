import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from codeblock.config import ScoreSettings
from codeblock.errors import AlignmentError, ModelError
from codeblock.schemas import SAMPLES, SCORES
from codeblock.scoring.gce import gce
from codeblock.scoring.models import find_model, load_tokenizer
from codeblock.scoring.stage import ScoreStage
from tests.scoring.build import CHATML, chat, tiny, tokenizer


def table(*conversations: tuple[str, ...], reasons: dict[int, str] | None = None) -> pa.Table:
    rows = [
        {
            "id": str(n),
            "reason": (reasons or {}).get(n),
            "messages": [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(turns)],
            "source": "s",
            "row": n,
            "extra": "{}",
        }
        for n, turns in enumerate(conversations)
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def settings(path: Path, **changes: Any) -> ScoreSettings:
    return ScoreSettings(model=str(path), device="cpu", **({"dtype": "float32"} | changes))


@pytest.fixture
def stage(saved: Path) -> ScoreStage:
    made = ScoreStage(settings(saved))
    made.setup()
    return made


def test_scores_equal_the_naive_ones(stage: ScoreStage, saved: Path) -> None:
    conversations = [("Add.", "def add(a, b):\n    return a + b"), ("é?", "  🙂 = 1\n", "And?", "x"), ("?", "pass")]
    scored = stage(table(*conversations))
    assert scored.schema == SCORES
    model, one = tiny("llama", vocab_size=512), load_tokenizer(find_model(str(saved)))
    for row, turns in zip(scored.to_pylist(), conversations, strict=True):
        messages = [{"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(turns)]
        assert row["input_ids"] == one.apply_chat_template(messages)["input_ids"]
        with torch.no_grad():
            log_p = model(input_ids=torch.tensor([row["input_ids"]])).logits[0].log_softmax(-1)
        wanted = [-log_p[t - 1, row["input_ids"][t]].item() for t in row["position"]]
        np.testing.assert_allclose(row["nll"], wanted, atol=1e-5 * max(wanted))
        for q in (0.2, 0.7, 1.0):
            naive = [(1 - np.exp(-v) ** q) / q for v in wanted]
            np.testing.assert_allclose(gce(np.array(row["nll"]), q), naive, rtol=0, atol=1e-5)
        answers = [a.encode() for a in turns[1::2]]
        pieces: list[bytes] = [b""] * len(answers)
        for response, start, end in zip(row["response"], row["start"], row["end"], strict=True):
            pieces[response] += answers[response][start:end]
        assert pieces == answers
        assert [row["input_ids"][t] for t in row["end_of_turn"]] == [one.eos_token_id] * len(answers)


def test_every_drop_has_its_reason(stage: ScoreStage) -> None:
    batch = table(("?", "x" * 500), ("?", ""), ("?", "x"), ("?", "y"), reasons={3: "duplicate"})
    scored = stage(batch)
    assert scored["id"].to_pylist() == ["0", "1", "2", "3"]
    assert scored["reason"].to_pylist() == ["longer_than_context", "no_response_tokens", None, "duplicate"]
    assert [nll is None for nll in scored["nll"].to_pylist()] == [True, True, False, True]


def test_a_batch_without_survivors(stage: ScoreStage) -> None:
    assert stage(table()).num_rows == 0
    assert stage(table(("?", ""))).to_pylist()[0]["reason"] == "no_response_tokens"


def test_the_limit_can_be_lowered(saved: Path) -> None:
    made = ScoreStage(settings(saved, max_length=20))
    made.setup()
    assert made(table(("?", "x " * 30), ("?", "x"))).column("reason").to_pylist()[0] == "longer_than_context"


def test_templates_that_refuse_drop_the_sample(saved: Path, tmp_path: Path) -> None:
    raising = "{% if messages | length > 2 %}{{ raise_exception('one turn only') }}{% endif %}"
    template = raising + CHATML.replace("m['content']", "m['content'].replace('a', 'b')")
    path = _copy(saved, tmp_path, template)
    made = ScoreStage(settings(path))
    made.setup()
    reasons = made(table(("?", "x", "?", "x"), ("?", "a"), ("?", "x")))["reason"].to_pylist()
    assert reasons == ["template_rejects_messages", "template_changes_response", None]


def test_scores_that_are_no_numbers_drop_the_sample(stage: ScoreStage) -> None:
    assert stage._scorer is not None
    one = stage.renderer.render(chat("?", "z")) if stage.renderer else None
    assert one is not None
    with torch.no_grad():
        stage._scorer._model.model.embed_tokens.weight[int(one.input_ids[one.end_of_turn[0] - 1])] = float("nan")
    reasons = stage(table(("?", "zz"), ("?", "x")))["reason"].to_pylist()
    assert reasons == ["scores_not_finite", None]


def test_a_pickled_stage_scores_alike(stage: ScoreStage, saved: Path) -> None:
    other: ScoreStage = pickle.loads(pickle.dumps(ScoreStage(settings(saved))))
    other.setup()
    batch = table(("?", "x = 1"), ("?", "def f(): pass"))
    assert other(batch).equals(stage(batch))


def test_fingerprint_needs_no_weights_and_tells_settings_apart(saved: Path) -> None:
    made = ScoreStage(settings(saved))
    prints = [
        made.fingerprint(),
        ScoreStage(settings(saved, dtype="bfloat16")).fingerprint(),
        ScoreStage(settings(saved, max_length=64)).fingerprint(),
        ScoreStage(settings(saved, batch_tokens=64)).fingerprint(),
    ]
    assert made.info is None
    assert len({repr(p) for p in prints}) == 4
    assert prints[0] == ScoreStage(settings(saved)).fingerprint()
    assert str(saved) not in repr(prints[0])


def test_a_vocabulary_that_does_not_fit(saved: Path, tmp_path: Path) -> None:
    path = _copy(saved, tmp_path, CHATML)
    tiny("llama", vocab_size=97).save_pretrained(path)
    with pytest.raises(ModelError, match=rf"^the tokenizer of '{path}' has \d+ tokens, its model only 97$"):
        ScoreStage(settings(path)).setup()


def test_a_tokenizer_that_cannot_be_aligned(saved: Path, tmp_path: Path) -> None:
    path = _copy(saved, tmp_path, CHATML)
    spec = json.loads((path / "tokenizer.json").read_text())
    spec["normalizer"] = {"type": "Lowercase"}
    (path / "tokenizer.json").write_text(json.dumps(spec))
    stage = ScoreStage(settings(path))
    stage.fingerprint()
    stage.setup()  # the probe is lower case, so this tokenizer changes some samples only
    assert stage(table(("?", "X"), ("?", "x")))["reason"].to_pylist() == ["tokenizer_alignment", None]
    spec["normalizer"] = {"type": "Replace", "pattern": {"String": "\n"}, "content": " "}
    (path / "tokenizer.json").write_text(json.dumps(spec))
    with pytest.raises(AlignmentError, match=r"^the tokenizer does not keep Python source as it is: token "):
        ScoreStage(settings(path)).setup()


def test_setup_comes_first(saved: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ScoreStage\.setup was not called"):
        ScoreStage(settings(saved))(table())


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["SmolLM2-135M-Instruct.Q4_1.gguf", "qwen2.5-coder-0.5b-instruct.gguf"])
def test_a_real_model_from_a_gguf_file(name: str) -> None:
    path = Path(os.environ.get("CODEBLOCK_MODELS", "~/.cache/codeblock/models")).expanduser() / name
    if not path.is_file():
        pytest.skip(f"no {name} in CODEBLOCK_MODELS or ~/.cache/codeblock/models")
    made = ScoreStage(settings(path))
    made.setup()
    assert made.renderer is not None
    assert made.renderer.is_chat
    assert made._scorer is not None
    assert made._scorer.packed
    good = "def add(a, b):\n    return a + b\n"
    bad = "def add(a, b):\n    violet a purple b\n"
    question = "Write a Python function that adds two numbers."
    rows = made(table((question, good), (question, bad), (question, good, "Again, please.", good))).to_pylist()
    assert [row["reason"] for row in rows] == [None] * 3
    for row in rows:
        with torch.no_grad():
            stage_model = made._scorer._model
            stage_model.set_attn_implementation("sdpa")
            log_p = stage_model(input_ids=torch.tensor([row["input_ids"]])).logits[0].float().log_softmax(-1)
        wanted = [-log_p[t - 1, row["input_ids"][t]].item() for t in row["position"]]
        np.testing.assert_allclose(row["nll"], wanted, atol=1e-3)
    means = [float(np.mean(row["nll"])) for row in rows]
    assert means[0] + 0.5 < means[1]
    repeated = [v for v, n in zip(rows[2]["nll"], rows[2]["response"], strict=True) if n == 1]
    assert np.mean(repeated) < means[0]


def _copy(saved: Path, tmp_path: Path, template: str) -> Path:
    """The tiny model with another chat template."""
    path = Path(shutil.copytree(saved, tmp_path / "copy"))
    one = tokenizer()
    own, one.chat_template = one.chat_template, template
    one.save_pretrained(path)
    one.chat_template = own
    return path
