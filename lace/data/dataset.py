"""A dataset folder: DIR/dataset.json, DIR/shards/shard-00000.parquet, ... read as a sequence of frame records."""

import bisect
import hashlib
import itertools
import json
import operator
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, overload

import numpy as np
import pyarrow as pa
import tyro

from lace.core.content import content_of
from lace.core.counting import counted
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import file_names, file_size, read_bytes, require_no_pointer
from lace.core.frames import FrameRecord
from lace.core.store import address, is_remote
from lace.data.schema import SCHEMA, decode_row
from lace.data.shards import Shard, read_metadata, read_shard

META_NAME = "dataset.json"
SPARSE = "sparse"
"""In dataset.json: the frames keep the numbers of those that they were made from, of which some were left out."""
SHARDS_NAME = "shards"
_MANY = 64
"""Up to so many shards, each one's footer is read when a dataset is opened."""
CACHED_SHARDS = 4
"""Shards kept in memory; each has tens of MB, so a reader needs a few hundred MB at most."""


def shard_paths(folder: str | Path) -> list[Path]:
    """Finished shards of a dataset folder in order of their numbers; temporary files are left out."""
    names = file_names(Path(folder) / SHARDS_NAME, "shard-*.parquet")
    return [Path(folder) / SHARDS_NAME / name for name in sorted(names, key=lambda name: (len(name), name))]


def read_meta(folder: str | Path) -> dict[str, Any]:
    """dataset.json of a dataset folder; raises DatasetError if it is missing or is not one of ours."""
    folder = Path(folder)
    next_step = "give the folder that `lace generate` wrote (its --out)"
    if not (is_remote(folder) or folder.is_dir()):
        raise DatasetError(
            f"opening the dataset {address(folder)}", "there is no such folder", "a dataset folder", next_step
        )
    path = folder / META_NAME
    if file_size(path) is None:
        raise DatasetError(
            f"opening the dataset {address(folder)}",
            f"it has no {META_NAME}, so it is not a dataset",
            "a dataset",
            next_step,
        )
    expected, next_step = (
        "the file that `lace generate` or `lace import` wrote",
        "restore it, or make the dataset again",
    )
    try:
        meta = json.loads(read_bytes(path))
    except (ValueError, RecursionError, OSError) as error:
        require_no_pointer(path, f"reading {path}")
        raise DatasetError(f"reading {path}", f"it is not JSON ({error})", expected, next_step) from error
    if not isinstance(meta, dict):
        raise DatasetError(f"reading {path}", f"it holds a {type(meta).__name__}", expected, next_step)
    frames = meta.get("frames")
    if frames is not None and (not isinstance(frames, int) or isinstance(frames, bool) or frames < 0):
        raise DatasetError(f"reading {path}", f"its number of frames is {frames!r}"[:200], expected, next_step)
    return meta


Folders = Annotated[Path | tuple[Path, ...], tyro.conf.arg(metavar="DIR [DIR ...]")]
"""One dataset folder, or several whose frames are taken as one dataset."""


def dataset_digest(folder: str | Folders) -> str:
    """Identity of a dataset: the digest of its finished shards, wherever the folders are.

    In an object store, what dataset.json says and the shards' names and sizes stand for them: they are not all read.
    """
    folders = tuple(map(Path, folder)) if isinstance(folder, tuple) else (Path(folder),)
    local = [path for one in folders if not is_remote(one) for path in shard_paths(one)]
    distant = [one for one in folders if is_remote(one)]
    if not distant:
        return content_of(local)
    total = hashlib.sha256(content_of(local).encode())
    for one in distant:
        facts = [read_meta(one), *((path.name, file_size(path)) for path in shard_paths(one))]
        total.update(json.dumps(facts, sort_keys=True).encode())
    return total.hexdigest()


