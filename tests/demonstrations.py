"""Small synthetic demonstrations on disk: four frames to a demonstration."""

import json
from pathlib import Path

from lace.data.dataset import META_NAME
from lace.data.schema import constants_of, encode_frame
from lace.data.shards import shard_name, write_shard
from tests.synthetic import make_frame

EACH = 4
PARTS = ("human/in_domain", "human/ood_env", "robot/in_domain", "test/in_domain", "test/ood_env", "test/ood_obj")
"""Of a study that policies are trained and tested on."""


def make_demonstrations(folder: Path, count: int = 3, seed: int = 0, size: int = 64, human: bool = False) -> Path:
    """A dataset of `count` demonstrations of EACH frames, of a robot or of a human; returns the folder."""
    records = [make_frame(i, size, seed, human) for i in range(count * EACH)]
    rows = [encode_frame(record, "png") for record in records]
    write_shard(folder / "shards" / shard_name(0), rows, constants_of(records[0]), {"marker_error_px": 0.2})
    config = {"demonstrations": count, "demonstration_frames": EACH}
    facts = {"frames": len(rows), "seed": seed, "preset": "test", "embodiment": "synthetic", "config": config}
    (folder / META_NAME).write_text(json.dumps(facts))
    return folder


def make_study(folder: Path, size: int = 64) -> Path:
    """A study of two demonstrations in each of PARTS; returns the folder."""
    for seed, part in enumerate(PARTS):
        make_demonstrations(folder / part, 2, seed=seed + 1, size=size, human=part.startswith("human"))
    (folder / "study.json").write_text(json.dumps({"config": {"cameras": 0, "image_size": size}}))
    return folder
