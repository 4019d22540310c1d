"""Whether trainers really train the tokens that an artefact says they train.

The files are compared with the manifest and the annotations; then each trainer's own data loader is built over the artefact, as
its recipe does, and every label it yields is compared with the artefact's. The loss of the first optimiser step is compared with
a plain cross-entropy, sequence by sequence, which also shows labels changed on the way to the loss, a wrong mean, and packed
sequences that see each other.

Not seen: the user's model and tokenizer (a tiny random model stands in; tokens are not read again), more than one process, and
collators or losses of the user's own.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
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

from codeblock.errors import DataError, MissingExtraError, UsageError, nearest
from codeblock.export.integrity import SHOWN, Row, check_files, read_manifest, read_rows
from codeblock.export.labels import IGNORED
from codeblock.export.trainers import TRAINERS, VOCABULARY, TrainerSpec, quiet, stand_in
from codeblock.types import Int32

ARTEFACT = "artefact"
"""Name of the report on the files themselves."""

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

    manifest = read_manifest(directory)
    announce = on_start or _nothing
    announce(ARTEFACT)
    files = check_files(directory, manifest)
    reports = [
        TrainerReport(
            ARTEFACT,
            versions={"pyarrow": pa.__version__},
            rows=files.rows,
            trained_tokens=files.trained_tokens,
            masked_tokens=files.masked_tokens,
            differences=files.faults,
            difference_count=files.fault_count,
        )
    ]
    for name in names:
        if name in missing:
            reports.append(TrainerReport(name, skipped=str(missing[name])))
        elif not files.loadable:
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


# ------------------------------------------------------------------------------------------------------------ one trainer


def _check_trainer(name: str, directory: Path, manifest: Mapping[str, Any]) -> TrainerReport:
    """Drive one trainer's data loader over the artefact, and its loss over the first batch."""
    spec = TRAINERS[name]
    rest = Counter(_key(row) for _, row in read_rows(directory, manifest))  # rows of the artefact that were not seen yet
    if not rest:
        raise DataError(f"{directory}: the artefact has no rows, so there is nothing to train")
    unknown: list[Row] = []  # what the trainer trains and the artefact does not have; the first few
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
                    unknown += [row] if len(unknown) < SHOWN else []
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


def _key(row: Row) -> bytes:
    """Equal for equal rows; 16 bytes, so that a collision is out of question."""
    digest = hashlib.blake2b(row.input_ids.astype("<i4").tobytes(), digest_size=16)
    digest.update(row.labels.astype("<i4").tobytes())
    return digest.digest()


def _sequences(batch: Mapping[str, Any]) -> Iterator[Row]:
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
            yield Row(np.concatenate([row_ids[mask], row_ids[astray]]), np.concatenate([kept, row_labels[astray]]))
    else:
        for row_ids, row_labels, positions in zip(ids, labels, batch["position_ids"].numpy(), strict=True):
            starts = np.flatnonzero(positions == 0)[1:]
            for part_ids, part_labels in zip(np.split(row_ids, starts), np.split(row_labels, starts), strict=True):
                yield Row(part_ids, part_labels)


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


def _explain(directory: Path, manifest: Mapping[str, Any], lost: Counter[bytes], unknown: list[Row]) -> list[str]:
    """Pair rows that the trainer lost with rows that it made up, by their longest common beginning."""
    if not lost and not unknown:
        return []
    lost = lost.copy()
    partners: list[tuple[int, str, Row] | None] = [None] * len(unknown)
    dropped: list[str] = []
    for where, row in read_rows(directory, manifest):
        if lost[key := _key(row)] <= 0:
            continue
        lost[key] -= 1
        common = [_common_prefix(row.input_ids, other.input_ids) for other in unknown]
        best = max(range(len(common)), key=common.__getitem__, default=None)
        if best is None or common[best] == 0:
            if len(dropped) < SHOWN:
                dropped.append(f"{where}: the row is not trained at all")
        elif (partner := partners[best]) is None or common[best] > partner[0]:
            partners[best] = (common[best], where, row)
    told = [_compare(row, partner) for row, partner in zip(unknown, partners, strict=True)]
    return [*told, *dropped][:SHOWN]


def _common_prefix(a: Int32, b: Int32) -> int:
    length = min(len(a), len(b))
    different = np.flatnonzero(a[:length] != b[:length])
    return int(different[0]) if len(different) else length


def _compare(row: Row, partner: tuple[int, str, Row] | None) -> str:
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
    shown = ", ".join(f"{i} ({_label(expected.labels[i])} -> {_label(row.labels[i])})" for i in at[:SHOWN])
    return f"{where}: {len(at)} labels differ, at position {shown}{', ...' if len(at) > SHOWN else ''}"


def _label(label: Any) -> str:
    return "masked" if label == IGNORED else str(label)
