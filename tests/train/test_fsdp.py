"""The sparse step of a model that FSDP2 spreads over two gloo processes, each with half of the rows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codeblock.config import SavingsSettings
from codeblock.train.sparse import sparsify
from tests.train.test_sparse import build, compare, lora, rows, sparse

ROOT = Path(__file__).parents[2]

SCRIPT = """
import os
import sys
import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from codeblock.config import SavingsSettings
from codeblock.train.sparse import sparsify
from tests.train.test_sparse import build, lora, rows

dist.init_process_group("gloo")
model = lora(build("qwen2")) if sys.argv[2] == "lora" else build("qwen2")
made = sparsify(model, SavingsSettings())
mesh = dist.init_device_mesh("cpu", (2,))
for layer in made.model.model.layers:
    fully_shard(layer, mesh=mesh)
fully_shard(model, mesh=mesh)
samples = rows(count=6)
batch = made.collator(samples[dist.get_rank() :: 2])
total = made.collator(samples)["weights"].sum()
with made.active():
    loss = model(**batch).loss / total * 2  # FSDP averages gradients
    loss.backward()
dist.all_reduce(loss.detach())
full = {name: p.grad.full_tensor() for name, p in model.named_parameters() if p.grad is not None}
if dist.get_rank() == 0:
    torch.save((loss.item() / 2, full), sys.argv[1])
dist.barrier()
dist.destroy_process_group()
os._exit(0)  # on a busy machine gloo's threads may outlive the interpreter, which ends in std::terminate
"""


@pytest.mark.slow
@pytest.mark.parametrize("adapted", [False, True])
def test_sharded_weights_give_the_same_loss_and_gradients(adapted: bool, tmp_path: Path):
    import torch

    (tmp_path / "two.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", str(tmp_path / "two.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    out = tmp_path / "found.pt"
    done = subprocess.run(
        [*command, str(out), "lora" if adapted else "full"], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    model = lora(build("qwen2")) if adapted else build("qwen2")
    wanted = sparse(model, sparsify(model, SavingsSettings()), rows(count=6))
    compare(torch.load(out), wanted)
