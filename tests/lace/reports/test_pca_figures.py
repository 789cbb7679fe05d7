"""Joint PCA: equal parts have equal colours in all embodiments; the pictures decode."""

import numpy as np
import pytest
import torch

from lace.core.errors import InvalidValueError
from lace.core.keypoints import Visibility
from lace.measure.regions import hand_tokens, hull_mask
from lace.reports.pca_figures import drift_figure, joint_colours, pca_figure
from tests.lace.reports.test_figures import decoded
from tests.synthetic import make_frame

GRID = (3, 4)


def parts(seed=0, n=2):
    """Features (n, 12, 6) of four parts, three patches each, and the part of each patch."""
    g = torch.Generator().manual_seed(seed)
    names = torch.stack([torch.randperm(12, generator=g) % 4 for _ in range(n)])
    return torch.nn.functional.normalize(torch.randn(4, 6, generator=torch.Generator().manual_seed(9)), dim=-1)[
        names
    ], names


def test_equal_parts_have_equal_colours_across_embodiments():
    (human, a), (robot, b) = parts(0), parts(1, 3)
    everything = [torch.ones(x.shape[:2], dtype=torch.bool) for x in (human, robot)]
    colours = torch.cat([c.flatten(0, 1) for c in joint_colours([human, robot], everything)])
    names = torch.cat([a.flatten(), b.flatten()])
    means = torch.stack([colours[names == k].mean(0) for k in range(4)])
    assert (colours - means[names]).abs().max() < 1e-5
    assert torch.cdist(means, means)[~torch.eye(4, dtype=torch.bool)].min() > 0.2
    assert 0 <= colours.min() and colours.max() <= 1


def test_a_rotation_of_the_feature_space_changes_no_distance_of_colours():
    features, _ = parts()
    mask = torch.ones(2, 12, dtype=torch.bool)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))[0]
    (plain,), (turned,) = joint_colours([features], [mask]), joint_colours([features @ turn], [mask])
    distances = [torch.cdist(c.flatten(0, 1), c.flatten(0, 1)) for c in (plain, turned)]
    torch.testing.assert_close(*distances, atol=1e-4, rtol=0)


def test_too_few_hand_patches_is_an_error():
    with pytest.raises(InvalidValueError, match="3 patches of hands"):
        joint_colours([parts()[0]], [torch.arange(24).reshape(2, 12) < 3])


def test_pictures_decode():
    (human, _), (robot, _) = parts(0), parts(1)
    images = {name: np.full((2, 30, 40, 3), 90, np.uint8) for name in ("human", "robot")}
    masks = {name: torch.arange(24).reshape(2, 12) % 2 == 0 for name in images}
    features = {"before": {"human": human, "robot": robot}, "after": {"human": robot, "robot": human}}
    assert min(decoded(pca_figure(images, masks, features, GRID)).shape[:2]) > 300
    assert min(decoded(drift_figure(images["human"], masks["human"], human, robot, GRID)).shape[:2]) > 300


def test_hand_patches_follow_the_masks_or_the_keypoints():
    record = make_frame(0)
    by_mask = hand_tokens([record], (12, 12))[0].reshape(12, 12)
    rows, cols = by_mask.nonzero().T
    inside = record.mask(name="robot/hand")[rows * 8 + 4, cols * 8 + 4]
    assert by_mask.any() and inside.mean() > 0.8
    record.segmentation = None
    hull = hull_mask(record)
    seen = record.keypoints_uv[record.visibility == Visibility.VISIBLE]
    middle = np.floor(seen.mean(0)).astype(int)
    assert hull[middle[1], middle[0]]
    assert not hull[:, : int(seen[:, 0].min()) - 1].any()
    assert hand_tokens([record], (12, 12)).any()
