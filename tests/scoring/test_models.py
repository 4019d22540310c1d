import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from codeblock.errors import MissingExtraError, ModelError
from codeblock.scoring.models import (
    ModelFiles,
    find_model,
    fingerprint_files,
    load_model,
    load_tokenizer,
    require,
    resolve_device,
    resolve_dtype,
)
from tests.scoring.build import tiny, tokenizer


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def message(name: str) -> str:
    with pytest.raises(ModelError) as caught:
        find_model(name)
    return str(caught.value)


def test_a_directory_is_loaded_frozen(saved: Path) -> None:
    files = find_model(str(saved))
    assert files == ModelFiles(str(saved), saved, None)
    model, info = load_model(files, "float32", "cpu")
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert (info.name, info.architecture, info.dtype, info.device) == (str(saved), "LlamaForCausalLM", "float32", "cpu")
    assert info.context_length == 128
    assert info.parameters == sum(p.numel() for p in tiny("llama", vocab_size=512).parameters())
    assert load_model(files, "bfloat16", "cpu")[0].dtype == torch.bfloat16
    loaded = load_tokenizer(files)
    assert loaded("def add")["input_ids"] == tokenizer()("def add")["input_ids"]
    assert loaded.chat_template == tokenizer().chat_template


def test_fingerprints_follow_the_content_not_the_place(saved: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(saved, tmp_path / "copy"))
    before = fingerprint_files(find_model(str(saved)))
    assert fingerprint_files(find_model(str(copied))) == before
    (copied / "README.md").write_text("no part of the model")
    assert fingerprint_files(find_model(str(copied))) == before
    weights = copied / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert fingerprint_files(find_model(str(copied))) != before


def test_large_files_are_sampled_to_their_end(tmp_path: Path) -> None:
    large = tmp_path / "large.gguf"
    large.write_bytes(bytes(5 << 20))
    before = fingerprint_files(find_model(str(large)))
    renamed = large.rename(tmp_path / "other.gguf")
    assert fingerprint_files(find_model(str(renamed))) == before
    with renamed.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert fingerprint_files(find_model(str(renamed))) != before


def test_a_missing_path_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "SmolLM2-135M").mkdir()
    (tmp_path / "qwen.gguf").touch()
    assert message(f"{tmp_path}/SmolLM-135M") == f"model '{tmp_path}/SmolLM-135M' does not exist; did you mean 'SmolLM2-135M'?"
    assert message(f"{tmp_path}/qven.gguf") == f"model '{tmp_path}/qven.gguf' does not exist; did you mean 'qwen.gguf'?"
    assert message("no such model") == "model 'no such model' does not exist"


@pytest.mark.usefixtures("offline")
def test_a_hub_id_that_cannot_be_had() -> None:
    said = message("HuggingFaceTB/SmolLM2-135M")
    assert said.startswith(
        "model 'HuggingFaceTB/SmolLM2-135M' is neither a local directory nor a GGUF file, and the hub does not give it ("
    )
    assert "\n" not in said


def test_other_files_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.touch()
    assert message(str(path)) == f"model '{path}' is a file that is no GGUF file; give its directory, a .gguf file or a hub id"


def test_a_directory_without_model(tmp_path: Path) -> None:
    assert message(str(tmp_path)) == f"model '{tmp_path}' has no config.json"
    (tmp_path / "a.gguf").touch()
    assert message(str(tmp_path)) == f"model '{tmp_path}' has no config.json; name one of its GGUF files: a.gguf"
    (tmp_path / "config.json").write_text("{")
    assert message(str(tmp_path)).startswith(f"model '{tmp_path}' has a broken config.json: Expecting property name")


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").touch()
    assert message(str(tmp_path)) == (
        f"model '{tmp_path}' has no safetensors weights; other formats can run code when read, so convert them"
    )


def test_code_in_a_repository_is_not_run(saved: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(saved, tmp_path / "copy"))
    config = json.loads((path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (path / "config.json").write_text(json.dumps(config))
    (path / "own.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(ModelError, match=rf"^model '{path}' cannot be loaded: ValueError: "):
        load_model(find_model(str(path)), "float32", "cpu")


def test_broken_weights_are_a_model_error(saved: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(saved, tmp_path / "copy"))
    (path / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(ModelError, match=rf"^model '{path}' cannot be loaded: "):
        load_model(find_model(str(path)), "float32", "cpu")


def test_missing_weights_are_not_made_up(saved: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(saved, tmp_path / "copy"))
    weights = load_file(path / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"^the files of model '{path}' lack 1 of its weights, e\.g\. model\.norm\.weight$"):
        load_model(find_model(str(path)), "float32", "cpu")


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ModelError, match=r"^device 'warp' cannot be used: "):
        resolve_device("warp")


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_taken_where_it_is_native(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert resolve_dtype("auto", "cpu") == ("bfloat16" if native else "float32")
    assert resolve_dtype("bfloat16", "cpu") == "bfloat16"
    assert resolve_dtype("float32", "cpu") == "float32"


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str, *_: Any) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtraError) as caught:
        require("torch", "scoring a model")
    assert str(caught.value) == "scoring a model needs torch, which is not installed: pip install 'codeblock-sft[score]'"


def test_a_library_with_a_broken_dependency_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:

    def broken(name: str, *_: Any) -> Any:
        raise ModuleNotFoundError("No module named 'sympy'", name="sympy")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="sympy"):
        require("torch", "scoring a model")
