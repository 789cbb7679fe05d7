"""Robot demonstrations move to the target without detours: path length and joint speed are bounded."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from assets.objects import OBJECTS
from sim_envs.bodies.registry import BODIES
from sim_envs.config.axes import HandAxis, RoomAxis, TargetAxis
from sim_envs.config.scene import SceneConfig, with_preset
from sim_envs.rendering.library import Library
from sim_envs.scenes.asset_bank import AssetBankBuilder
from sim_envs.scenes.compose import Composer
from sim_envs.scenes.demonstration import MOST_STEP_RAD, is_direct
from sim_envs.scenes.slots import layout_for
from sim_envs.scenes.state import BodyPose

STILL, TURN = np.eye(4), 2 * np.pi


@pytest.fixture(scope="module")
def composer():
    config = with_preset(SceneConfig(), "clean")
    target, room = TargetAxis(names=tuple(OBJECTS)), RoomAxis(kinds=("studio",), layouts=1)
    config = replace(config, axes=replace(config.axes, target=target, room=room, hand=HandAxis(poses=64)))
    body, library = BODIES[config.embodiment](config), Library("cpu")
    bank = AssetBankBuilder(library, 0).build(config.axes)
    body.register(library, 1)
    return Composer(body, bank, layout_for(body.parts, len(body.embodiment.keypoints)), config)


def planned(composer, count):
    for number in range(count):
        scene = composer.compose(np.array([number]), np.array([0]))
        motion = None if scene.objects[0].which[0] < 0 else composer.body.plan_grasp(scene)
        if motion is not None:
            yield motion


def share_of_direct(composer, count):
    return np.mean([is_direct(motion, composer.body) for motion in planned(composer, count)])


def test_nearly_all_motions_are_direct(composer):
    assert share_of_direct(composer, 16) > 0.9


@pytest.mark.slow
def test_nearly_all_of_500_motions_onto_every_kind_of_target_are_direct(composer):
    assert share_of_direct(composer, 500) > 0.95


@dataclass
class MadeUp:
    """A palm that moves 0.3 m forward with a sideways detour, while the last joint makes a number of turns."""

    detour_m: float = 0.0
    turns: float = 0.0

    def at(self, time):
        T = np.tile(np.eye(4), (len(time), 1, 1))
        T[:, 0, 3], T[:, 1, 3] = 0.3 * time, self.detour_m * np.sin(np.pi * time)
        q = np.stack([0 * time, self.turns * TURN * time], 1)
        return BodyPose(q, T[:, None], T[:, None, :3, 3]), np.tile(STILL, (len(time), 1, 1)), time >= 0.98


class PalmBody:
    def palm(self, pose):
        return pose.T_world_link[:, 0]


@pytest.mark.parametrize(("motion", "direct"), [(MadeUp(), True), (MadeUp(0.5), False), (MadeUp(turns=4), False)])
def test_detours_and_turns_are_detected(motion, direct):
    assert is_direct(motion, PalmBody()) == direct
    assert MOST_STEP_RAD < 4 * TURN / 50
