"""`lace data merge`: one dataset of several; shards are copied as they are, their frames numbered on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lace.core.counting import counted
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import make_folder, remove_leftovers
from lace.core.run_identity import RunIdentity
from lace.data.dataset import META_NAME, SHARDS_NAME, FrameDataset, dataset_digest, read_meta, shard_paths
from lace.data.shards import is_whole, publish_renumbered, read_metadata, shard_name

Progress = Callable[[int, int], None]
"""Called with (shards done, shards in all)."""


def merge(folders: Sequence[Path], out: Path, progress: Progress | None = None) -> int:
    """Copies the shards of all `folders`, in their order, to `out`; the same call resumes. Returns the frames.

    Images and labels stay as they are; `index` counts through the whole dataset. One shard is in memory at a time.

    Args:
        folders: Finished datasets; none twice.
        out: Dataset folder to write.
        progress: Called after each shard.

    Raises:
        InvalidValueError: No folder is given, one is given twice, or `out` is one of them.
        DatasetError: A dataset is damaged or lacks frames, or `out` holds something else or is in use.
    """
    _require_different([*folders, out])
    datasets = [FrameDataset(folder) for folder in folders]
    for dataset in datasets:
        _require_complete(dataset)
    frames = sum(map(len, datasets))
    meta = {
        "format": 1,
        "kind": "frames",
        "embodiment": " + ".join(dict.fromkeys(str(dataset.meta.get("embodiment", "")) for dataset in datasets)),
        "frames": frames,
        "shard_rows": [read_metadata(path)[0] for dataset in datasets for path in dataset.shards],
        "sources": [_facts(dataset) for dataset in datasets],
    }
    with RunIdentity(out / META_NAME, "a merged dataset", meta, compared=("sources",)).opened():
        make_folder(out / SHARDS_NAME)
        remove_leftovers(out / SHARDS_NAME)
        total = sum(len(dataset.shards) for dataset in datasets)
        for number, (path, first) in enumerate(_numbered(datasets)):
            target = out / SHARDS_NAME / shard_name(number)
            if not is_whole(target):
                publish_renumbered(path, target, first)
            if progress:
                progress(number + 1, total)
    return frames


def _numbered(datasets: Sequence[FrameDataset]) -> Iterator[tuple[Path, int]]:
    """(shard, number of its first frame) of all datasets."""
    first = 0
    for dataset in datasets:
        for path in dataset.shards:
            yield path, first
            first += read_metadata(path)[0]


def _facts(dataset: FrameDataset) -> dict[str, Any]:
    """What a source is, by its content."""
    return {"name": dataset.folder.name, "frames": len(dataset), "digest": dataset_digest(dataset.folder)}


def _require_different(folders: Sequence[Path]) -> None:
    if len(folders) == 1:  # the new folder alone
        raise InvalidValueError("merging datasets", "no folder", "the datasets to join", "give their folders")
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise InvalidValueError(
                "merging datasets", f"{folder} is given twice", "different folders", "give each folder once"
            )
        seen.add(folder.resolve())


def _require_complete(dataset: FrameDataset) -> None:
    frames = read_meta(dataset.folder).get("frames")
    if frames is not None and frames != len(dataset):
        raise DatasetError(
            f"merging {dataset.folder}",
            f"it has {len(dataset)} of its {frames} frames, in {counted(len(shard_paths(dataset.folder)), 'shard')}",
            "finished datasets",
            f"`lace data verify {dataset.folder}` says what is missing; run the generate command again to make it",
        )
