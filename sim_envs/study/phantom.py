"""Human frames with a robot in the human's place, as Phantom makes them (Lepert et al. 2025): a pixel-space baseline.

The human is taken out of the scene, which stands for Phantom's inpainting without its errors, and the robot is drawn in
with its wrist where the human's was, fingers closed as far as the human's.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import warp as wp

from lace.core.errors import DatasetError
from lace.core.geometry import Array, invert, transform
from lace.core.keypoints import INDEX
from lace.core.run_identity import RunIdentity
from lace.data.dataset import SPARSE, FrameDataset
from lace.data.roles import DRAWN_OVER
from lace.data.schema import EncodedFrame, constants_of
from lace.data.shards import shard_name, write_shard
from lace.data.verify import check_frame
from sim_envs.bodies.registry import require_robot
from sim_envs.bodies.robot.body import RobotBody
from sim_envs.bodies.robot.poses import arm_ik
from sim_envs.config.generate import EMBODIMENTS, GenerateConfig
from sim_envs.frames.encoding import encoded
from sim_envs.frames.folder import identity, missing_shards
from sim_envs.frames.source import LabelledBatch, SimulatedFrames
from sim_envs.rendering.slot_table import PARKED, empty_table
from sim_envs.scenes.randomization import SceneDraws
from sim_envs.scenes.state import BodyPose, SceneBatch

REACHED_M, REACHED = 0.02, 0.2
"""Largest distance [m] and largest difference of an entry of the rotation at which a wrist counts as reached."""
CLOSED = np.linspace(0, 1.1, 12)
"""How far the robot's hand is tried to be closed; see Curl.at."""
ROUNDS = 4
"""Of inverse kinematics: a far goal needs more than one."""
_WRIST, _INDEX, _MIDDLE, _RING = (INDEX[name] for name in ("wrist", "index_mcp", "middle_mcp", "ring_mcp"))
STRAIGHT = ("index", "middle", "ring")
"""Fingers that tell how far a hand is closed."""


def palm_frames(keypoints: Array) -> Array:
    """(n, 4, 4) at the wrists of hands (n, 21, 3): x to the middle finger's base, z out of the back of a right hand."""
    wrist = keypoints[:, _WRIST]
    x = keypoints[:, _MIDDLE] - wrist
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    z = np.cross(keypoints[:, _INDEX] - wrist, keypoints[:, _RING] - wrist)
    z -= (z * x).sum(-1, keepdims=True) * x
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    return transform(np.stack([x, np.cross(z, x), z], -1), wrist)


def matching_pose(body: RobotBody, human: Array) -> tuple[BodyPose, np.ndarray]:
    """Robot poses whose wrist is at that of human keypoints (n, 21, 3) [m], and where the arm reaches it (n,)."""
    kinematics, embodiment = body.kinematics, body.embodiment
    palm = kinematics.link_index[embodiment.palm_link]
    home = body.pose(embodiment.home[None])
    T_palm_wrist = invert(home.T_world_link[:, palm]) @ palm_frames(home.keypoints_world)
    goal = palm_frames(human) @ invert(T_palm_wrist)
    q = np.tile(embodiment.home, (len(human), 1))
    q[:, 0] = np.arctan2(goal[:, 1, 3], goal[:, 0, 3])
    for _ in range(ROUNDS):
        q = arm_ik(kinematics, q, palm, goal)
    q[:, embodiment.arm_dof :] = _closed_alike(body, q, human)
    pose = body.pose(q)
    gap = np.abs(pose.T_world_link[:, palm] - goal)
    return pose, (gap[:, :3, 3].max(1) <= REACHED_M) & (gap[:, :3, :3].max((1, 2)) <= REACHED)


def straightness(keypoints: Array) -> Array:
    """(n,) mean over index, middle and ring finger of hands (n, 21, 3): distance of base and tip over the length."""
    fingers = np.stack([keypoints[:, INDEX[f"{name}_mcp"] : INDEX[f"{name}_tip"] + 1] for name in STRAIGHT], 1)
    bones = np.linalg.norm(np.diff(fingers, axis=2), axis=-1).sum(-1)
    return (np.linalg.norm(fingers[:, :, -1] - fingers[:, :, 0], axis=-1) / bones).mean(1)


def _closed_alike(body: RobotBody, q: Array, human: Array) -> Array:
    """Hand joints (n, hand joints) [rad] of hands whose fingers are as straight as the human's."""
    tried = np.stack([body.embodiment.hand_at(share) for share in CLOSED])
    whole = np.concatenate([np.tile(q[:1, : body.embodiment.arm_dof], (len(tried), 1)), tried], 1)
    theirs = straightness(body.pose(whole).keypoints_world)
    return tried[np.abs(straightness(human)[:, None] - theirs).argmin(1)]


