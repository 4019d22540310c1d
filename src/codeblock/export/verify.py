"""Whether trainers really train the tokens that an artefact says they train.

The files are compared with the manifest; then each trainer's own data loader is built over the artefact, as its recipe does, and
every label it yields is compared with the artefact's. The loss of the first optimiser step is compared with a plain
cross-entropy, sequence by sequence, which also shows labels changed on the way to the loss, a wrong mean, and packed sequences
that see each other.

Not seen: the user's model and tokenizer (a tiny random model stands in; tokens are not read again), more than one process, and
collators or losses of the user's own.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from codeblock.errors import DataError, MissingExtraError, StoreError, UsageError, nearest
from codeblock.export.labels import IGNORED, label_columns, labels_hash
from codeblock.export.tables import TRAIN
from codeblock.export.trainers import TRAINERS, VOCABULARY, TrainerSpec, quiet, stand_in
from codeblock.schemas import list_values
from codeblock.types import Int32

ARTEFACT = "artefact"
"""Name of the report on the files themselves."""

_NEEDED = {"files", "labels_sha256", "max_length", "rows"}  # of a manifest
_CHUNK = 1024  # rows read at a time
_SHOWN = 5  # differences that are told in words
_STEP = 2  # batches of the optimiser step whose loss is compared
_TOLERANCE = 1e-4  # relative, of a float32 and a float64 loss; one label more or less among thousands shifts the mean further


@dataclass(frozen=True, slots=True)
class TrainerReport:
    """What one trainer would train.

    Attributes:
        name: key in `TRAINERS`, or ``artefact`` for the files themselves.
        versions: of the libraries checked, by name.
        rows: sequences that reached the trainer.
        trained_tokens: tokens that carry loss.
        masked_tokens: tokens that do not, padding left out.
        loss: of the first optimiser step, as the trainer computes it; None for the artefact.
        expected_loss: the same from the artefact's labels with plain cross-entropy.
        differences: the first few differences from the artefact, in words.
        difference_count: how many there are in all.
        skipped: why the trainer was not checked, with the remedy; None if it was.
    """

    name: str
    versions: dict[str, str] = field(default_factory=dict[str, str])
    rows: int = 0
    trained_tokens: int = 0
    masked_tokens: int = 0
    loss: float | None = None
    expected_loss: float | None = None
    differences: tuple[str, ...] = ()
    difference_count: int = 0
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """One sequence, and the labels that its tokens are trained on."""

    input_ids: Int32
    labels: Int32


def verify(
    directory: Path, trainers: Iterable[str] | None = None, on_start: Callable[[str], None] | None = None
) -> list[TrainerReport]:
    """Compare an artefact with its manifest, and what each trainer would train with the artefact.

    Args:
        directory: of the artefact.
        trainers: names in `TRAINERS`; all when None, and those that are not installed are reported as skipped.
        on_start: called with the name of each check before it begins.

    Returns:
        The report on the files, then one per trainer. All is well when every `difference_count` is 0.

    Raises:
        UsageError: a trainer is unknown.
        MissingExtraError: a trainer that was asked for by name is not installed.
        StoreError: the directory is no finished artefact.
        DataError: the artefact has no rows.
    """
    names = list(TRAINERS) if trainers is None else list(trainers)
    for name in names:
        if name not in TRAINERS:
            raise UsageError(f"unknown trainer {name!r}{nearest(name, TRAINERS)} (known: {', '.join(TRAINERS)})")
    missing = {name: error for name in names if (error := _missing(TRAINERS[name])) is not None}
    if trainers is not None and missing:
        raise next(iter(missing.values()))

    manifest = _read_manifest(directory)
    announce = on_start or _nothing
    announce(ARTEFACT)
    damage = _check_shards(directory, manifest)
    reports = [_check_artefact(directory, manifest, damage)]
    for name in names:
        if name in missing:
            reports.append(TrainerReport(name, skipped=str(missing[name])))
        elif damage:
            reports.append(TrainerReport(name, skipped="the artefact cannot be loaded"))
        else:
            announce(name)
            reports.append(_check_trainer(name, directory, manifest))
    return reports


def _nothing(name: str) -> None:
    """Announce to nobody."""


def _missing(trainer: TrainerSpec) -> MissingExtraError | None:
    """The error for the first library of a trainer that is not installed."""
    for library in trainer.libraries:
        if importlib.util.find_spec(library) is None:
            return MissingExtraError(library, "train", f"verifying {trainer.title}")
    return None


# ---------------------------------------------------------------------------------------------------- the artefact itself


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        if not (isinstance(manifest, dict) and manifest.keys() >= _NEEDED):
            raise StoreError(f"{path} is not the manifest of an artefact: it must have {', '.join(sorted(_NEEDED))}")
        return manifest
    except FileNotFoundError:
        raise StoreError(
            f"{directory} is no finished artefact: manifest.json is missing; run `codeblock select` to its end"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} is not JSON: {error}") from None


def _shards(directory: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """The data files that are there, in the order in which the label hash takes them."""
    return [path for name in manifest["files"] if name.startswith("data/") and (path := directory / name).is_file()]


def _check_shards(directory: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Why the data cannot be loaded as an artefact's: damage, other columns, or no card that says which files are data."""
    faults: list[str] = []
    if not (directory / "README.md").is_file():
        faults.append("README.md is missing, whose header tells `load_dataset` which files are data")
    for path in _shards(directory, manifest):
        name = path.relative_to(directory)
        try:
            with pq.ParquetFile(path) as file:
                columns = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True))
                if columns != dict(zip(TRAIN.names, TRAIN.types, strict=True)):
                    shown = ", ".join(f"{column} {kind}" for column, kind in columns.items())
                    faults.append(f"{name} has the columns {shown}; it must have {', '.join(TRAIN.names)} as lists and no others")
                    continue
                groups = range(file.num_row_groups)
                if any(file.metadata.row_group(group).num_rows == 0 for group in groups):
                    faults.append(f"{name} has a row group without rows, which `datasets` cannot load")
                for batch in file.iter_batches(_CHUNK):
                    offsets, (_, mask, _) = zip(*map(list_values, batch.columns), strict=True)
                    if not (np.array_equal(offsets[0], offsets[1]) and np.array_equal(offsets[0], offsets[2])):
                        faults.append(f"{name} has rows whose columns differ in length")
                    elif not np.all(mask == 1):
                        faults.append(f"{name} has rows whose attention_mask is not 1 throughout")
        except (pa.ArrowException, OSError) as error:
            faults.append(f"{name} is not readable Parquet: {error}")
    return faults


