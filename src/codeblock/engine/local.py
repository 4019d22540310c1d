"""Run a stage over the shards of a directory on this machine.

The n-th shard of every input makes the n-th shard of the output. Its bytes do not depend on how many workers there are, on what
was already there, or on how often the run was killed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pyarrow as pa

from codeblock.engine.guard import Limits, Worker, dropped
from codeblock.engine.stage import Stage
from codeblock.errors import StoreError
from codeblock.store import Counts, Done, Shards, StageReport, parquet_bytes, part_name, read_table, shard_key, summarize

Call = Callable[[pa.Table], pa.Table]


def run_stage(
    stage: Stage,
    inputs: Sequence[Path],
    out: Path,
    *,
    workers: int = 1,
    row_seconds: float | None = None,
    row_memory: int = 2 << 30,
    progress: Callable[[int, int | None], None] | None = None,
) -> StageReport:
    """Run `stage` over every shard that is not already complete.

    Args:
        stage: see `Stage`.
        inputs: directories of earlier stages, with equally many shards. Their n-th shards are put side by side: the columns of
            all, `id` of the first, and as `reason` the first that is not null. Dropped rows are not shown to the stage.
        out: directory of this stage's shards.
        workers: 1 runs the stage in this process; more run it in so many worker processes.
        row_seconds: processor time that a row may take, and a quarter of the wall time. With it the stage always runs in worker
            processes, and a row that takes longer, or kills its worker, is dropped as ``<stage>_timeout`` or ``<stage>_crash``.
        row_memory: bytes that a row may allocate, with `row_seconds` only (Linux).
        progress: called after each shard with the rows done so far and their total.

    Returns:
        What was done. ``rows`` and ``rejected`` count what this stage saw and dropped, not what came dropped.

    Raises:
        StoreError: an input is absent or damaged, or the output cannot be written.
        CodeblockError: the stage failed.
    """
    started = time.monotonic()
    sources = [Shards(directory) for directory in inputs]
    made_from = [source.all() for source in sources]
    count = len(made_from[0])
    if count == 0 or any(len(shards) != count for shards in made_from):
        found = ", ".join(f"{path}: {len(shards)}" for path, shards in zip(inputs, made_from, strict=True))
        raise StoreError(f"stage {stage.name} needs equally many shards of each input, but there are {found}")
    fingerprint = {"name": stage.name, **stage.fingerprint()}
    target = Shards(out)
    keys = [
        shard_key(fingerprint, [shards[index].files[part_name(index)].sha256 for shards in made_from]) for index in range(count)
    ]
    found = [target.find(index, key) for index, key in enumerate(keys)]
    todo = [index for index, done in enumerate(found) if done is None]
    rows = [done.counts.kept for done in made_from[-1]]
    finished = sum(rows) - sum(rows[index] for index in todo)
    if progress is not None:
        progress(finished, sum(rows))
    limits = None if row_seconds is None else Limits(row_seconds, row_memory)

    def make(index: int, call: Call) -> Done:
        for source, shards in zip(sources, made_from, strict=True):
            source.check(index, shards[index].key)
        return _make_shard(stage, inputs, target, index, keys[index], call)

    with closing(_run(stage, todo, make, workers, limits)) as made:
        for index, done in made:
            found[index] = done
            finished += rows[index]
            if progress is not None:
                progress(finished, sum(rows))
    target.prune(count)
    return summarize(stage.name, [done for done in found if done is not None], len(todo), time.monotonic() - started)


def _run(
    stage: Stage, todo: Sequence[int], make: Callable[[int, Call], Done], workers: int, limits: Limits | None
) -> Generator[tuple[int, Done]]:
    """Make the shards, here or in workers; yield each when it is finished."""
    if not todo:
        return
    if workers == 1 and limits is None:
        stage.setup()
        for index in todo:
            yield index, make(index, stage)
        return
    pool = [Worker(stage, limits) for _ in range(min(workers, len(todo)))]
    idle: SimpleQueue[Worker] = SimpleQueue()
    for worker in pool:
        idle.put(worker)

    def make_in_worker(index: int) -> Done:
        worker = idle.get()
        try:
            return make(index, worker)
        finally:
            idle.put(worker)

    # the threads only wait for workers, read and write: pyarrow and hashlib do that outside the interpreter lock
    threads = ThreadPoolExecutor(len(pool))
    try:
        futures = {threads.submit(make_in_worker, index): index for index in todo}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in pool:
            worker.close()
        threads.shutdown()


def _make_shard(stage: Stage, inputs: Sequence[Path], target: Shards, index: int, key: str, call: Call) -> Done:
    """Run the stage on one shard and write the result."""
    table = _join([read_table(directory / part_name(index)) for directory in inputs], index)
    alive = table["reason"].is_null().to_numpy()
    batch = table.filter(pa.array(alive)).combine_chunks()
    result = call(batch) if batch.num_rows else stage.schema.empty_table()
    if result.num_rows != batch.num_rows or not result["id"].equals(batch["id"]):
        raise StoreError(
            f"stage {stage.name} must return the rows it gets: {batch.num_rows} entered shard {index}, {result.num_rows} left"
        )
    result = result.select(stage.schema.names).cast(stage.schema)
    rejected = Counter(reason for reason in result["reason"].to_pylist() if reason is not None)
    before = table.filter(pa.array(~alive))
    if before.num_rows:
        gone = dropped(stage.schema, before["id"].to_pylist(), before["reason"].to_pylist())
        # row i of the input is now at place[i]: the living come first
        place = np.where(alive, np.cumsum(alive) - 1, batch.num_rows + np.cumsum(~alive) - 1)
        result = pa.concat_tables([result, gone]).take(pa.array(place))
    kept = batch.num_rows - rejected.total()
    return target.write(
        index,
        key,
        {part_name(index): parquet_bytes(result)},
        Counts(batch.num_rows, kept, dict(sorted(rejected.items()))),
    )


def _join(tables: Sequence[pa.Table], index: int) -> pa.Table:
    """Put the same rows of several stages side by side."""
    first = tables[0]
    columns = {name: first[name] for name in first.column_names}
    for table in tables[1:]:
        if not table["id"].equals(first["id"]):
            raise StoreError(f"shard {index} of the inputs does not hold the same rows: run the earlier stages again")
        reasons = zip(columns["reason"].to_pylist(), table["reason"].to_pylist(), strict=True)
        columns["reason"] = pa.chunked_array([[earlier or later for earlier, later in reasons]], type=pa.string())
        for name in table.column_names:
            if name not in ("id", "reason"):
                if name in columns:
                    raise StoreError(f"two inputs have a column {name}")
                columns[name] = table[name]
    return pa.table(columns)
