"""Short version of benchmarks/marker_proof.py: LACE works on marked frames, and only with the right part names.

Uses synthetic instead of rendered frames, and a smaller backbone than `tiny`.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers as hf

from benchmarks.marker_proof import SIZE, floor, measured, shrunk
from benchmarks.markers import COUNT, SIDE, colour, hand_crop, marked, renamed
from lace.alignment.config import TrainConfig
from lace.alignment.pairs import augment_bank
from lace.alignment.training import Trainer
from lace.backbones import families
from lace.core.keypoints import Visibility
from tests.synthetic import make_frame

RECIPE = TrainConfig(iterations=150, batch=8, learning_rate=2e-3, warmup=10, tau=0.1, all_pairs=True, seed=0)
SHOWN = [0, 2, 4, 5, 8, 9, 12, 13, 16]
LAYOUT = np.array(
    [[0, 1.2], [-1, 0.6], [-1.6, -0.2], [-0.5, 0], [-0.7, -1.4], [0, -0.1], [0, -1.6], [0.5, 0], [0.8, -1.4]]
)
"""A hand of nine keypoints, palm down, in units of a fifth of the image."""


def frame(index, seed, size=96):
    """A rotated and perturbed set of hand keypoints, two of them hidden, over large coloured blocks of noise."""
    rng = np.random.default_rng([seed, index])
    blocks = np.clip(rng.normal(rng.uniform(60, 190, 3), 20, (12, 12, 3)), 0, 255).astype(np.uint8)
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    uv, visibility = np.full((COUNT, 2), np.nan, np.float32), np.zeros(COUNT, np.uint8)
    uv[SHOWN] = size / 2 + (LAYOUT + rng.normal(0, 0.12, LAYOUT.shape)) @ rotation.T * size / 5
    visibility[SHOWN] = Visibility.VISIBLE
    visibility[rng.choice(SHOWN, 2, replace=False)] = Visibility.OCCLUDED
    image = np.kron(blocks, np.ones((size // 12, size // 12, 1), np.uint8))
    return replace(make_frame(0), image=image, keypoints_uv=uv, visibility=visibility)


@pytest.fixture(scope="module")
def banks():
    """(training, held-out) banks by name."""
    records = {name: [frame(i, seed) for i in range(80)] for seed, name in enumerate(("human", "robot"))}
    train, held_out = (
        {name: marked(found[part], name, seed=0) for name, found in records.items()}
        for part in (slice(50), slice(50, 80))
    )
    return train, {name: shrunk(bank) for name, bank in held_out.items()}


def fresh():
    config = hf.DINOv3ViTConfig(
        patch_size=8,
        image_size=SIZE,
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_register_tokens=1,
        pos_embed_rescale=None,
    )
    return families.from_config(config, "small", SIZE)


def aligned(train, held_out):
    backbone = fresh()
    Trainer(RECIPE, [augment_bank(bank, 300, SIZE, 0) for bank in train.values()], backbone).run()
    return numbers(backbone, held_out)


def numbers(backbone, held_out):
    """Pair -> (EPE [px], part accuracy)."""
    return {
        pair: (row["epe_px"]["value"], row["part_accuracy"]["value"])
        for pair, row in measured(backbone, held_out).items()
    }


def test_lace_aligns_marked_hands_and_shuffled_names_do_not(banks):
    """Chance is about 1 of 6 visible keypoints; EPE must be lower than that of the image centre."""
    train, held_out = banks
    before, after = numbers(fresh(), held_out), aligned(train, held_out)
    control = aligned({**train, "robot": renamed(train["robot"], 9)}, held_out)
    guesses = [floor(held_out[name], train[name]) for name in ("human", "robot")]
    assert after["H-R"][0] < 0.65 * before["H-R"][0]
    assert after["H-R"][0] < 0.75 * min(row["epe_px"] for found in guesses for row in found.values())
    assert after["H-R"][1] > 0.45
    assert control["H-R"][1] < 0.17
    assert control["H-R"][0] > before["H-R"][0]
    for pair in ("H-H", "R-R"):
        assert after[pair][0] <= before[pair][0]


def test_markers_sit_on_the_keypoints_of_the_crop():
    bank = marked([make_frame(i) for i in range(4)], "robot", seed=0)
    for image, uv, visible in zip(bank.images, bank.keypoints, bank.visible, strict=True):
        last = int(np.flatnonzero(visible.numpy())[-1])  # drawn last, so nothing covers it
        x, y = uv[last].floor().int().tolist()
        assert image[:, y, x].tolist() == list(colour(last, robot=True))


def test_a_crop_carries_its_keypoints_to_the_same_pixels():
    record = make_frame(0)
    seen = np.flatnonzero(record.visibility == Visibility.VISIBLE)[0]
    x, y = np.floor(record.keypoints_uv[seen]).astype(int)
    record.image[:] = 0
    record.image[y - 1 : y + 2, x - 1 : x + 2] = 255
    record.keypoints_uv[seen] = x + 0.5, y + 0.5
    image, uv, visible = hand_crop(record, np.random.default_rng(1))
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
