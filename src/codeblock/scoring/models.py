"""Finding and loading a scoring model and its tokenizer.

Weights are read from safetensors or GGUF files only, never from pickles, and no code that a repository carries is run.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import platform
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from codeblock.errors import MissingExtraError, ModelError, nearest

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_WANTED = ["*.json", "*.jinja", "*.safetensors", "*.model", "*.txt"]
_UNWANTED = ["*/*", "consolidated*"]  # other frameworks' and duplicate weights
_SAMPLES, _SAMPLE_BYTES = 64, 1 << 16


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model lies on disk.

    Attributes:
        name: as the user gave it.
        directory: that holds its files.
        gguf: name of the GGUF file in `directory`; None for safetensors.
    """

    name: str
    directory: Path
    gguf: str | None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model is.

    Attributes:
        name: as the user gave it.
        fingerprint: hash of its files, see `fingerprint_files`.
        architecture: name of its class.
        parameters: how many there are, tied ones once.
        dtype: of the forward pass, e.g. ``float32``.
        device: where it runs, e.g. ``cpu``.
        context_length: tokens; None where the configuration names no limit.
    """

    name: str
    fingerprint: str
    architecture: str
    parameters: int
    dtype: str
    device: str
    context_length: int | None


def find_model(name: str) -> ModelFiles:
    """Locate a model; one that only has a hub id is downloaded into the hub's cache (or found there when offline).

    Args:
        name: a local directory, a GGUF file, or a hub id.

    Raises:
        ModelError: there is no such model, or it has no safetensors weights.
        MissingExtraError: a hub id is given and the hub's client is not installed.
    """
    path = Path(name).expanduser()
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(f"model {name!r} is a file that is no GGUF file; give its directory, a .gguf file or a hub id")
        return ModelFiles(name, path.resolve().parent, path.name)
    if path.is_dir():
        return _check_directory(ModelFiles(name, path.resolve(), None))
    looks_local = path.suffix == ".gguf" or name.startswith(("/", ".", "~")) or not _HUB_ID.fullmatch(name)
    if looks_local:
        raise ModelError(f"model {name!r} does not exist{_nearest_path(path)}")
    hub = require("huggingface_hub", "scoring a model")
    try:
        directory = hub.snapshot_download(name, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)
    except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError, OSError) as error:
        cause = str(error).strip().splitlines()[0]
        raise ModelError(
            f"model {name!r} is neither a local directory nor a GGUF file, and the hub does not give it{_nearest_path(path)} "
            f"({type(error).__name__}: {cause})"
        ) from None
    return _check_directory(ModelFiles(name, Path(directory), None))


def fingerprint_files(files: ModelFiles) -> str:
    """Return a sha256 that tells models apart without loading them.

    It covers names and sizes of the files, small files whole, and of large ones 64 samples of 64 KiB spread over the file:
    reading all weights would take minutes for large models, and no two checkpoints agree in all samples.
    """
    digest = hashlib.sha256()
    if files.gguf:
        paths = [files.directory / files.gguf]
    else:
        paths = sorted({p for pattern in _WANTED for p in files.directory.glob(pattern) if p.name != "README.md"})
    for path in paths:
        size = path.stat().st_size
        digest.update(f"{path.suffix if files.gguf else path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            if size <= _SAMPLES * _SAMPLE_BYTES:
                digest.update(file.read())
            else:
                for n in range(_SAMPLES):
                    file.seek((size - _SAMPLE_BYTES) * n // (_SAMPLES - 1))
                    digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def load_tokenizer(files: ModelFiles) -> Any:
    """Load a model's tokenizer.

    Raises:
        ModelError: its files cannot be read.
        MissingExtraError: transformers, or gguf for a GGUF file, is not installed.
    """
    transformers = require("transformers", "scoring a model")
    with _loading(files):
        return transformers.AutoTokenizer.from_pretrained(files.directory, trust_remote_code=False, **_gguf(files))


def load_model(
    files: ModelFiles, dtype: Literal["auto", "bfloat16", "float32"] = "auto", device: str | None = None
) -> tuple[Any, ModelInfo]:
    """Load a causal language model, frozen and in evaluation mode. GGUF weights are dequantized.

    Args:
        files: see `find_model`.
        dtype: of the weights and the forward pass; see `resolve_dtype`.
        device: see `resolve_device`.

    Raises:
        ModelError: the files cannot be read, or hold no causal language model.
        MissingExtraError: torch or transformers, or gguf for a GGUF file, is not installed.
    """
    torch = require("torch", "scoring a model")
    transformers = require("transformers", "scoring a model")
    device = resolve_device(device)
    resolved = resolve_dtype(dtype, device)
    options: dict[str, Any] = _gguf(files)
    if files.gguf:
        options["quantization_config"] = transformers.GgufConfig(gguf_file=files.gguf, dequantize=True)
    with _loading(files):
        model, report = transformers.AutoModelForCausalLM.from_pretrained(
            files.directory,
            dtype=getattr(torch, resolved),
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    # transformers would go on with random values
    if absent := sorted(report["missing_keys"]):
        raise ModelError(f"the files of model {files.name!r} lack {len(absent)} of its weights, e.g. {absent[0]}")
    model = model.to(device).eval().requires_grad_(False)
    info = ModelInfo(
        name=files.name,
        fingerprint=fingerprint_files(files),
        architecture=type(model).__name__,
        parameters=sum(p.numel() for p in model.parameters()),
        dtype=resolved,
        device=device,
        context_length=getattr(model.config.get_text_config(), "max_position_embeddings", None),
    )
    return model, info


def resolve_device(device: str | None) -> str:
    """Return `device`, or a GPU where there is one, else ``cpu``.

    Raises:
        ModelError: torch does not know the device, or does not see it.
    """
    torch = require("torch", "scoring a model")
    if device is None:
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        raise ModelError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from None
    return device


def resolve_dtype(dtype: Literal["auto", "bfloat16", "float32"], device: str) -> str:
    """Return the dtype, ``auto`` resolved: bfloat16 where the hardware multiplies it natively, else float32.

    Elsewhere bfloat16 is emulated: on a CPU with AVX2 alone a matrix product takes eight times as long as in float32.
    """
    if dtype != "auto":
        return dtype
    torch = require("torch", "scoring a model")
    if device.startswith("cuda"):
        native = torch.cuda.get_device_capability(device) >= (8, 0) or torch.version.hip is not None
    elif device == "cpu" and platform.machine() in ("x86_64", "AMD64"):
        # oneDNN also claims bfloat16 for AVX-512 without its bf16 extension, where it is no faster than float32
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    elif device == "cpu":
        native = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    else:
        native = False
    return "bfloat16" if native else "float32"


def require(library: str, purpose: str, extra: str = "score") -> Any:
    """Import a library of an extra.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise MissingExtraError(library, extra, purpose) from None


