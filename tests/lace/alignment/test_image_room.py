"""Images in a mapped file are the same training set as images in memory; a full disk is told before training."""

import os

import numpy as np
import pytest
import torch

from lace.alignment import image_room as rooms
from lace.alignment.image_room import image_room, is_mapped
from lace.alignment.pairs import FrameBank, augment_bank
from lace.core.errors import DatasetError
from tests.synthetic import make_frame


def banks():
    records = [make_frame(i) for i in range(3)]
    plain = FrameBank.from_records(records, 32)
    return plain, FrameBank.joined([plain, plain]), augment_bank(plain, 4, 16, seed=0)


def test_a_mapped_bank_has_the_same_content(monkeypatch, tmp_path):
    in_memory = banks()
    monkeypatch.setattr(rooms, "IN_MEMORY_BYTES", 0)
    monkeypatch.setenv("LACE_CACHE", str(tmp_path))
    mapped = banks()
    for a, b in zip(in_memory, mapped, strict=True):
        assert is_mapped(b.images) and not is_mapped(a.images) and a.digest() == b.digest()
        index = torch.tensor([2, 0])
        assert torch.equal(a.batch(index), b.batch(index)) and a.batch(index).max() <= 1
        assert b.to("cpu").images is b.images
    assert not list(tmp_path.iterdir()), "the file has no name: a kill leaves nothing"


def test_records_are_read_one_at_a_time():
    alive = []

    def stream():
        for i in range(4):
            alive.append(i)
            yield make_frame(i)

    bank = FrameBank.from_stream(stream(), 4, 32, "robot")
    assert len(bank) == 4 and bank.embodiment == ["robot"] * 4
    assert np.array_equal(bank.images, FrameBank.from_records([make_frame(i) for i in range(4)], 32).images)


def test_a_full_disk_is_told_at_once(monkeypatch, tmp_path):
    def full(_descriptor, _start, _size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rooms, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setenv("LACE_CACHE", str(tmp_path))
    with pytest.raises(DatasetError, match="No space left on device.*\n.*\n.*LACE_CACHE"):
        image_room(2, 8)
