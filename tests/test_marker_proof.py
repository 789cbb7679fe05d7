"""The method works where its precondition holds, and only with the right part names: the short form of the proof.

Made-up frames stand for the rendered ones of benchmarks/marker_proof.py, and a smaller backbone for the tiny one.
"""

import numpy as np
import pytest
import torch

from benchmarks.marker_proof import SIZE, measured, shrunk
from benchmarks.markers import COUNT, SIDE, colour, hand_crop, marked, renamed
from lace.core.keypoints import Visibility
from lace.pairs import augment_bank
from lace.training import TrainConfig, Trainer
from tests.synthetic import make_frame
from tests.test_training import small

RECIPE = TrainConfig(iterations=100, batch=8, learning_rate=1e-3, warmup=10, tau=0.1, all_pairs=True, seed=0)


@pytest.fixture(scope="module")
def banks():
    """(training, held-out) banks by name."""
    records = {name: [make_frame(i, seed=seed) for i in range(64)] for seed, name in enumerate(("human", "robot"))}
    parts = [{name: marked(found[part], name, seed=0) for name, found in records.items()} for part in (slice(40), slice(40, 64))]
    return parts[0], {name: shrunk(bank) for name, bank in parts[1].items()}


def aligned(train, held_out):
    backbone = small()
    Trainer(RECIPE, [augment_bank(bank, 200, SIZE, 0) for bank in train.values()], backbone).run()
    return measured(backbone, held_out)


def test_lace_aligns_marked_hands_and_shuffled_names_do_not(banks):
    train, held_out = banks
    before, after = measured(small(), held_out), aligned(train, held_out)
    control = aligned({**train, "robot": renamed(train["robot"], 9)}, held_out)
    print(*((p, r["epe_px"], r["part_accuracy"]) for x in (before, after, control) for p, r in x.items()), sep="\n")
    assert before["H-R"]["part_accuracy"]["value"] < 0.12
    assert after["H-R"]["epe_px"]["value"] < 0.65 * before["H-R"]["epe_px"]["value"]
    assert after["H-R"]["part_accuracy"]["value"] > 0.30
    assert control["H-R"]["part_accuracy"]["value"] < 0.12
    for pair in ("H-H", "R-R"):
        assert after[pair]["epe_px"]["value"] <= before[pair]["epe_px"]["value"]


def test_markers_sit_on_the_keypoints_of_the_crop():
    bank = marked([make_frame(i) for i in range(4)], "robot", seed=0)
    for image, uv, visible in zip(bank.images, bank.keypoints, bank.visible, strict=True):
        last = int(np.flatnonzero(visible.numpy())[-1])  # drawn last, so nothing lies over it
        x, y = uv[last].floor().int().tolist()
        assert image[:, y, x].tolist() == list(colour(last, robot=True))


def test_a_crop_carries_its_keypoints_to_the_same_pixels():
    record = make_frame(0)
    seen = np.flatnonzero(record.visibility == Visibility.VISIBLE)[0]
    x, y = np.floor(record.keypoints_uv[seen]).astype(int)
    record.image[:] = 0
    record.image[y - 1 : y + 2, x - 1 : x + 2] = 255
    record.keypoints_uv[seen] = x + 0.5, y + 0.5
    image, uv, visible = hand_crop(record, np.random.default_rng(4))
    bright = np.argwhere(image[..., 0] > 128)[:, ::-1] + 0.5
    assert visible[seen]
    assert np.abs(bright.mean(0) - uv[seen]).max() < 0.3


def test_hues_are_permuted_between_embodiments():
    assert sum(colour(k, False) == colour(k, True) for k in range(COUNT)) == 0
    assert len({colour(k, True) for k in range(COUNT)}) == COUNT


def test_renamed_keeps_what_is_there():
    bank = marked([make_frame(i) for i in range(4)], "robot", seed=0)
    other = renamed(bank, 9)
    assert torch.equal(other.visible.sum(1), bank.visible.sum(1))
    assert not torch.equal(other.visible, bank.visible)
    assert (other.keypoints[other.visible] < SIDE).all()
