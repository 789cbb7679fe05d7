"""Keypoint correspondence across images (sec. 3, tables 1, 4, 5, 6, 8): EPE, cosine, PCK, part accuracy.

The paper states no resolution for its EPE; here it is in pixels of the given images (224 by default) and in patches.
Neither of the paper's two metrics is sufficient: cosine is 1 for a collapsed backbone, and EPE rewards predicting the
image centre. Part accuracy (is the nearest of the target's visible keypoints the right one?) is not affected by either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from lace.backbones import Backbone
from lace.backbones.described import Described
from lace.core.draws import generator
from lace.core.errors import InvalidValueError
from lace.measure.bootstrap import LEVEL, RESAMPLES, Interval, image_weights, ratio

METRICS = ("epe_px", "epe_patches", "cosine", "pck", "part_accuracy")


class Bank(Protocol):
    """Images with keypoints, as `lace.alignment.pairs.FrameBank`."""

    @property
    def images(self) -> Tensor:
        """(n, 3, size, size) uint8."""
        ...

    @property
    def keypoints(self) -> Tensor:
        """(n, 21, 2) [px]."""
        ...

    @property
    def visible(self) -> Tensor:
        """(n, 21) bool."""
        ...


TIE = 1e-5
"""Cosines that differ by less are ties: tied answers share the score, so that the order of patches has no influence."""


@torch.no_grad()
def describe(backbone: Backbone, bank: Bank, limit: int = 100, batch: int = 16) -> Described:
    """Features of the first `limit` images of a `FrameBank`, computed in batches; the result is on the CPU."""
    images = torch.as_tensor(bank.images)[:limit]
    if not len(images):
        raise InvalidValueError("describing images", "no image", "at least one", "give a dataset with frames")
    device = next((p.device for p in backbone.parameters()), torch.device("cpu"))
    grids = [backbone(part.to(device).float() / 255).float().cpu() for part in images.split(batch)]
    grid = torch.cat(grids)
    return Described(
        normalize(grid.flatten(1, 2), dim=-1),
        (grid.shape[1], grid.shape[2]),
        torch.as_tensor(bank.keypoints)[:limit].float(),
        torch.as_tensor(bank.visible)[:limit].bool(),
        backbone.patch,
    )


@dataclass(frozen=True)
class PairSums:
    """For every ordered image pair the number of shared visible keypoints and the sum of each metric over them."""

    count: np.ndarray
    """(sources, targets)."""
    sums: Mapping[str, np.ndarray]
    """Metric -> (sources, targets)."""

    def both_ways(self, back: "PairSums") -> "PairSums":
        """Pools a -> b and b -> a."""
        return PairSums(self.count + back.count.T, {m: self.sums[m] + back.sums[m].T for m in self.sums})


def pair_sums(source: Described, target: Described, same: bool = False, pck: float = 0.1, chunk: int = 8) -> PairSums:
    """All pairs of images: each shared visible keypoint of a source is matched to its most similar patch in the target.

    Args:
        source: Images whose keypoint patches are the queries.
        target: Images that are searched.
        same: The two are the same images, so pairs of an image with itself are left out.
        pck: A keypoint is correct within this fraction of the target image's longer side.
        chunk: Sources at once; memory grows as chunk * k * targets * patches * 4 bytes.
    """
    distance = torch.cdist(target.keypoints.nan_to_num(), target.centres.expand(len(target.features), -1, -1))
    limit_px = pck * max(target.grid) * target.patch
    near = (distance <= limit_px).float()
    parts = []
    for start in range(0, len(source.features), chunk):
        words = source.descriptors[start : start + chunk]
        shared = source.visible[start : start + chunk, None] & target.visible[None]
        parts.append(_chunk_sums(words, shared, target, distance, near))
    count, *sums = (torch.cat(column).double().numpy() for column in zip(*parts, strict=True))
    if same:
        off = 1.0 - np.eye(len(count))
        count, sums = count * off, [value * off for value in sums]
    epe, cosine, correct, part = sums
    return PairSums(count, dict(zip(METRICS, (epe, epe / target.patch, cosine, correct, part), strict=True)))


def _chunk_sums(words: Tensor, shared: Tensor, target: Described, distance: Tensor, near: Tensor) -> list[Tensor]:
    """[count, EPE, cosine, PCK, part] sums (s, t) for descriptors (s, k, dim) and shared keypoints (s, t, k)."""
    similarity = torch.einsum("skc,tnc->stkn", words, target.features)
    best = (similarity >= similarity.amax(-1, keepdim=True) - TIE).float()
    best /= best.sum(-1, keepdim=True)
    epe, correct = (best * distance).sum(-1), (best * near).sum(-1)
    cosine = similarity.gather(-1, target.tokens[None, :, :, None].expand(len(words), -1, -1, 1))[..., 0]
    among = torch.einsum("skc,tjc->stkj", words, target.descriptors)
    among = among.masked_fill(~target.visible[None, :, None], -torch.inf)
    winner = (among >= among.amax(-1, keepdim=True) - TIE).float()
    part = (winner / winner.sum(-1, keepdim=True)).diagonal(dim1=-2, dim2=-1)
    shared_f = shared.float()
    return [shared_f.sum(-1)] + [torch.where(shared, v, 0.0).sum(-1) for v in (epe, cosine, correct, part)]


def intervals(pairs: PairSums, same: bool, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, Interval]:
    """Mean of each metric over shared keypoints with a bootstrap interval over IMAGES (pairs share images).

    Args:
        pairs: Sums over ordered pairs.
        same: Sources and targets are the same images and are resampled together; pairs of an image with itself or with
            its own copy are left out.
        seed: Seed of the resampling.
        resamples: Bootstrap resamples.

    Raises:
        InvalidValueError: No pair of images shares a visible keypoint.
    """
    resampled = _resampler(pairs, same, seed, resamples)
    total, counts = pairs.count.sum(), resampled(pairs.count)
    return {name: ratio(sums.sum(), total, resampled(sums), counts) for name, sums in pairs.sums.items()}


def differences(
    before: PairSums, after: PairSums, same: bool, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Difference (after less before) of each metric between two backbones on the same images, paired bootstrap.

    Both backbones are evaluated on the same resampled images, so the variation between images cancels.

    Args:
        before: Sums of one backbone.
        after: Sums of the other one on the same images in the same order.
        same: As in `intervals`.
        seed: Seed of the resampling.
        resamples: Bootstrap resamples.
    """
    resampled = _resampler(after, same, seed, resamples)
    total, counts = after.count.sum(), resampled(after.count)
    change = {name: after.sums[name] - before.sums[name] for name in after.sums}
    return {name: ratio(sums.sum(), total, resampled(sums), counts) for name, sums in change.items()}


