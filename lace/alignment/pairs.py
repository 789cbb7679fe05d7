"""Labelled frames in memory, and seeded, balanced sampling of image pairs from them (paper sec. 4.2)."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from lace.alignment.augmentation import AugmentConfig, augmented
from lace.alignment.image_room import image_room, is_mapped
from lace.core.draws import generator
from lace.core.errors import InvalidValueError
from lace.core.frames import FrameRecord
from lace.core.keypoints import Visibility
from lace.data.dataset import Folders, FrameDataset

PairMix = Literal["ordered", "unordered"]
_HASHED_ROWS = 1024
_TRIES = 50
"""Draws for one pair of a batch before its combination is reported to have no shared keypoints."""


@dataclass(frozen=True)
class FrameBank:
    """Square images of one size with their keypoints."""

    images: Tensor
    """(n, 3, size, size) uint8 RGB."""
    keypoints: Tensor
    """(n, 21, 2) float32 [px]; NaN where absent."""
    visible: Tensor
    """(n, 21) bool."""
    embodiment: list[str]
    """(n) name of the body in each image."""

    def __post_init__(self):
        n = len(self.embodiment)
        shapes = tuple(self.images.shape), tuple(self.keypoints.shape), tuple(self.visible.shape)
        good = shapes[0][:2] == (n, 3) and len(shapes[0]) == 4 and shapes[1] == (n, 21, 2) and shapes[2] == (n, 21)
        if not good or self.images.dtype != torch.uint8 or self.visible.dtype != torch.bool:
            raise InvalidValueError(
                "building a frame bank",
                f"images, keypoints, visible of shapes {shapes} and {n} names",
                "(n, 3, H, W) uint8, (n, 21, 2), (n, 21) bool and n names",
                "fix the arrays",
            )

    def __len__(self) -> int:
        return len(self.embodiment)

    @property
    def size(self) -> int:
        """Side of the images [px]."""
        return self.images.shape[-1]

    @classmethod
    def from_dataset(
        cls,
        source: str | Folders | FrameDataset,
        size: int,
        limit: int | None = None,
        name: str | None = None,
        seed: int = 0,
    ) -> "FrameBank":
        """Frames resized to `size` px, each axis on its own as in sec. 5.1.

        Args:
            source: Dataset or its folders.
            size: Side of the images [px].
            limit: Number of frames, drawn from the whole set by `seed`; all if None.
            name: Replaces the embodiment's name in the records.
            seed: Seed of the sample; see `sample_indices`.
        """
        frames = source if isinstance(source, FrameDataset) else FrameDataset(source)
        chosen = sample_indices(len(frames), limit, seed)
        return cls.from_stream((frames[int(i)] for i in chosen), len(chosen), size, name)

    @classmethod
    def from_records(cls, records: Sequence[FrameRecord], size: int, name: str | None = None) -> "FrameBank":
        """As `from_dataset`, from records in memory. A keypoint is visible if its label says so."""
        return cls.from_stream(records, len(records), size, name)

    @classmethod
    def from_stream(cls, records: Iterable[FrameRecord], count: int, size: int, name: str | None = None) -> "FrameBank":
        """As `from_records`, from `count` records of which one at a time is in memory."""
        images, keypoints, visibility, names = image_room(count, size), [], [], []
        for number, record in enumerate(records):
            height, width = record.image.shape[:2]
            smaller = size < min(height, width)
            kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            resized = cv2.resize(record.image, (size, size), interpolation=kind)
            images[number] = torch.from_numpy(resized).permute(2, 0, 1)
            visibility.append(record.visibility)
            names.append(name or record.embodiment)
            keypoints.append(record.keypoints_uv * (size / np.array([width, height], np.float32)))
        visible = np.stack(visibility) == Visibility.VISIBLE
        uv = torch.from_numpy(np.stack(keypoints).astype(np.float32))
        inside = ((uv >= 0) & (uv < size)).all(-1)
        return cls(images, uv, torch.from_numpy(visible) & inside, names)

    @classmethod
    def joined(cls, banks: "list[FrameBank]") -> "FrameBank":
        """One bank of all images, in order; raises InvalidValueError if their sizes differ."""
        if len({bank.size for bank in banks}) != 1:
            sizes = sorted({bank.size for bank in banks})
            raise InvalidValueError("joining frame banks", f"image sizes {sizes}", "one size", "load them at one size")
        images, start = image_room(sum(map(len, banks)), banks[0].size), 0
        for bank in banks:
            images[start : start + len(bank)] = bank.images
            start += len(bank)
        labels = (torch.cat([getattr(bank, key) for bank in banks]) for key in ("keypoints", "visible"))
        return cls(images, *labels, [name for bank in banks for name in bank.embodiment])

    def names(self) -> list[str]:
        """Embodiments, sorted."""
        return sorted(set(self.embodiment))

    def members(self, name: str) -> np.ndarray:
        """Indices of the images of one embodiment."""
        return np.flatnonzero(np.array(self.embodiment) == name)

    def patches(self, patch: int) -> Tensor:
        """Row-major index (n, 21) of the patch of `patch` px that holds each keypoint; clamped if not visible."""
        side = self.size // patch
        cell = torch.nan_to_num(self.keypoints / patch).floor().long().clamp(0, side - 1)
        return cell[..., 1] * side + cell[..., 0]

    def digest(self) -> str:
        """SHA-256 of the content, as 16 hexadecimal digits."""
        found = hashlib.sha256(json.dumps(self.embodiment).encode())
        for part in (self.images, self.keypoints, self.visible):
            for rows in part.split(_HASHED_ROWS):
                found.update(rows.cpu().contiguous().numpy())
        return found.hexdigest()[:16]

    def to(self, device: str | torch.device) -> "FrameBank":
        """The same bank on another device; images beyond IN_MEMORY_BYTES stay where they are and go batch by batch."""
        images = self.images if is_mapped(self.images) else self.images.to(device)
        return replace(self, images=images, keypoints=self.keypoints.to(device), visible=self.visible.to(device))

    def batch(self, index: Tensor) -> Tensor:
        """Images (n, 3, size, size) in [0, 1] on the device of `index` (n,)."""
        return self.images[index.to(self.images.device)].to(index.device).float() / 255


def sample_indices(count: int, limit: int | None, seed: int = 0) -> np.ndarray:
    """Sorted indices of a random sample without replacement; all if `limit` is None or at least `count`.

    A smaller sample of the same seed is a subset of a larger one.

    Raises:
        InvalidValueError: The sample is empty.
    """
    if count < 1 or (limit is not None and limit < 1):
        raise InvalidValueError(
            "reading frames", f"limit {limit} of {count} frames", "at least one frame", "raise the limit"
        )
    order = generator(seed, count).permutation(count)
    return np.sort(order[:limit])


def augment_bank(
    bank: FrameBank, per_embodiment: int, size: int, seed: int, config: AugmentConfig | None = None
) -> FrameBank:
    """`per_embodiment` random views of each embodiment's images at `size` px (sec. 5.1: 1K images)."""
    parts = []
    for number, name in enumerate(bank.names()):
        members = bank.members(name)

        def image(i: int, members: np.ndarray = members) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            at = members[i]
            pixels = bank.images[at].permute(1, 2, 0).contiguous().numpy()
            return pixels, bank.keypoints[at].numpy(), bank.visible[at].numpy()

        rng = generator(seed, number)
        parts.append(augmented_views(image, len(members), per_embodiment, size, name=name, rng=rng, config=config))
    return FrameBank.joined(parts)


