"""The settings of every stage, as frozen models; a recipe is a YAML file of them, and unknown keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codeblock.errors import UsageError, nearest


class Settings(BaseModel):
    """Base: immutable, no unknown keys, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ReadSettings(Settings):
    """How input files become samples."""

    format: str | None = Field(
        None,
        description="shape of the rows: messages, sharegpt, alpaca, query-response, prompt-completion or opencodeinstruct; "
        "detected when absent",
    )
    limit: int | None = Field(None, ge=1, description="read at most this many rows")
    shard_rows: int = Field(64, ge=1, description="rows per shard, the unit of resuming")
    max_line_bytes: int = Field(8 << 20, ge=1, description="a longer line is quarantined")
    max_quarantined: float = Field(
        0.01, ge=0, le=1, description="a larger share of unreadable rows (and more than 10) stops the run"
    )


class AnalyzeSettings(Settings):
    """How responses become items and a data-flow graph."""

    max_bytes: int = Field(1_000_000, ge=1, description="a longer response is rejected")
    seconds: float = Field(
        2.0, gt=0, description="processor time that a sample may hold a worker; its analysis gives up after three quarters"
    )
    workers: int | None = Field(None, ge=1, description="worker processes; as many as there are cores when absent")


class ScoreSettings(Settings):
    """How a frozen model scores the response tokens."""

    model: str = Field(description="hub id, local directory or GGUF file")
    dtype: Literal["auto", "bfloat16", "float32"] = Field(
        "auto", description="of the forward pass; log-probabilities are float32"
    )
    device: str | None = Field(None, description="torch device; a GPU where there is one when absent")
    max_length: int | None = Field(
        None, ge=2, description="tokens; longer samples are rejected, as those beyond the model's context are"
    )
    batch_tokens: int = Field(2048, ge=1, description="tokens per forward pass")


class SelectSettings(Settings):
    """Which tokens are supervised (METHOD E to J). Everything here can be changed with ``--reuse``."""

    strategy: str = Field("codeblock", description="codeblock, full, random-items, random-tokens, top-loss or token-cleaning")
    budget: float = Field(0.4, gt=0, description="of the response tokens: a fraction up to 1, a count above 1")
    scope: Literal["global", "sample"] = Field("global", description="what the budget is shared by")
    q: float = Field(0.7, ge=0, le=1, description="exponent of the generalised cross-entropy; 0 is plain cross-entropy")
    utility: Literal["mean", "sum", "top"] = Field("mean", description="how an item's core tokens are aggregated")
    top_m: int = Field(4, ge=1, description="tokens that utility `top` averages")
    core: Literal["logic", "all"] = Field("logic", description="which tokens of an item count for its utility")
    unit: Literal["item", "token"] = Field("item", description="what `codeblock` chooses: whole items, or single tokens of them")
    alpha: float = Field(0.5, ge=0, description="weight of reach")
    beta: float = Field(0.5, ge=0, description="weight of bridge")
    gate: bool = Field(True, description="let structure lift only items whose utility reaches tau")
    tau: float | None = Field(None, ge=0, description="gate threshold; the median utility of the response when absent")
    closure: bool = Field(True, description="take the enclosing headers of a chosen item too")
    prose_fraction: float = Field(0.2, ge=0, le=1, description="share of the budget for informative words")
    eos_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of samples with a supervised end of turn; default 0.25 with a chat template, 1 without or for `full`",
    )
    reference: str | None = Field(
        None, description="directory of a run whose model scored the same rows, for `token-cleaning` to compare with"
    )
    seed: int = Field(0, description="of every random choice")


