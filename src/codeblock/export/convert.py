"""An artefact's training rows in the forms that some trainers want instead of Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from codeblock.errors import StoreError, UsageError, nearest
from codeblock.export.integrity import check_files, read_manifest
from codeblock.export.labels import IGNORED
from codeblock.export.tables import TRAIN
from codeblock.schemas import list_values
from codeblock.store import parquet_bytes, write_bytes_atomic, write_json_atomic


def convert(directory: Path, form: str, out: Path) -> int:
    """Write an artefact's rows in another form.

    Args:
        directory: of the artefact.
        form: name in `FORMS`.
        out: a directory that does not exist yet, or is empty.

    Returns:
        The number of rows.

    Raises:
        UsageError: the form is unknown, or `out` holds files.
        StoreError: the artefact is unfinished or damaged.
    """
    if form not in FORMS:
        raise UsageError(f"unknown format {form!r}{nearest(form, FORMS)} (known: {', '.join(FORMS)})")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} holds files already: choose another --out, or remove them")
    manifest = read_manifest(directory)
    found = check_files(directory, manifest)
    if found.fault_count:
        raise StoreError(f"{directory} is damaged ({found.fault_count:,} faults): {found.faults[0]}")
    tables = (pq.read_table(directory / name, schema=TRAIN) for name in manifest["files"] if name.startswith("data/"))
    FORMS[form](tables, out)
    return found.rows


def _write_arrow(tables: Iterator[pa.Table], out: Path) -> None:
    """A directory for `datasets.load_from_disk`, of any version: old ones cannot read the type `List`."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TRAIN) as writer:
        for table in tables:
            writer.write_table(table)
    content = sink.getvalue().to_pybytes()
    name = "data-00000-of-00001.arrow"
    write_bytes_atomic(out / name, content)
    kinds = {field.name: str(field.type.value_type) for field in TRAIN}
    features = {name: {"feature": {"dtype": kind, "_type": "Value"}, "_type": "Sequence"} for name, kind in kinds.items()}
    write_json_atomic(
        out / "dataset_info.json", {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    )
    state = {
        "_data_files": [{"filename": name}],
        "_fingerprint": sha256(content).hexdigest()[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": "train",
    }
    write_json_atomic(out / "state.json", state)


def _write_shifted(tables: Iterator[pa.Table], out: Path) -> None:
    """Parquet whose label at each position is that of the next token, for trainers that do not shift: the last one is -100."""
    for index, table in enumerate(tables):
        offsets, labels = list_values(table.column("labels").combine_chunks())
        shifted = np.append(labels[1:], np.int32(IGNORED))
        shifted[np.asarray(offsets[1:])[np.diff(offsets) > 0] - 1] = IGNORED
        column = pa.ListArray.from_arrays(pa.array(np.asarray(offsets, np.int32)), pa.array(shifted, pa.int32()))
        made = table.set_column(2, TRAIN.field("labels"), column)
        write_bytes_atomic(out / f"train-{index:05d}.parquet", parquet_bytes(made.cast(TRAIN)))


FORMS: dict[str, Callable[[Iterator[pa.Table], Path], None]] = {"arrow": _write_arrow, "shifted": _write_shifted}
"""The other forms, by name: `arrow` for LLaMA-Factory, `shifted` for torchtune and NeMo Automodel."""
