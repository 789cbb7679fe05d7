"""HInt's layout on disk, with generated labels."""

import json

import cv2
import numpy as np

WIDTH, HEIGHT = 160, 120
ALL = (("epick", "newdays", "ego4d"), ("TRAIN", "VAL", "TEST"))


def hand(seed=0):
    """21 keypoints in the image [px] and their box."""
    uv = np.random.default_rng(seed).uniform((50, 30), (110, 90), (21, 2))
    return uv, np.concatenate([uv.min(0), uv.max(0)])


def put(folder, stem, seed=0, image=True, **changes):
    """One pair of HInt, with keys changed, or removed where the value is None."""
    folder.mkdir(parents=True, exist_ok=True)
    uv, box = hand(seed)
    label = {"bbox": [box.tolist()], "keypoints": uv.tolist(), "occlusion": [0] * 20 + [1], **changes}
    (folder / f"{stem}.json").write_text(json.dumps([{k: v for k, v in label.items() if v is not None}]))
    if image:
        pixels = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), np.uint8)
        cv2.imwrite(str(folder / f"{stem}.jpg"), cv2.resize(pixels, (WIDTH, HEIGHT)))