class CurateSettings(Settings):
    """Which samples of a pool are kept (METHOD A)."""

    samples: float = Field(gt=0, description="samples to keep: a fraction of the usable ones up to 1, a count above 1")
    sample_strategy: str = Field(
        "codeblock", description="codeblock, random, longest, quality, scarcity, ds2-order, ifd or clam: which samples come first"
    )
    quality: str = Field(
        "heuristics",
        description="quality sources, the most important first, separated by commas: heuristics, tests, judge-min, judge-mean, "
        "gce-band, column:NAME",
    )
    missing: Literal["last", "drop"] = Field("last", description="what becomes of a sample without one of the quality values")
    quality_classes: int = Field(5, ge=1, description="classes that a numeric column is cut into, by quantiles")
    order: Literal["lexicographic", "weighted"] = Field(
        "lexicographic", description="scarcity decides inside quality classes, or a weighted sum of both does"
    )
    quality_weight: float = Field(0.5, ge=0, le=1, description="weight of quality in the weighted order")
    gce_low: float = Field(0.1, ge=0, le=1, description="quantile of the mean GCE at which the band of `gce-band` begins")
    gce_high: float = Field(0.9, ge=0, le=1, description="quantile at which it ends")
    embedder: str = Field(
        "wordllama", description="what scarcity compares samples by: wordllama, tfidf or sentence-transformers:MODEL"
    )
    embeddings: str | None = Field(None, description="use these vectors instead: a .npy file, one row per readable row")
    neighbours: int = Field(10, ge=1, description="nearest neighbours whose mean distance is the scarcity")
    exact_up_to: int = Field(200_000, ge=1, description="pool size up to which neighbours are exact; approximate above")
    near_duplicate: float = Field(
        0.8, gt=0, le=1, description="similarity (Jaccard, of token 3-grams) from which a sample is a near-duplicate"
    )
    benchmarks: str | None = Field(
        None, description="drop samples that hold a task of these, separated by commas: humaneval, or files of tasks"
    )
    overlap: float = Field(0.3, gt=0, le=1, description="share of a task's 10-grams from which a sample holds it")
    weights: str | None = Field(None, description="shares of the sources in what is kept: SOURCE=WEIGHT,...")
    clusters: int | None = Field(None, ge=1, description="clusters of `clam`; the root of half the pool's size when absent")
    clam: Literal["diversity", "density"] = Field("diversity", description="what `clam` thins its clusters by")
    sample_seed: int = Field(0, ge=-(2**63), lt=2**63, description="of the random strategy")
    pool_shard_rows: int = Field(256, ge=1, description="rows per shard of the pool, the unit of resuming")


class CurateRecipe(Settings):
    """One run of ``codeblock curate``, as written to ``recipe.yaml`` beside its results."""

    data: tuple[str, ...] = Field(min_length=1, description="input files, directories, globs or hub ids")
    out: str = Field(description="directory of the results")
    read: ReadSettings = ReadSettings()  # pyright: ignore[reportCallIssue]
    analyze: AnalyzeSettings = AnalyzeSettings()  # pyright: ignore[reportCallIssue]
    curate: CurateSettings
    score: ScoreSettings | None = None


class TrainSettings(Settings):
    """How a model is trained on an artefact (METHOD K)."""

    tuning: Literal["full", "lora"] = Field("full", description="all weights, or adapters")
    lora_rank: int = Field(64, ge=1, description="of the adapters")
    lora_alpha: float = Field(16, gt=0, description="their scale is alpha / rank")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="on their inputs")
    lora_targets: str = Field(
        "all-linear", description="layers with adapters, by name with commas between; all-linear is all but the head"
    )
    epochs: float = Field(1.0, gt=0, description="passes over the data")
    max_steps: int | None = Field(None, ge=1, description="optimiser steps, whatever the epochs")
    batch_size: int = Field(8, ge=1, description="rows per process and forward pass")
    accumulation: int = Field(4, ge=1, description="forward passes per optimiser step")
    learning_rate: float | None = Field(None, gt=0, description="default 1e-5 in full, 1e-4 with LoRA")
    schedule: str = Field("linear", description="of the learning rate, by its name in transformers")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of the steps in which the rate rises")
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    max_grad_norm: float = Field(1.0, gt=0, description="longer gradients are shortened to this")
    max_length: int | None = Field(
        None, ge=2, description="tokens; rows are cut there, and dropped if nothing supervised is left"
    )
    weights: Literal["equal", "priority"] = Field(
        "equal",
        description="of the supervised tokens in the loss; priority: that of the token's item, 1 on average and for others",
    )
    dtype: Literal["auto", "bfloat16", "float32"] = Field(
        "auto", description="of the computation; weights that are trained are float32"
    )
    gradient_checkpointing: bool = Field(False, description="compute activations twice instead of keeping them")
    save_steps: int = Field(200, ge=1, description="steps between checkpoints, from which the same command resumes")
    log_steps: int = Field(1, ge=1, description="steps between log entries")
    eval_rows: int = Field(64, ge=0, description="rows whose loss is told before and after training")
    check_tokenizer: bool = Field(True, description="refuse a model whose tokenizer or chat template is not the artefact's")
    report_to: str = Field("none", description="tensorboard, wandb, ...: what transformers reports to")
    seed: int = Field(0, description="of the order of the rows, dropout and new adapters")


class SavingsSettings(Settings):
    """What a training step does not compute. All but the live window leave loss and gradients unchanged."""

    head: bool = Field(True, description="LM head and cross-entropy at supervised positions only")
    truncate: bool = Field(True, description="compute nothing after a sample's last supervised token")
    prune: bool = Field(True, description="in the last layer, only keys and values at unsupervised positions")
    pack: bool = Field(True, description="samples in one row, without padding")
    live_window: int | None = Field(
        None,
        ge=0,
        description="an approximation: unsupervised tokens keep their gradient only if a token predicted at most this many "
        "places later is supervised; 0 detaches all of the context",
    )


