"""A dataset folder: DIR/dataset.json, DIR/shards/shard-00000.parquet, ... read as a sequence of frame records."""

import bisect
import itertools
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lace.core.content import content_of
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.frames import FrameRecord
from lace.data.schema import SCHEMA, decode_row
from lace.data.shards import Shard, read_metadata, read_shard

META_NAME = "dataset.json"
SHARDS_NAME = "shards"
_CACHED_SHARDS = 4
"""Shards kept in memory; each has tens of MB, so a reader needs a few hundred MB at most."""


def shard_paths(folder: str | Path) -> list[Path]:
    """Finished shards of a dataset folder in order of their numbers; temporary files are left out."""
    return sorted((Path(folder) / SHARDS_NAME).glob("shard-*.parquet"), key=lambda path: (len(path.name), path.name))


def dataset_digest(folder: str | Path) -> str:
    """Identity of a dataset: the digest of its finished shards, wherever the folder is."""
    return content_of(shard_paths(folder))


def read_meta(folder: str | Path) -> dict[str, Any]:
    """dataset.json of a dataset folder; raises DatasetError if it is missing or is not one of ours."""
    folder = Path(folder)
    next_step = "give the folder that `lace generate` wrote (its --out)"
    if not folder.is_dir():
        raise DatasetError(f"opening the dataset {folder}", "there is no such folder", "a dataset folder", next_step)
    path = folder / META_NAME
    if not path.is_file():
        raise DatasetError(
            f"opening the dataset {folder}", f"it has no {META_NAME}, so it is not a dataset", "a dataset", next_step
        )
    expected, next_step = (
        "the file that `lace generate` or `lace import` wrote",
        "restore it, or make the dataset again",
    )
    try:
        meta = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise DatasetError(f"reading {path}", f"it is not JSON ({error})", expected, next_step) from error
    if not isinstance(meta, dict):
        raise DatasetError(f"reading {path}", f"it holds a {type(meta).__name__}", expected, next_step)
    frames = meta.get("frames")
    if frames is not None and (not isinstance(frames, int) or isinstance(frames, bool) or frames < 0):
        raise DatasetError(f"reading {path}", f"its number of frames is {frames!r}"[:200], expected, next_step)
    return meta


def named_folders(items: Sequence[str], first: Mapping[str, Path]) -> dict[str, Path]:
    """Embodiment -> dataset folder: those of `first`, then each NAME=DIR of `items` (the values of `--more`)."""
    folders = dict(first)
    for item in items:
        name, equals, folder = item.partition("=")
        if not (name and equals and folder) or name in folders:
            raise InvalidValueError(
                "reading --more",
                f"{item!r}",
                f"NAME=DIR with another name than {', '.join(folders)}",
                "write for example --more allegro=data/allegro",
            )
        folders[name] = Path(folder)
    return folders


class FrameDataset:
    """A sequence of `FrameRecord`s in order of shards; images are decoded when a frame is asked for."""

    def __init__(self, folder: str | Path):
        """Opens a dataset folder.

        Args:
            folder: Dataset folder; DatasetError if it is not a dataset, has no finished shard, or a damaged one.
        """
        self.folder = Path(folder)
        self.meta = read_meta(self.folder)
        self.shards = shard_paths(self.folder)
        if not self.shards:
            raise DatasetError(
                f"opening the dataset {self.folder}",
                "it has no finished shard",
                f"at least one {SHARDS_NAME}/shard-*.parquet",
                "run the generate command again: it resumes",
            )
        self._starts = [0, *itertools.accumulate(read_metadata(path)[0] for path in self.shards)]
        self._cache: OrderedDict[int, Shard] = OrderedDict()

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, i: int) -> FrameRecord:
        return decode_row(*self.row(i))

    def row(self, i: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """(row, constants) of frame `i` as stored, images still encoded; negative `i` counts from the end."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"frame {i} of {len(self)}")
        number = bisect.bisect_right(self._starts, i % len(self)) - 1
        shard = self.shard(number)
        return shard.table.slice(i % len(self) - self._starts[number], 1).to_pylist()[0], shard.constants

    def __iter__(self) -> Iterator[FrameRecord]:
        return (self[i] for i in range(len(self)))

    def shard(self, number: int) -> Shard:
        """Shard `number` with all its columns; recently read shards are kept in memory."""
        if number not in self._cache:
            self._cache[number] = read_shard(self.shards[number])
            if len(self._cache) > _CACHED_SHARDS:
                self._cache.popitem(last=False)
        self._cache.move_to_end(number)
        return self._cache[number]

    def column(self, name: str) -> np.ndarray | list:
        """One column over all frames without decoding images.

        Numbers are an array (frames,), lists of equal length without None are (frames, length), the rest (text, bytes,
        columns with None) is a Python list.
        """
        if name not in SCHEMA.names:
            raise KeyError(f"no column {name!r}; there are {', '.join(SCHEMA.names)}")
        pieces = [piece for path in self.shards for piece in read_shard(path, [name]).table.column(0).chunks]
        column = pa.chunked_array(pieces, SCHEMA.field(name).type)
        if pa.types.is_list(column.type) and column.null_count == 0:
            flat = column.combine_chunks().flatten().to_numpy()
            lengths = {len(row) for row in column}
            return flat.reshape(len(column), -1) if len(lengths) == 1 else column.to_pylist()
        return column.to_numpy() if _is_number(column.type) and column.null_count == 0 else column.to_pylist()


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