def _check_artefact(directory: Path, manifest: Mapping[str, Any], damage: list[str]) -> TrainerReport:
    """Compare files, rows and labels with the manifest, and each row with what METHOD J promises."""
    files: Mapping[str, Mapping[str, Any]] = manifest["files"]
    faults = [fault for name, facts in files.items() if (fault := _check_file(directory / name, name, facts))]
    present = (path.relative_to(directory).as_posix() for path in sorted(directory.glob("data/*.parquet")))
    faults += [f"{name} is not in the manifest" for name in present if name not in files]
    faults += damage
    rows = trained = tokens = more = 0
    if not damage:
        for where, row in _read_rows(directory, manifest):
            for fault in _check_row(row):
                if len(faults) < _SHOWN:
                    faults.append(f"{where}: {fault}")
                else:
                    more += 1
            rows += 1
            tokens += len(row.input_ids)
            trained += int(np.count_nonzero(row.labels != IGNORED))
        found = {"rows": rows, "labels_sha256": labels_hash(label_columns(_shards(directory, manifest)))}
        faults += [f"{k} of the data is {v}, the manifest says {manifest[k]}" for k, v in found.items() if v != manifest[k]]
    return TrainerReport(
        ARTEFACT,
        versions={"pyarrow": pa.__version__},
        rows=rows,
        trained_tokens=trained,
        masked_tokens=tokens - trained,
        differences=tuple(faults[:_SHOWN]),
        difference_count=len(faults) + more,
    )


def _check_file(path: Path, name: str, facts: Mapping[str, Any]) -> str | None:
    if not path.is_file():
        return f"{name} is missing"
    if (size := path.stat().st_size) != facts["size"]:
        return f"{name} has {size} bytes, the manifest says {facts['size']}"
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != facts["sha256"]:
            return f"{name} is not the file that was written: its sha256 differs from the manifest's"
    return None


