"""Correspondence metrics: lower bound, invariance, agreement with a double loop, interval coverage, collapse."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, normalize

from lace.backbones.described import Described
from lace.core.errors import InvalidValueError
from lace.measure.correspondence import PairSums, correspondence, describe, differences, intervals, pair_sums
from lace.measure.predictors import chance, trivial

GRID, PATCH, K = (5, 6), 8, 7


class MeanColour(torch.nn.Module):
    """A backbone whose feature is the mean colour of a patch."""

    name, patch, dim = "mean colour", PATCH, 3

    def forward(self, images):
        return avg_pool2d(images, self.patch).permute(0, 2, 3, 1)


def made(seed, n=4, dim=16):
    rng = torch.Generator().manual_seed(seed)
    size = torch.tensor([GRID[1], GRID[0]]) * PATCH
    visible = torch.rand(n, K, generator=rng) < 0.7
    visible[:, 0] = True
    return Described(
        normalize(torch.randn(n, GRID[0] * GRID[1], dim, generator=rng), dim=-1),
        GRID,
        torch.rand(n, K, 2, generator=rng) * size,
        visible,
        PATCH,
    )


def with_features(data, features):
    return Described(normalize(features, dim=-1), data.grid, data.keypoints, data.visible, data.patch)


def test_identical_images_reach_the_quantisation_floor():
    one = made(0, n=1)
    two = Described(*(torch.cat([x, x]) if torch.is_tensor(x) else x for x in vars(one).values()))
    result = correspondence(two)
    offset = (one.centres[one.tokens[0]] - one.keypoints[0]).norm(dim=-1)[one.visible[0]].mean()
    assert result["epe_px"]["value"] == pytest.approx(offset.item(), abs=1e-4)
    assert result["cosine"]["value"] == pytest.approx(1, abs=1e-5)


def test_rotating_or_permuting_the_feature_space_changes_nothing():
    data = made(1)
    rotation = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(2)))[0]
    before = correspondence(data)
    for turned in (data.features @ rotation, data.features[..., torch.randperm(16)]):
        after = correspondence(with_features(data, turned))
        for name in ("epe_px", "cosine", "part_accuracy", "pck"):
            assert after[name]["value"] == pytest.approx(before[name]["value"], abs=1e-5)


def by_loops(a, b, i, j):
    """[count, EPE, cosine, PCK@0.1, part] of one pair, by the paper's formulas."""
    out = np.zeros(5)
    for k in range(K):
        if not (a.visible[i, k] and b.visible[j, k]):
            continue
        word = a.features[i, a.tokens[i, k]]
        similarity = b.features[j] @ word
        row, col = divmod(int(similarity.argmax()), GRID[1])
        point = torch.tensor([(col + 0.5) * PATCH, (row + 0.5) * PATCH])
        error = float((point - b.keypoints[j, k]).norm())
        seen = [m for m in range(K) if b.visible[j, m]]
        scores = [float(similarity[b.tokens[j, m]]) for m in seen]
        tied = [m for m, s in zip(seen, scores, strict=True) if s >= max(scores) - 1e-5]
        near = error <= 0.1 * max(GRID) * PATCH
        out += [1, error, float(similarity[b.tokens[j, k]]), near, (k in tied) / len(tied)]
    return out


@pytest.mark.parametrize("chunk", [1, 3, 99])
def test_batched_equals_a_double_loop(chunk):
    a, b = made(3, n=5), made(4, n=3)
    got = pair_sums(a, b, chunk=chunk)
    for i in range(5):
        for j in range(3):
            count, epe, cosine, near, part = by_loops(a, b, i, j)
            assert got.count[i, j] == count
            found = [got.sums[name][i, j] for name in ("epe_px", "cosine", "pck", "part_accuracy")]
            np.testing.assert_allclose(found, [epe, cosine, near, part], atol=1e-4)


def test_self_pairs_are_left_out():
    assert np.all(np.diag(pair_sums(made(5), made(5), same=True).count) == 0)


def test_a_collapsed_backbone_has_cosine_one_and_chance_part_accuracy():
    data = made(6, n=12)
    flat = with_features(data, torch.ones(12, GRID[0] * GRID[1], 16))
    result = correspondence(flat)
    blind = trivial(flat, torch.zeros(K, 2))["random patch"]
    assert result["cosine"]["value"] == pytest.approx(1, abs=1e-5)
    assert result["part_accuracy"]["value"] == pytest.approx(chance(flat), abs=0.02)
    assert result["epe_px"]["value"] == pytest.approx(blind["epe_px"], rel=0.03)


def test_intervals_are_seeded_and_hold_the_mean():
    pairs = pair_sums(made(7, n=10), made(8, n=10))
    first, again, other = (intervals(pairs, False, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert all(i.low <= i.value <= i.high for i in first.values())


def test_the_interval_covers_the_true_mean():
    """With image effects of mean 0 on both sides, 95 % intervals contain 0 in most of 100 repetitions."""
    rng, held = np.random.default_rng(0), 0
    for seed in range(100):
        effects = rng.normal(size=(40, 1)) + rng.normal(size=(1, 40))
        pairs = pair_sums(made(0, 1), made(0, 1))
        pairs = type(pairs)(np.ones((40, 40)), {"epe_px": effects})
        found = intervals(pairs, False, seed, 300)["epe_px"]
        held += found.low <= 0 <= found.high
    assert 87 <= held <= 100


def test_no_shared_keypoint_is_an_error():
    data = made(9)
    blind = Described(data.features, GRID, data.keypoints, torch.zeros_like(data.visible), PATCH)
    with pytest.raises(InvalidValueError, match="shares a visible keypoint"):
        correspondence(data, blind)


def test_describe_reads_a_bank():
    images = torch.randint(0, 256, (3, 3, 40, 48), dtype=torch.uint8)
    bank = SimpleNamespace(images=images, keypoints=made(0, 3).keypoints, visible=made(0, 3).visible)
    got = describe(MeanColour(), bank, limit=2, batch=1)
    assert got.grid == GRID
    assert got.features.shape == (2, 30, 3)
    want = normalize(images[1, :, 8:16, 16:24].float().mean((1, 2)), dim=0)
    torch.testing.assert_close(got.features[1, 1 * 6 + 2], want)


def test_a_paired_difference_is_narrower_than_the_difference_of_intervals():
    """Two sets of sums that differ by a constant per keypoint: the paired interval has zero width."""
    rng = np.random.default_rng(0)
    count = rng.integers(1, 5, (6, 6)).astype(float)
    values = count * rng.uniform(10, 50, (6, 6))
    before, after = PairSums(count, {"epe_px": values}), PairSums(count, {"epe_px": values - 3 * count})
    change = differences(before, after, same=False)["epe_px"]
    assert (change.value, change.low, change.high) == pytest.approx((-3, -3, -3))
    alone = intervals(after, same=False)["epe_px"]
    assert alone.high - alone.low > 1