def _resampler(pairs: PairSums, same: bool, seed: int, resamples: int) -> Callable[[np.ndarray], np.ndarray]:
    """Function from a matrix (sources, targets) to its sum in each bootstrap resample (resamples,)."""
    if pairs.count.sum() == 0:
        raise InvalidValueError(
            "averaging correspondences",
            "no pair of images shares a visible keypoint",
            "at least one shared keypoint",
            "check the visibility flags with `lace data show`, or give more images",
        )
    rng = generator(seed)
    sources, targets = pairs.count.shape
    wa = image_weights(sources, rng, resamples)
    wb = wa if same else image_weights(targets, rng, resamples)
    return lambda sums: ((wa @ sums) * wb).sum(1)


DIRECTIONS = ("forward", "backward")
"""Keys of `directed_sums` besides "pooled": queries of a in b, and of b in a."""


def directed_sums(a: Described, b: Described | None = None, pck: float = 0.1) -> dict[str, PairSums]:
    """Sums "pooled" over both directions and for each of `DIRECTIONS`; within one embodiment (b None) "pooled" only."""
    if b is None:
        return {"pooled": pair_sums(a, a, True, pck)}
    forward, backward = pair_sums(a, b, pck=pck), pair_sums(b, a, pck=pck)
    return {"pooled": forward.both_ways(backward), "forward": forward, "backward": backward}


def summary(
    sums: Mapping[str, PairSums], seed: int = 0, pck: float = 0.1, names: tuple[str, str] = ("a", "b")
) -> dict[str, Any]:
    """One row of a table from `directed_sums`: pooled values, and under "directions" those of "a to b" and "b to a".

    Args:
        sums: As from `directed_sums`.
        seed: Seed of the bootstrap.
        pck: Fraction with which the sums were made.
        names: The two embodiments.
    """
    same = "forward" not in sums
    pairs = sums["pooled"]
    images = list(pairs.count.shape[:1] if same else pairs.count.shape)
    facts: dict[str, Any] = {"images": images, "seed": seed, "level": LEVEL, "pck_at": pck}
    row = facts | _values(pairs, same, seed)
    if not same:
        ways = (f"{names[0]} to {names[1]}", f"{names[1]} to {names[0]}")
        row["directions"] = {name: _values(sums[way], False, seed) for name, way in zip(ways, DIRECTIONS, strict=True)}
    return row


def _values(pairs: PairSums, same: bool, seed: int) -> dict[str, Any]:
    found = intervals(pairs, same, seed)
    return {"n": int(pairs.count.sum())} | {name: vars(interval) for name, interval in found.items()}


def correspondence(a: Described, b: Described | None = None, *, seed: int = 0, pck: float = 0.1) -> dict[str, Any]:
    """One row of a table: a with b in both directions, or (b None) a with itself without self pairs."""
    return summary(directed_sums(a, b, pck), seed, pck)
