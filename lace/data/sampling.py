"""The order in which training reads the frames of a dataset."""

from collections.abc import Iterator

import numpy as np

from lace.core.draws import generator
from lace.data.dataset import CACHED_SHARDS, FrameDataset


class ShardSampler:
    """Frame numbers in random order, shard by shard: a `sampler=` of torch's DataLoader.

    A frame read at random costs the reading of its whole shard, so frames are shuffled inside of groups of shards that
    fit in memory, and the groups' shards are drawn anew in each epoch.
    """

    def __init__(self, dataset: FrameDataset, seed: int = 0):
        """Samples every frame of `dataset` once an epoch; each iteration is the next epoch of the seed."""
        self._dataset, self._seed, self._epoch = dataset, seed, 0

    def __len__(self) -> int:
        return len(self._dataset)

    def __iter__(self) -> Iterator[int]:
        rng, starts = generator(self._seed, self._epoch), self._dataset.starts
        self._epoch += 1
        shards = rng.permutation(len(starts) - 1)
        for group in np.array_split(shards, -(-len(shards) // CACHED_SHARDS)):
            frames = np.concatenate([np.arange(starts[shard], starts[shard + 1]) for shard in group])
            yield from rng.permutation(frames).tolist()
