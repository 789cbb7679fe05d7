"""Banks, augmentation and sampling: keypoints keep their pixels; pairs are balanced, seeded and share keypoints."""

from collections import Counter

import cv2
import numpy as np
import pytest
import torch

from lace.alignment.augmentation import AugmentConfig, blur, crop_resize, move_keypoints, resized_crop
from lace.alignment.pairs import FrameBank, PairSampler, augment_bank, augmented_views, sample_indices
from lace.core.errors import InvalidValueError
from tests.synthetic import make_dataset, make_frame


def bank(name, count, visible, size=32):
    shown = torch.zeros(count, 21, dtype=torch.bool)
    shown[:, list(visible)] = True
    return FrameBank(
        torch.zeros(count, 3, size, size, dtype=torch.uint8), torch.zeros(count, 21, 2), shown, [name] * count
    )


def test_from_dataset_scales_keypoints_with_the_image(tmp_path):
    frame = make_frame(int(sample_indices(3, 2)[0]))
    read = FrameBank.from_dataset(make_dataset(tmp_path, frames=3), 48, limit=2)
    assert read.images.shape == (2, 3, 48, 48)
    assert read.embodiment == ["synthetic"] * 2
    shown = read.visible[0].numpy()
    assert (shown == (frame.visibility == 3)).all()
    assert np.allclose(read.keypoints[0][shown], frame.keypoints_uv[shown] / 2, atol=1e-4)
    assert not shown[17:].any()
    assert FrameBank.from_dataset(tmp_path, 48, name="robot").names() == ["robot"]


def test_patch_of_a_keypoint_is_row_major():
    one = bank("robot", 1, [0])
    one.keypoints[0, 0] = torch.tensor([25.0, 9.0])
    assert int(one.patches(8)[0, 0]) == 1 * 4 + 3


def test_crops_carry_keypoints_to_the_same_pixel():
    """After the crop, a bright dot drawn at a keypoint is at the keypoint's new position."""
    size, uv = 64, torch.tensor([[[40.5, 22.5]]])
    image = torch.zeros(1, 3, size, size)
    image[0, :, 21:24, 39:42] = 255
    box = torch.tensor([[20.0, 10.0, 56.0, 44.0]])
    moved, shown = move_keypoints(uv, torch.ones(1, 1, dtype=torch.bool), box, 64)
    cropped = crop_resize(image, box, 64)[0, 0]
    grid = torch.stack(torch.meshgrid(*[torch.arange(64) + 0.5] * 2, indexing="xy"), -1)
    centre = (grid * cropped[..., None]).sum((0, 1)) / cropped.sum()
    assert shown.all()
    assert torch.allclose(centre, moved[0, 0], atol=0.1)
    away = move_keypoints(uv, torch.ones(1, 1, dtype=torch.bool), torch.tensor([[0.0, 0.0, 30.0, 30.0]]), 64)[1]
    assert not away.any()


def test_crops_never_flip():
    ramp = torch.arange(32.0).expand(1, 3, 32, 32)
    cropped = crop_resize(ramp, torch.tensor([[4.0, 4.0, 28.0, 28.0]]), 32)
    assert (cropped.diff(dim=-1) >= 0).all()
    assert all(low > 0 for low in (*AugmentConfig().scale, *AugmentConfig().aspect))


