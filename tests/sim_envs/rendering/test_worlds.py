"""Device and worlds of a process: missing resources are reported; memory beyond a shard changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lace.core.errors import InvalidValueError
from sim_envs.config.axes import HandAxis
from sim_envs.config.generate import GenerateConfig
from sim_envs.config.scene import with_preset
from sim_envs.frames import source as simulated_frames
from sim_envs.frames.folder import shard_path
from sim_envs.frames.shard_maker import ShardMaker
from sim_envs.rendering.memory import pick_device


def test_a_device_that_is_not_there_is_refused_and_auto_takes_what_is():
    missing = f"cuda:{torch.cuda.device_count()}"
    for device in (missing, "gpu"):
        with pytest.raises(InvalidValueError, match=f"there is no '{device}'"):
            pick_device(device)
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") == ("cuda:0" if torch.cuda.is_available() else "cpu")


def test_room_for_more_worlds_than_a_shard_changes_no_byte_and_composes_no_scene_in_vain(tmp_path, monkeypatch):
    config = with_preset(
        GenerateConfig(out=tmp_path, frames=3, shard_frames=3, width=64, height=64, device="cpu"), "clean"
    )
    config = replace(config, shadows=False, axes=replace(config.axes, hand=HandAxis(poses=16)))
    shards = []
    for room in (16, 40):
        monkeypatch.setattr(simulated_frames, "worlds_for", lambda *_, room=room: room)
        maker = ShardMaker(replace(config, out=tmp_path / str(room)))
        composed, compose = [], maker.source.compose
        monkeypatch.setattr(
            maker.source, "compose", lambda i, a, c=compose, s=composed: s.append(len(np.unique(i)) / len(i)) or c(i, a)
        )
        maker.make(0)
        shards.append(shard_path(tmp_path / str(room), 0).read_bytes())
        assert composed[-2:] == [1.0, 1.0], "the picture and the markers show each frame once"
    assert shards[0] == shards[1]
