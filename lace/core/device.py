"""The device of a process, and its process group under torchrun."""

import os
import re

import torch
from torch import distributed

from lace.core.errors import InvalidValueError


def process_device(wanted: str = "auto") -> torch.device:
    """Returns the device of this process and joins torchrun's process group: nccl on CUDA, gloo on the CPU.

    Args:
        wanted: "auto" (CUDA if available), "cpu", "cuda" or "cuda:N".

    Raises:
        InvalidValueError: Another name, or CUDA is not available.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", wanted):
        raise InvalidValueError("choosing a device", f"{wanted!r}", "auto, cpu, cuda or cuda:N", "change --device")
    cuda = torch.cuda.is_available() if wanted == "auto" else wanted.startswith("cuda")
    if cuda and not torch.cuda.is_available():
        raise InvalidValueError(
            "choosing a device", f"{wanted!r}, but no CUDA device is found", "cuda or cpu", "give --device cpu"
        )
    local = int(os.environ.get("LOCAL_RANK", 0))
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if cuda else "gloo")
    return torch.device(wanted if ":" in wanted else f"cuda:{local}") if cuda else torch.device("cpu")