def _gguf(files: ModelFiles) -> dict[str, Any]:
    """Arguments of `from_pretrained` for a GGUF file."""
    if files.gguf is None:
        return {}
    for library in ("gguf", "accelerate"):
        require(library, "reading a GGUF file")
    return {"gguf_file": files.gguf}


def _check_directory(files: ModelFiles) -> ModelFiles:
    """Return `files` if the directory holds a model that can be read safely."""
    config = files.directory / "config.json"
    if not config.is_file():
        ggufs = sorted(p.name for p in files.directory.glob("*.gguf"))
        hint = f"; name one of its GGUF files: {', '.join(ggufs)}" if ggufs else ""
        raise ModelError(f"model {files.name!r} has no config.json{hint}")
    try:
        json.loads(config.read_bytes())
    except ValueError as error:
        raise ModelError(f"model {files.name!r} has a broken config.json: {error}") from None
    if not any(files.directory.glob("*.safetensors")):
        raise ModelError(
            f"model {files.name!r} has no safetensors weights; other formats can run code when read, so convert them"
        )
    return files


def _nearest_path(path: Path) -> str:
    """The most similar name beside a path that does not exist."""
    if not path.parent.is_dir():
        return ""
    return nearest(path.name, sorted(p.name for p in path.parent.iterdir() if p.is_dir() or p.suffix == ".gguf"))


@contextmanager
def _loading(files: ModelFiles) -> Generator[None]:
    """Turn what transformers raises while it reads files into `ModelError`, without its progress bars."""
    logging: Any = importlib.import_module("transformers.utils.logging")
    broken: type[Exception] = importlib.import_module("safetensors").SafetensorError
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    # this module's bar cannot be turned off, and would break into ours
    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils") if files.gguf else None
    bar = getattr(reader, "tqdm", None)
    if bar is not None:
        reader.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    except (OSError, ValueError, LookupError, RuntimeError, ImportError, broken) as error:
        raise ModelError(f"model {files.name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    finally:
        if bar is not None:
            reader.tqdm = bar
        if bars:
            logging.enable_progress_bar()