class Phantom:
    """Draws the frames of one human dataset again, with a robot in the human's place."""

    def __init__(self, config: GenerateConfig):
        most = {"most_worlds": config.shard_frames, "motion_frames": config.motion_frames}
        self.human = SimulatedFrames(config, **most)
        own = replace(config, embodiment=EMBODIMENTS["robot"])
        self.robot = SimulatedFrames(own, self.human.worlds)
        self.body = require_robot(self.robot.body)
        names = {segment.name: segment.id for segment in self.robot.layout.segments}
        self._renamed = np.zeros(256, np.uint8)
        for segment in self.human.layout.segments:
            self._renamed[segment.id] = names.get(segment.name, 0)

    def batch(self, indices: np.ndarray, attempts: np.ndarray) -> tuple[LabelledBatch, np.ndarray]:
        """Frames of at most `worlds` scenes, and which of them the robot reaches."""
        count, worlds = len(indices), self.human.worlds
        indices, attempts = np.resize(indices, worlds), np.resize(attempts, worlds)
        scenes = self.human.compose(indices, attempts)
        pose, reached = matching_pose(self.body, scenes.pose.keypoints_world)
        alone = self._robot_alone(scenes, pose, indices, attempts)
        scenes.table.T[:, self.human.layout.body, :3, 3] = PARKED
        behind = [array.numpy() for array in self.human.draw(scenes, count)]
        before = [array.numpy() for array in self.robot.draw(alone, count)]
        (low, high), segment = self.robot.layout.body_ids, before[1]
        shown = (segment >= low) & (segment <= high) & (before[2] < behind[2])
        image = np.where(shown[..., None], before[0], behind[0])
        segment = np.where(shown, segment, self._renamed[behind[1]])
        depth = np.where(shown, before[2], behind[2])
        arrays = [wp.array(array, device=self.robot.device) for array in (image, segment, depth)]
        return self.robot.labelled(alone, *arrays, indices, attempts), reached[:count]

    def _robot_alone(self, scenes: SceneBatch, pose: BodyPose, indices: np.ndarray, attempts: np.ndarray) -> SceneBatch:
        robot = self.robot
        table = empty_table(len(indices), robot.layout.count)
        draws = SceneDraws.of(robot.config.axes, robot.config.seed, indices, attempts)
        self.body.apply(table, robot.layout.body, pose, draws)
        return replace(scenes, table=table, pose=pose)

    def rows(self, indices: np.ndarray, attempts: np.ndarray) -> Iterator[tuple[EncodedFrame, dict]]:
        """The good frames, encoded, each with the constants of its shard."""
        for start in range(0, len(indices), self.human.worlds):
            part = slice(start, start + self.human.worlds)
            batch, reached = self.batch(indices[part], attempts[part])
            for i in np.flatnonzero(reached):
                record = batch.record(int(i))
                if not check_frame(record):
                    yield encoded(record), constants_of(record)


def make(config: GenerateConfig, out: Path) -> tuple[int, int]:
    """Makes what is missing of the robot's copy of a human dataset. Frames keep the numbers of the human ones.

    Returns:
        How many frames the copy has, and how many the humans have: an arm does not reach every wrist.

    Raises:
        DatasetError: The robot reaches no wrist of a shard.
    """
    origin: dict[str, Any] = {"format": 1, "kind": "frames", "embodiment": EMBODIMENTS["robot"], "seed": config.seed}
    origin |= {"config": identity(config), DRAWN_OVER: config.embodiment, SPARSE: True}
    there = FrameDataset(config.out)
    indices, attempts = (np.asarray(there.column(name)) for name in ("index", "attempt"))
    with RunIdentity(out / "dataset.json", "a dataset", origin).opened():
        todo = missing_shards(replace(config, out=out), range(config.shards))
        phantom: Phantom | None = None
        for shard in todo:
            phantom = phantom or Phantom(config)  # takes seconds: not where all is there
            mine = indices // config.shard_frames == shard
            made = list(phantom.rows(indices[mine], attempts[mine]))
            if not made:
                raise DatasetError(
                    f"drawing robots over {config.out}",
                    f"the arm reaches none of {mine.sum()} wrists of shard {shard}",
                    "some",
                    "use frames of hands nearer to the robot's base",
                )
            rows, constants = zip(*made, strict=True)
            write_shard(out / "shards" / shard_name(shard), rows, constants[0], {"shard": shard})
    return len(FrameDataset(out)), len(there)