def test_blur_keeps_flat_images_and_spreads_a_dot_by_sigma():
    flat = torch.full((2, 3, 20, 20), 7.0)
    torch.testing.assert_close(blur(flat, torch.tensor([0.0, 2.0])), flat)
    dot = torch.zeros(2, 3, 41, 41)
    dot[..., 20, 20] = 1
    spread = blur(dot, torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(spread[0], dot[0])
    x = torch.arange(41.0) - 20
    assert float((spread[1, 0].sum(0) * x**2).sum()) == pytest.approx(4, rel=0.05)


def test_augmented_bank_is_seeded_and_full(tmp_path):
    read = FrameBank.from_dataset(make_dataset(tmp_path, frames=3), 48)
    first, again, other = (augment_bank(read, 30, 32, seed) for seed in (0, 0, 1))
    assert len(first) == 30
    assert first.size == 32
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert first.visible.any(1).all()
    inside = (first.keypoints[first.visible] >= 0) & (first.keypoints[first.visible] < 32)
    assert inside.all()


def test_combinations_are_balanced_and_seeded():
    joined = FrameBank.joined([bank("human", 5, range(21)), bank("robot", 50, range(17)), bank("rod", 7, [0, 5])])
    sampler = PairSampler(joined, 16, seed=3, mix="unordered")
    assert len(sampler.combinations) == 6
    steps = [sampler.step(i) for i in range(30)]
    counts = Counter(int(c) for step in steps for c in step.combination)
    assert set(counts.values()) == {80}
    names = np.array(joined.embodiment)
    ordered = Counter((names[i], names[j]) for step in steps for i, j in zip(step.a, step.b, strict=True))
    assert 20 < ordered["human", "robot"] < 60
    assert all((step.a != step.b).all() for step in steps)
    again = PairSampler(joined, 16, seed=3, mix="unordered").step(7)
    assert (again.a == steps[7].a).all()
    assert (again.b == steps[7].b).all()
    cross = PairSampler(joined, 16, seed=3, intra=False).step(0)
    assert (names[cross.a] != names[cross.b]).all()


def test_pairs_without_shared_keypoints_are_skipped_and_counted():
    mixed = FrameBank.joined([bank("human", 4, [0]), bank("robot", 4, [0]), bank("robot", 4, [1])])
    sampler = PairSampler(mixed, 32, seed=0, intra=False)
    step = sampler.step(0)
    assert step.skipped > 0
    assert (mixed.visible[step.a] & mixed.visible[step.b]).any(1).all()
    with pytest.raises(InvalidValueError, match="shared no visible keypoint"):
        PairSampler(FrameBank.joined([bank("human", 2, [0]), bank("robot", 2, [1])]), 4, 0, intra=False).step(0)
    with pytest.raises(InvalidValueError, match="two embodiments"):
        PairSampler(bank("human", 4, [0]), 4, 0, intra=False)


@pytest.mark.parametrize(("mix", "across"), [("ordered", 1 / 2), ("unordered", 1 / 3)])
def test_share_of_cross_pairs_of_two_embodiments(mix, across):
    joined = FrameBank.joined([bank("human", 5, range(21)), bank("robot", 5, range(17))])
    steps = [PairSampler(joined, 12, seed=0, mix=mix).step(i) for i in range(4)]
    names = np.array(joined.embodiment)
    assert np.mean([names[step.a] != names[step.b] for step in steps]) == pytest.approx(across)


def test_three_quarters_of_the_ordered_pairs_of_four_embodiments_are_across():
    joined = FrameBank.joined([bank(name, 4, range(17)) for name in ("a", "b", "c", "d")])
    step, names = PairSampler(joined, 32, seed=0).step(0), np.array(joined.embodiment)
    assert np.mean(names[step.a] != names[step.b]) == pytest.approx(3 / 4)


def test_a_sample_is_drawn_from_the_whole_set_and_smaller_samples_are_inside_larger_ones():
    one, ten, more = (set(sample_indices(1000, limit, seed=5).tolist()) for limit in (1, 10, 100))
    assert one < ten < more
    assert max(more) > 900
    assert set(sample_indices(1000, 10, seed=6).tolist()) != ten
    assert list(sample_indices(3, 10)) == list(sample_indices(3, None)) == [0, 1, 2]
    with pytest.raises(InvalidValueError, match="limit 0 of 3 frames"):
        sample_indices(3, 0)


def test_crops_are_cut_from_the_full_resolution():
    """1 px stripes survive a crop to half the side at full resolution and are lost after a reduction."""
    image = np.zeros((128, 128, 3), np.uint8)
    image[:, ::2] = 255
    box = np.array([32.0, 32.0, 96.0, 96.0])
    sharp = resized_crop(image, box, 64)
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    blurred = resized_crop(small, box / 2, 64)
    assert float(sharp.std()) > 100
    assert float(blurred.std()) < 20


def test_every_image_gets_the_same_number_of_views():
    seen = []

    def image(i):
        seen.append(i)
        return np.full((40, 60, 3), i, np.uint8), np.full((21, 2), 20.0), np.ones(21, bool)

    config = AugmentConfig(blur_chance=0.0)
    made = augmented_views(image, 3, 8, 32, name="robot", rng=np.random.default_rng(0), config=config)
    assert sorted(seen) == [0, 1, 2]
    counts = Counter(made.images[:, 0, 0, 0].tolist())
    assert sorted(counts.values()) == [2, 3, 3]