def shuffled_parts(bank: FrameBank, seed: int) -> FrameBank:
    """The bank with the names of its keypoints exchanged, the same way in all images; none keeps its own.

    Only keypoints that some image shows take part: an absent part stays absent.
    """
    shown = np.flatnonzero(bank.visible.any(0).cpu().numpy())
    cycle = generator(seed).permutation(shown)
    order = np.arange(bank.visible.shape[1])
    order[cycle] = np.roll(cycle, 1)
    index = torch.from_numpy(order)
    return replace(bank, keypoints=bank.keypoints[:, index], visible=bank.visible[:, index])


def augmented_views(
    image: Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]],
    count: int,
    views: int,
    size: int,
    *,
    name: str,
    rng: np.random.Generator,
    config: AugmentConfig | None = None,
) -> FrameBank:
    """A bank of `views` random views of `count` images, which are read one at a time.

    Args:
        image: Number below `count` -> (image (H, W, 3) uint8, keypoints (21, 2) [px], visible (21,) bool).
        count: Number of images.
        views: Number of views; every image gets the same number to within one.
        size: Side of the views [px].
        name: Embodiment.
        rng: Source of all draws.
        config: Strength of the augmentation.
    """
    share = np.full(count, views // count)
    share[rng.permutation(count)[: views % count]] += 1
    images, labels, start = image_room(views, size), [], 0
    for i in np.flatnonzero(share):
        pixels, *label = augmented(*image(int(i)), int(share[i]), size, config=config or AugmentConfig(), rng=rng)
        images[start : start + len(pixels)] = pixels
        start += len(pixels)
        labels.append(label)
    keypoints, visible = (torch.cat(column) for column in zip(*labels, strict=True))
    return FrameBank(images, keypoints.float(), visible, [name] * views)


@dataclass(frozen=True)
class PairBatch:
    """One batch of pairs."""

    a: np.ndarray
    """(pairs,) image indices of a bank."""
    b: np.ndarray
    combination: np.ndarray
    """(pairs,) index into `PairSampler.combinations`."""
    skipped: int
    """Rejected draws: the two images shared no visible keypoint."""


class PairSampler:
    """Pairs for any step of a run: a function of (seed, step) alone, so a resumed run needs no state.

    Combinations of embodiments take turns over the pairs of the batch, so that over a run their numbers differ by at
    most one; images are uniform within a combination. Cross pairs come in both orders equally often.
    """

    def __init__(
        self,
        bank: FrameBank,
        batch: int,
        seed: int,
        *,
        intra: bool = True,
        anchor: str | None = None,
        mix: PairMix = "ordered",
    ):
        """Creates a pair sampler.

        Args:
            bank: The images.
            batch: Pairs per step.
            seed: Seed of the sampling.
            intra: Whether pairs within an embodiment are drawn (table 6 ablates them).
            anchor: An embodiment that comes first in every cross pair that it is in; None draws the order.
            mix: As `TrainConfig.pair_mix`.
        """
        self.batch, self.seed = batch, seed
        self._is_anchor = np.array([name == anchor for name in bank.embodiment])
        self._visible = bank.visible.cpu().numpy()
        names = bank.names()
        self._members = {name: bank.members(name) for name in names}
        same = [(name, name) for name in names if len(self._members[name]) > 1] if intra else []
        cross = itertools.combinations(names, 2) if mix == "unordered" else itertools.permutations(names, 2)
        self.combinations = [*cross, *same]
        if not self.combinations:
            raise InvalidValueError(
                "pairing embodiments",
                f"only {', '.join(names)} with intra={intra}",
                "two embodiments, or intra pairs",
                "add a dataset of another embodiment or allow intra pairs",
            )

    def step(self, step: int) -> PairBatch:
        """The batch of one step."""
        rng = generator(self.seed, step)
        place = step * self.batch + np.arange(self.batch)
        combination = place % len(self.combinations)
        a, b = np.zeros(self.batch, int), np.zeros(self.batch, int)
        todo, skipped = np.arange(self.batch), 0
        for _ in range(_TRIES):
            for i in todo:
                a[i], b[i] = self._draw(combination[i], rng)
            shared = (self._visible[a[todo]] & self._visible[b[todo]]).any(1)
            todo = todo[~shared]
            if not len(todo):
                swap = rng.random(self.batch) < 0.5
                swap = np.where(self._is_anchor[a] == self._is_anchor[b], swap, self._is_anchor[b])
                return PairBatch(np.where(swap, b, a), np.where(swap, a, b), combination, skipped)
            skipped += len(todo)
        raise InvalidValueError(
            "sampling pairs",
            f"{_TRIES} draws of {self.combinations[combination[todo[0]]]} shared no visible keypoint",
            "embodiments with keypoints in common",
            "check the labels with `lace data stats`",
        )

    def _draw(self, combination: int, rng: np.random.Generator) -> tuple[int, int]:
        first, second = (self._members[name] for name in self.combinations[combination])
        if first is second:
            i, j = rng.choice(len(first), 2, replace=False)
            return first[i], first[j]
        return first[rng.integers(len(first))], second[rng.integers(len(second))]
