"""Several processes that train one network: started by ``torchrun``, found by their environment; one is a team too.

    torchrun --nproc-per-node 4 --no-python f2o train ...                       four GPUs of one machine
    torchrun --nnodes 2 --node-rank 0 --master-addr HOST --nproc-per-node 4 --no-python f2o train ...   and of two

Each process takes its part of a step's batch, gradients are averaged (DistributedDataParallel), and everything random
is drawn alike in all of them, so the loss is the one of a single process up to rounding. The leader alone writes.

The exception is ``model.modality_dropout`` where the encoder learns: the network draws it for its own rows, from the
same seed in every process. All of them drop the same rows of their parts, and what the method draws after it is alike
in all of them, but not what a single process would draw. Set it to 0 for the loss of a single process.
"""

from __future__ import annotations

import os
from datetime import timedelta
from types import TracebackType

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from f2o_policy.data.share import Share
from f2o_policy.errors import PolicyError

PATIENCE = timedelta(
    hours=12
)  # others may wait while the leader embeds a data set; torchrun ends them if it dies


class Team:
    """The processes of this run; use as a context manager."""

    def __init__(self) -> None:
        self.world, self.rank = (int(os.environ.get(k, d)) for k, d in (("WORLD_SIZE", "1"), ("RANK", "0")))
        self.share = Share(self.rank, self.world)
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        else:
            self.device = torch.device("cpu")

    @property
    def leader(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def __enter__(self) -> Team:
        if self.world > 1:
            backend = "nccl" if self.device.type == "cuda" else "gloo"
            dist.init_process_group(backend, timeout=PATIENCE)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.world > 1:
            dist.destroy_process_group()

    def divides(self, key: str, batch: int) -> None:
        """Refuse a batch that the team cannot share evenly."""
        if batch % self.world:
            raise PolicyError(f"{key}: expected a multiple of the {self.world} processes, got {batch}")

    def wrap(self, module: nn.Module) -> nn.Module:
        """``module`` with its gradients averaged over the team."""
        return DistributedDataParallel(module) if self.world > 1 else module

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in some process; all must ask together."""
        return bool(self._reduced(float(flag), "max")) if self.world > 1 else flag

    def mean(self, value: float) -> float:
        """Mean over the team; all must ask together."""
        return self._reduced(value, "sum") / self.world if self.world > 1 else value

    def wait(self) -> None:
        """Until all are here: what the leader wrote before can be read after."""
        if self.world > 1:
            dist.barrier()

    def _reduced(self, value: float, how: str) -> float:
        number: Tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(number, dist.ReduceOp.MAX if how == "max" else dist.ReduceOp.SUM)
        return float(number)
