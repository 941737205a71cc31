"""The ranks that train one network together: started by ``torchrun``, or a single process of world size 1.

    torchrun --nproc-per-node 4 --no-python f2o train ...                       four GPUs of one machine
    torchrun --nnodes 2 --node-rank 0 --master-addr HOST --nproc-per-node 4 --no-python f2o train ...   and of two

Each rank computes a shard of a step's batch, gradients are averaged (DistributedDataParallel), and all random numbers
are drawn identically on every rank, so the loss is that of a single process up to rounding. Only rank 0 writes.

The exception is ``model.modality_dropout`` where the encoder is trained: the network draws it for its own rows, from
the same seed on every rank. All ranks then drop the same rows of their shards, which is not what a single process would
draw. Set it to 0 to reproduce the loss of a single process.
"""

from __future__ import annotations

import os
from datetime import timedelta
from types import TracebackType

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from f2o_policy.data.shard import Shard
from f2o_policy.errors import PolicyError

PATIENCE = timedelta(hours=12)  # for rank 0 to embed a data set; torchrun ends the others if it dies


class ProcessGroup:
    """The ranks of this run; use as a context manager."""

    def __init__(self) -> None:
        self.world_size, self.rank = (
            int(os.environ.get(k, d)) for k, d in (("WORLD_SIZE", "1"), ("RANK", "0"))
        )
        self.shard = Shard(self.rank, self.world_size)
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        else:
            self.device = torch.device("cpu")

    @property
    def is_rank0(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def __enter__(self) -> ProcessGroup:
        if self.world_size > 1:
            backend = "nccl" if self.device.type == "cuda" else "gloo"
            dist.init_process_group(backend, timeout=PATIENCE)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.world_size > 1:
            dist.destroy_process_group()

    def check_divides(self, key: str, batch: int) -> None:
        """Check that ``batch`` can be divided evenly.

        Raises:
            PolicyError: it is no multiple of the world size.
        """
        if batch % self.world_size:
            raise PolicyError(f"{key}: expected a multiple of the {self.world_size} processes, got {batch}")

    def wrap(self, module: nn.Module) -> nn.Module:
        """``module`` with its gradients averaged over the group."""
        return DistributedDataParallel(module) if self.world_size > 1 else module

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set on any rank; a collective call."""
        return bool(self._reduced(float(flag), "max")) if self.world_size > 1 else flag

    def mean(self, value: float) -> float:
        """Mean over the ranks; a collective call."""
        return self._reduced(value, "sum") / self.world_size if self.world_size > 1 else value

    def barrier(self) -> None:
        """Wait for all ranks: files that rank 0 wrote before can be read after."""
        if self.world_size > 1:
            dist.barrier()

    def _reduced(self, value: float, how: str) -> float:
        number: Tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(number, dist.ReduceOp.MAX if how == "max" else dist.ReduceOp.SUM)
        return float(number)