def _check_row(row: _Row) -> list[str]:
    """Faults of one row: its labels are its own tokens, at least one, never the first."""
    faults: list[str] = []
    trained = row.labels != IGNORED
    if not trained.any():
        faults.append("no token is trained")
    elif trained[0]:
        faults.append("the first token is trained, but nothing precedes it")
    changed = np.flatnonzero(trained & (row.labels != row.input_ids))
    if len(changed):
        at = int(changed[0])
        faults.append(f"position {at} is trained on {row.labels[at]}, but its token is {row.input_ids[at]}")
    return faults


def _read_rows(directory: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, _Row]]:
    """Stream the rows, each with its place in words."""
    for path in _shards(directory, manifest):
        number = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_CHUNK, columns=["input_ids", "labels"]):
                id_offsets, ids = list_values(batch.column("input_ids"))
                label_offsets, labels = list_values(batch.column("labels"))
                for i in range(batch.num_rows):
                    row = _Row(ids[id_offsets[i] : id_offsets[i + 1]], labels[label_offsets[i] : label_offsets[i + 1]])
                    yield f"{path.relative_to(directory)} row {number}", row
                    number += 1


# ------------------------------------------------------------------------------------------------------------ one trainer


def _check_trainer(name: str, directory: Path, manifest: Mapping[str, Any]) -> TrainerReport:
    """Drive one trainer's data loader over the artefact, and its loss over the first batch."""
    spec = TRAINERS[name]
    rest = Counter(_key(row) for _, row in _read_rows(directory, manifest))  # rows of the artefact that were not seen yet
    if not rest:
        raise DataError(f"{directory}: the artefact has no rows, so there is nothing to train")
    unknown: list[_Row] = []  # what the trainer trains and the artefact does not have; the first few
    rows = unknown_count = trained = masked = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, quiet():
        model = stand_in(int(manifest["max_length"]))
        reference = copy.deepcopy(model)
        trainer = spec.build(directory, model, Path(scratch))
        batches = iter(trainer.get_train_dataloader())
        # as in training: the labels of all batches of a step are counted, and each batch's loss is divided by that
        step, count = trainer.get_batch_samples(batches, _STEP, trainer.args.device)
        for batch in chain(step, batches):
            for row in _sequences(batch):
                rows += 1
                supervised = int(np.count_nonzero(row.labels != IGNORED))
                trained += supervised
                masked += len(row.labels) - supervised
                key = _key(row)
                if rest[key] > 0:
                    rest[key] -= 1
                else:
                    unknown_count += 1
                    unknown += [row] if len(unknown) < _SHOWN else []
        loss, expected = _losses(trainer, reference, step, count)

    lost = +rest
    differences = _explain(directory, manifest, lost, unknown)
    difference_count = max(lost.total(), unknown_count)
    if not abs(loss - expected) <= _TOLERANCE * abs(expected):
        differences.append(f"the loss of a step is {loss:.6f}, but the cross-entropy over its labels is {expected:.6f}")
        difference_count += 1
    return TrainerReport(
        name,
        versions={library: version(library) for library in spec.libraries},
        rows=rows,
        trained_tokens=trained,
        masked_tokens=masked,
        loss=loss,
        expected_loss=expected,
        differences=tuple(differences),
        difference_count=difference_count,
    )


def _key(row: _Row) -> bytes:
    """Equal for equal rows; 16 bytes, so that a collision is out of question."""
    digest = hashlib.blake2b(row.input_ids.astype("<i4").tobytes(), digest_size=16)
    digest.update(row.labels.astype("<i4").tobytes())
    return digest.digest()


