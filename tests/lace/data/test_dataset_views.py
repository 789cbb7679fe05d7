"""Slices, samplers and short descriptions of datasets."""

import numpy as np
import pytest
import torch
from torch.utils.data import RandomSampler, SubsetRandomSampler

from lace.data.dataset import FrameDataset
from lace.data.sampling import ShardSampler
from tests.synthetic import make_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return FrameDataset(make_dataset(tmp_path_factory.mktemp("views"), frames=11, per_shard=2, size=32))


@pytest.mark.parametrize(
    "cut", [slice(2, 7), slice(None, None, 3), slice(-3, None), slice(None, None, -1), slice(5, 5)]
)
def test_a_slice_is_that_of_a_list(dataset, cut):
    view = dataset[cut]
    assert [record.index for record in view] == list(range(11))[cut] and len(view) == len(range(11)[cut])
    assert [record.index for record in view[1:3]] == list(range(11))[cut][1:3]


def test_what_is_printed_is_short(dataset):
    assert repr(dataset).endswith("11 frames in 6 shards of synthetic)")
    assert repr(dataset[3]).startswith("FrameRecord(#3, synthetic, 32x32") and len(repr(dataset[3])) < 120


def test_numbers_of_numpy_and_torch_choose_frames(dataset):
    assert dataset[np.int64(4)].index == dataset[torch.tensor(4)].index == 4
    with pytest.raises(IndexError):
        dataset[11]


@pytest.mark.parametrize("make", [RandomSampler, lambda ds: SubsetRandomSampler(range(len(ds))), ShardSampler])
def test_samplers_give_every_frame_once(dataset, make):
    sampler = make(dataset)
    assert sorted(sampler) == list(range(11)) and len(sampler) == 11


def test_the_shard_sampler_reads_each_shard_once_an_epoch_in_an_order_of_the_seed(dataset, monkeypatch):
    read = []
    fresh = FrameDataset(dataset.folder)
    original = fresh._read
    monkeypatch.setattr(fresh, "_read", lambda number: read.append(number) or original(number))
    order = list(ShardSampler(fresh, seed=1))
    for number in order:
        fresh[number]
    assert sorted(read) == list(range(6))
    sampler = ShardSampler(dataset, seed=1)
    assert list(sampler) == order and list(sampler) != order, "the next epoch has another order"
    assert list(ShardSampler(dataset, seed=2)) != order