def named_folders(items: Sequence[str], first: Mapping[str, Folders]) -> dict[str, Folders]:
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

    def __init__(self, folder: str | Folders):
        """Opens a dataset folder, or several as one.

        Args:
            folder: Dataset folders; DatasetError if one is not a dataset, has no finished shard, or a damaged one.
        """
        self.folders = tuple(map(Path, folder)) if isinstance(folder, tuple) else (Path(folder),)
        if not self.folders:
            raise InvalidValueError("opening a dataset", "no folder", "at least one", "name its folder")
        self.folder = self.folders[0]
        metas, shards = [read_meta(one) for one in self.folders], [_some_shards(one) for one in self.folders]
        self.meta, self.shards = metas[0], [path for paths in shards for path in paths]
        rows = [_rows(meta, paths) for meta, paths in zip(metas, shards, strict=True)]
        self._starts = [0, *itertools.accumulate(itertools.chain(*rows))]
        self._cache: OrderedDict[int, Shard] = OrderedDict()

    @property
    def starts(self) -> Sequence[int]:
        """Number of the first frame of each shard, and how many frames there are."""
        return self._starts

    @property
    def place(self) -> str:
        """The folders, for messages."""
        return " + ".join(map(str, self.folders))

    def __len__(self) -> int:
        return self._starts[-1]

    def __repr__(self) -> str:
        many = f"{counted(len(self), 'frame')} in {counted(len(self.shards), 'shard')}"
        return f"FrameDataset({self.place}: {many} of {', '.join(self.embodiments())})"

    @overload
    def __getitem__(self, i: int) -> FrameRecord: ...
    @overload
    def __getitem__(self, i: slice) -> "FrameSlice": ...
    def __getitem__(self, i: int | slice) -> "FrameRecord | FrameSlice":
        """Frame `i`, or a view of the frames of a slice, decoded when they are asked for."""
        return FrameSlice(self, range(len(self))[i]) if isinstance(i, slice) else decode_row(*self.row(i))

    def row(self, i: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """(row, constants) of frame `i` as stored, images still encoded; negative `i` counts from the end."""
        i = operator.index(i)
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
            self._cache[number] = self._read(number)
            if len(self._cache) > CACHED_SHARDS:
                self._cache.popitem(last=False)
        self._cache.move_to_end(number)
        return self._cache[number]

    def _read(self, number: int) -> Shard:
        shard, rows = read_shard(self.shards[number]), self._starts[number + 1] - self._starts[number]
        if len(shard.table) != rows:
            raise DatasetError(
                f"reading {shard.path}",
                f"it has {counted(len(shard.table), 'frame')}, not {rows}",
                f"what {META_NAME} says",
                f"run `lace data verify {self.folder}`; delete the shard and rerun the generate command",
            )
        return shard

    def embodiments(self) -> list[str]:
        """Names of the embodiments that the frames show, sorted; of many shards, some of each folder are looked at."""
        groups = [[path for path in self.shards if path.parent.parent == folder] for folder in self.folders]
        looked_at = [path for group in groups for path in group[:: -(-len(group) // _MANY)]]
        return sorted({name for path in looked_at for name in read_shard(path, ["embodiment"]).table[0].to_pylist()})

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


@dataclass(frozen=True)
class FrameSlice(Sequence[FrameRecord]):
    """Some frames of a dataset, as `dataset[10:20]` or `dataset[::5]` give them."""

    dataset: FrameDataset
    numbers: range
    """Of the frames in the dataset."""

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, i: int) -> FrameRecord: ...
    @overload
    def __getitem__(self, i: slice) -> "FrameSlice": ...
    def __getitem__(self, i: int | slice) -> "FrameRecord | FrameSlice":
        """Frame `i` of the view, or a view of a part of it."""
        return FrameSlice(self.dataset, self.numbers[i]) if isinstance(i, slice) else self.dataset[self.numbers[i]]


def _rows(meta: Mapping[str, Any], paths: Sequence[Path]) -> list[int]:
    """Frames of each shard: of many shards by what dataset.json says, which is checked when one is read."""
    frames, size = meta.get("frames"), (meta.get("config") or {}).get("shard_frames") or meta.get("frames_per_shard")
    listed = meta.get("shard_rows")
    if len(paths) > _MANY and isinstance(listed, list) and len(listed) == len(paths):
        return listed
    if len(paths) > _MANY and isinstance(frames, int) and isinstance(size, int):
        return [min(size, frames - size * int(path.stem.removeprefix("shard-"))) for path in paths]
    return [read_metadata(path)[0] for path in paths]


def _some_shards(folder: Path) -> list[Path]:
    paths = shard_paths(folder)
    if not paths:
        raise DatasetError(
            f"opening the dataset {address(folder)}",
            "it has no finished shard",
            f"at least one {SHARDS_NAME}/shard-*.parquet",
            "run the generate command again: it resumes",
        )
    return paths


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