def _sequences(batch: Mapping[str, Any]) -> Iterator[_Row]:
    """Take a collated batch apart into the sequences it was made of, without their padding.

    The label of a sequence's first token counts as ignored where sequences are padded: causal losses shift it away.
    In a flattened batch (no attention mask) it would be trained from the sequence before, so there it stands as it is.
    """
    ids = batch["input_ids"].numpy().astype(np.int32)
    labels = batch["labels"].numpy().astype(np.int32)
    if "attention_mask" in batch:
        for row_ids, row_labels, mask in zip(ids, labels, batch["attention_mask"].numpy() != 0, strict=True):
            kept = row_labels[mask].copy()
            kept[:1] = IGNORED
            # a label on padding is a fault that must show, so it is appended to the sequence
            astray = ~mask & (row_labels != IGNORED)
            yield _Row(np.concatenate([row_ids[mask], row_ids[astray]]), np.concatenate([kept, row_labels[astray]]))
    else:
        for row_ids, row_labels, positions in zip(ids, labels, batch["position_ids"].numpy(), strict=True):
            starts = np.flatnonzero(positions == 0)[1:]
            for part_ids, part_labels in zip(np.split(row_ids, starts), np.split(row_labels, starts), strict=True):
                yield _Row(part_ids, part_labels)


def _losses(trainer: Any, reference: Any, step: list[dict[str, Any]], count: Any) -> tuple[float, float]:
    """The loss of one optimiser step, from the trainer and from plain cross-entropy, sequence by sequence.

    Token ids are folded into the stand-in model's vocabulary, the same way for both.
    """
    import torch

    loss, total, number = 0.0, 0.0, 0
    with torch.no_grad():
        for batch in step:
            labels = torch.where(batch["labels"] == IGNORED, IGNORED, batch["labels"] % VOCABULARY)
            folded = {**batch, "input_ids": batch["input_ids"] % VOCABULARY, "labels": labels}
            loss += float(trainer.compute_loss(trainer.model, dict(folded), num_items_in_batch=count))
            for row in _sequences(folded):
                ids, targets = torch.from_numpy(row.input_ids).long(), torch.from_numpy(row.labels).long()[1:]
                logits = reference(input_ids=ids[None]).logits[0, :-1].double()
                total += float(torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum"))
                number += int((targets != IGNORED).sum())
    return loss, total / max(1, number)


# --------------------------------------------------------------------------------------------------- differences in words


def _explain(directory: Path, manifest: Mapping[str, Any], lost: Counter[bytes], unknown: list[_Row]) -> list[str]:
    """Pair rows that the trainer lost with rows that it made up, by their longest common beginning."""
    if not lost and not unknown:
        return []
    lost = lost.copy()
    partners: list[tuple[int, str, _Row] | None] = [None] * len(unknown)
    dropped: list[str] = []
    for where, row in _read_rows(directory, manifest):
        if lost[key := _key(row)] <= 0:
            continue
        lost[key] -= 1
        common = [_common_prefix(row.input_ids, other.input_ids) for other in unknown]
        best = max(range(len(common)), key=common.__getitem__, default=None)
        if best is None or common[best] == 0:
            if len(dropped) < _SHOWN:
                dropped.append(f"{where}: the row is not trained at all")
        elif (partner := partners[best]) is None or common[best] > partner[0]:
            partners[best] = (common[best], where, row)
    told = [_compare(row, partner) for row, partner in zip(unknown, partners, strict=True)]
    return [*told, *dropped][:_SHOWN]


def _common_prefix(a: Int32, b: Int32) -> int:
    length = min(len(a), len(b))
    different = np.flatnonzero(a[:length] != b[:length])
    return int(different[0]) if len(different) else length


def _compare(row: _Row, partner: tuple[int, str, _Row] | None) -> str:
    """One row of the trainer against the row of the artefact that it most likely is."""
    if partner is None:
        return f"a row of {len(row.input_ids)} tokens is trained that the artefact does not have"
    common, where, expected = partner
    here, there = len(row.input_ids), len(expected.input_ids)
    if common < min(here, there):
        return f"{where}: the tokens differ from position {common} on"
    if here < there:
        lost = int(np.count_nonzero(expected.labels[here:] != IGNORED))
        return f"{where}: cut from {there} to {here} tokens, which loses {lost} trained labels"
    if here > there:
        return f"{where}: {here - there} tokens follow its last one"
    at = np.flatnonzero(row.labels != expected.labels)
    shown = ", ".join(f"{i} ({_label(expected.labels[i])} -> {_label(row.labels[i])})" for i in at[:_SHOWN])
    return f"{where}: {len(at)} labels differ, at position {shown}{', ...' if len(at) > _SHOWN else ''}"


def _label(label: Any) -> str:
    return "masked" if label == IGNORED else str(label)
