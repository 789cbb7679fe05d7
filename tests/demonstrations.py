"""Small synthetic demonstrations on disk: four frames to a demonstration."""

import json
from pathlib import Path

from lace.data.dataset import META_NAME
from lace.data.schema import constants_of, encode_frame
from lace.data.shards import shard_name, write_shard
from tests.synthetic import make_frame

EACH = 4


def make_demonstrations(folder: Path, count: int = 3, seed: int = 0, size: int = 64) -> Path:
    """A dataset of `count` demonstrations of EACH frames; returns the folder."""
    records = [make_frame(i, size, seed) for i in range(count * EACH)]
    rows = [encode_frame(record, "png") for record in records]
    write_shard(folder / "shards" / shard_name(0), rows, constants_of(records[0]), {"marker_error_px": 0.2})
    config = {"demonstrations": count, "demonstration_frames": EACH}
    facts = {"frames": len(rows), "seed": seed, "preset": "test", "embodiment": "synthetic", "config": config}
    (folder / META_NAME).write_text(json.dumps(facts))
    return folder
