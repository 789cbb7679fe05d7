"""Room for the images of a training set: in memory, or in a file of the cache that is mapped into memory."""

import mmap
import os
import tempfile

import numpy as np
import torch
from torch import Tensor

from lace.core.cache import cache_dir, require_cache
from lace.core.errors import DatasetError

IN_MEMORY_BYTES = 4 * 2**30
"""Images of more bytes are kept in a file: 28,000 of 224 px. What there is room for stays in memory."""


def image_room(count: int, size: int) -> Tensor:
    """An uninitialised uint8 tensor (count, 3, size, size); beyond IN_MEMORY_BYTES mapped from a file without a name.

    Raises:
        DatasetError: The cache's disk has no room for the file.
    """
    shape, needed = (count, 3, size, size), count * 3 * size * size
    if needed <= IN_MEMORY_BYTES:
        return torch.empty(shape, dtype=torch.uint8)
    require_cache()
    try:
        with tempfile.TemporaryFile(dir=cache_dir(), prefix="images-") as file:
            _reserve(file.fileno(), needed)
            mapped = mmap.mmap(file.fileno(), needed)
    except OSError as error:
        raise DatasetError(
            f"keeping {count} training images",
            f"{error.strerror or error} (errno {error.errno})",
            f"{needed / 2**30:.1f} GiB in {cache_dir()}",
            "free some space, set LACE_CACHE to a larger disk, or use fewer or smaller images",
        ) from error
    room = torch.from_numpy(np.frombuffer(mapped, np.uint8)).view(shape)
    _mapped.add(room.untyped_storage().data_ptr())
    return room


_mapped: set[int] = set()
"""Addresses of the images that lie in files."""


def is_mapped(images: Tensor) -> bool:
    """Whether images lie in a file: they are too many for the memory of a GPU beside a model."""
    return images.device.type == "cpu" and images.untyped_storage().data_ptr() in _mapped


def _reserve(descriptor: int, size: int) -> None:
    """Takes the room now: a full disk would end the process later, when a page is written."""
    os.posix_fallocate(descriptor, 0, size)
