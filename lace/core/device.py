"""The device of a process, and its process group under torchrun."""

import os

import torch
from torch import distributed

from lace.core.errors import InvalidValueError


def process_device(wanted: str = "auto") -> torch.device:
    """The device of this process, joining the group that torchrun announced: nccl on CUDA, gloo on the CPU.

    "auto" is CUDA where there is one.
    """
    cuda = torch.cuda.is_available() if wanted == "auto" else wanted.startswith("cuda")
    if cuda and not torch.cuda.is_available():
        raise InvalidValueError(
            "choosing a device", f"{wanted!r}, but no CUDA device is found", "cuda or cpu", "give --device cpu"
        )
    local = int(os.environ.get("LOCAL_RANK", 0))
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if cuda else "gloo")
    return torch.device(wanted if ":" in wanted else f"cuda:{local}") if cuda else torch.device("cpu")