class Recipe(Settings):
    """One run of ``codeblock select``, as written to ``recipe.yaml`` beside its results."""

    data: tuple[str, ...] = Field(min_length=1, description="input files, directories, globs or hub ids")
    out: str = Field(description="directory of the results")
    read: ReadSettings = ReadSettings()  # pyright: ignore[reportCallIssue]
    curate: CurateSettings | None = None
    analyze: AnalyzeSettings = AnalyzeSettings()  # pyright: ignore[reportCallIssue]
    score: ScoreSettings
    select: SelectSettings = SelectSettings()  # pyright: ignore[reportCallIssue]


class TrainRecipe(Settings):
    """One run of ``codeblock train``, as written to ``train.yaml`` beside the trained model."""

    data: str = Field(description="directory of an artefact")
    out: str = Field(description="directory of the trained model")
    model: str | None = Field(None, description="hub id, directory or GGUF file; the one that scored the artefact when absent")
    train: TrainSettings = TrainSettings()  # pyright: ignore[reportCallIssue]
    savings: SavingsSettings = SavingsSettings()  # pyright: ignore[reportCallIssue]


PRESETS: dict[str, dict[str, Any]] = {
    # the recipe of the research group's public code (METHOD K)
    "paper": {
        "tuning": "lora",
        "lora_rank": 64,
        "lora_alpha": 16,
        "lora_dropout": 0.1,
        "learning_rate": 1e-4,
        "schedule": "linear",
        "warmup": 0.03,
        "weight_decay": 0.0,
        "max_length": 2048,
        "dtype": "bfloat16",
        "epochs": 1.0,
    },
    # a few minutes on a laptop, to see the loss fall
    "quick": {"max_steps": 20, "batch_size": 4, "accumulation": 1, "learning_rate": 2e-5, "eval_rows": 32},
}
"""Values of `TrainSettings` by the name of a preset."""


_WHERE = {
    "data": ": name the input files on the command line, or as `data:` in a recipe",
    "out": ": say where the results go with --out, or as `out:` in a recipe",
    "score": ": say which model scores the tokens with --model, or as `score: {model: ...}` in a recipe",
    "curate": ": say how many samples to keep with --samples, or as `curate: {samples: ...}` in a recipe",
    "curate.samples": ": say how many samples to keep with --samples, or as `curate: {samples: ...}` in a recipe",
    "score.model": ": say which model scores the tokens with --model, or as `score: {model: ...}` in a recipe",
}


def load_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe file as nested plain values, without checking its keys (see `build_recipe`).

    Raises:
        UsageError: the file is missing, or is no YAML mapping.
    """
    try:
        loaded = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"recipe {path} does not exist") from None
    except OSError as error:
        raise UsageError(f"cannot read recipe {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"recipe {path} is not YAML: {error}") from None
    if not isinstance(loaded, dict):
        raise UsageError(f"recipe {path} holds {type(loaded).__name__}, not a mapping of settings")
    return loaded


_Recipe = TypeVar("_Recipe", Recipe, CurateRecipe, TrainRecipe)


def build_recipe(values: dict[str, Any], kind: type[_Recipe] = Recipe) -> _Recipe:
    """Check nested plain values and return the recipe.

    Raises:
        UsageError: with every fault at once, and the nearest valid name for each unknown key.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UsageError("\n".join(_explain(e, kind) for e in error.errors())) from None


def build_train_recipe(values: dict[str, Any], preset: str | None = None) -> TrainRecipe:
    """Check nested plain values and return the recipe of a training run.

    Args:
        values: of a recipe file and flags.
        preset: name in `PRESETS`; `values` win over its settings.

    Raises:
        UsageError: with every fault at once, and the nearest valid name for each unknown key.
    """
    if preset is not None:
        if preset not in PRESETS:
            raise UsageError(f"unknown preset {preset!r}{nearest(preset, PRESETS)} (known: {', '.join(PRESETS)})")
        given = values.get("train", {})
        values = values | {"train": PRESETS[preset] | given if isinstance(given, dict) else given}
    return build_recipe(values, TrainRecipe)


def _explain(error: Any, kind: type[Settings]) -> str:
    """One line for one fault that pydantic found."""
    path = [str(p) for p in error["loc"]]
    name = ".".join(path)
    if error["type"] == "extra_forbidden":
        known = _settings_at(path[:-1], kind).model_fields
        return f"unknown setting {name!r}{nearest(path[-1], known)} (known: {', '.join(known)})"
    if error["type"] == "missing":
        return f"missing setting {name!r}{_WHERE.get(name, '')}"
    return f"setting {name!r} is {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _settings_at(path: list[str], here: type[Settings]) -> type[Settings]:
    """The settings class that a path of keys leads to."""
    for key in path:
        annotation = here.model_fields[key].annotation
        for one in get_args(annotation) or (annotation,):
            if isinstance(one, type) and issubclass(one, Settings):
                here = one
    return here
