"""Opening, listing, counting and sampling datasets of up to a million made-up small frames: time and memory.

    python benchmarks/many_rows.py --rows 10000 100000 1000000 --out /tmp/rows
    python benchmarks/many_rows.py --rows 100000 --store            # through an S3 server on this machine and back

Each dataset is measured in a process of its own. With --store the shards are uploaded to moto's S3 server, every frame
is read back and compared; the rates are those of that server, which is written in Python.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.files import publish_bytes
from lace.data.dataset import META_NAME, SHARDS_NAME, FrameDataset
from lace.data.schema import SCHEMA
from lace.data.shards import shard_bytes, shard_name

SAMPLES = 200


def make(folder: Path, rows: int, per_shard: int = 1000, size: int = 16) -> None:
    """A dataset of `rows` frames of `size` px, each image different."""
    from lace.core.frames import FrameRecord
    from lace.data.schema import encode_frame

    empty = np.full((21, 2), np.nan, np.float32)
    record = FrameRecord(np.zeros((size, size, 3), np.uint8), "robot_made_up", empty, np.zeros(21, np.uint8))
    row = encode_frame(record, "png")
    for number, start in enumerate(range(0, rows, per_shard)):
        path = folder / SHARDS_NAME / shard_name(number)
        if not path.is_file():
            some = [
                row | {"index": i, "draws": f'{{"number":{i}}}'} for i in range(start, min(start + per_shard, rows))
            ]
            publish_bytes(path, shard_bytes(some, {"joint_names": [], "link_names": [], "segments": []}, {}))
    meta = {"frames": rows, "embodiment": "robot_made_up", "config": {"shard_frames": per_shard}}
    publish_bytes(folder / META_NAME, json.dumps(meta).encode())


def measure(folder: Path) -> dict[str, Any]:
    """CPU seconds and peak memory [MB] of what a training script does first; run it in a fresh process.

    Other jobs do not count in CPU time. ru_maxrss would begin with what the parent held.
    """
    started = time.process_time()
    dataset = FrameDataset(folder)
    opened, count = time.process_time() - started, len(dataset)
    started = time.process_time()
    names = dataset.embodiments()
    looked = time.process_time() - started
    chosen = np.random.default_rng(0).integers(0, count, SAMPLES)
    started = time.process_time()
    if any(dataset[int(i)].index != i for i in chosen):
        raise AssertionError("another frame than the one that was asked for")
    sampled = (time.process_time() - started) / SAMPLES
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    facts = {"frames": count, "open_s": opened, "embodiments_s": looked, "sample_s": sampled}
    return facts | {"peak_memory_MB": peak, "names": names}


def through_store(folder: Path, frames: int) -> dict[str, Any]:
    """Uploads a dataset, reads every frame back, and compares."""
    import pytest

    from tests.object_store import s3_server

    with pytest.MonkeyPatch.context() as monkeypatch, s3_server(monkeypatch) as bucket:
        started, sent = time.perf_counter(), 0
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            publish_bytes(Path(bucket) / "rows" / path.relative_to(folder), content)
            sent += len(content)
        uploaded = time.perf_counter() - started
        started, there, here = time.perf_counter(), FrameDataset(f"{bucket}/rows"), FrameDataset(folder)
        digests = []
        for dataset in (there, here):
            total = hashlib.sha256()
            for number in range(len(dataset.shards)):
                for column in dataset.shard(number).table.select(SCHEMA.names).itercolumns():
                    total.update(str(column.to_pylist()).encode())
            digests.append(total.hexdigest())
        read = time.perf_counter() - started
    same = digests[0] == digests[1] and len(there) == frames
    return {"frames": frames, "MB": sent / 1e6, "upload_s": uploaded, "read_and_compare_s": read, "same": same}


def main() -> None:
    """Makes the datasets that are missing, measures each, prints one line of JSON for each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options.add_argument("--out", type=Path, default=Path("runs/rows"))
    options.add_argument("--store", action="store_true")
    options.add_argument("--measure", type=Path)
    given = options.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    for rows in given.rows:
        folder = given.out / str(rows)
        make(folder, rows)
        if given.store:
            print(json.dumps(through_store(folder, rows)), flush=True)
            continue
        words = [sys.executable, "-m", "benchmarks.many_rows", "--measure", str(folder)]
        print(subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
