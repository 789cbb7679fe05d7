"""Smooth reach-and-grasp motions, each in a separate scene, from which frames are sampled (paper, sec. 5.1)."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np

from lace.core.draws import Draws
from lace.core.errors import IntegrityError
from lace.core.geometry import Array
from sim_envs.scenes.body import Body
from sim_envs.scenes.compose import Composer
from sim_envs.scenes.randomization import with_fresh_noise
from sim_envs.scenes.state import ReachMotion, SceneBatch

MAX_SCENES = 60
IN_VIEW = 0.7
"""Least share of keypoints inside the image over the whole motion."""
STEPS = 50
"""Times at which a motion's speed is measured: the paper's frames of a demonstration."""
MOST_STEP_RAD = 0.45
"""Largest change of a joint from one of these times to the next [rad]."""
MOST_DETOUR = 2.5
"""Longest path of the palm to the grasp, as a multiple of the straight line: the way over the hover pose takes 1.8."""
SAMPLES = 12
"""Times at which a motion is checked for being in view."""
POSE_DRAWS = ("hand.", "arm.bank_entry", "arm.yaw_deg", "arm.inward_deg", "arm.down_deg", "arm.roll_deg", "arm.place")
"""Draws that pose a body where there is no motion."""
KEPT = 64
"""Planned motions that are remembered."""


def is_direct(motion: ReachMotion, body: Body) -> bool:
    """Whether the palm's path and the joint speeds of a motion are within their bounds."""
    pose, _target, held = motion.at(np.linspace(0, 1, STEPS))
    reach = body.palm(pose)[: max(int(np.argmax(held)), 2), :3, 3]
    path = np.linalg.norm(np.diff(reach, axis=0), axis=1).sum()
    straight = np.linalg.norm(reach[-1] - reach[0])
    return bool(path <= MOST_DETOUR * straight and np.abs(np.diff(pose.q, axis=0)).max() <= MOST_STEP_RAD)


class Demonstrations:
    """ReachMotion m is the first that is possible and in view, counted from (seed, m); its frames share one scene."""

    def __init__(self, composer: Composer, frames_each: int):
        """Makes one.

        Args:
            composer: Draws the scenes.
            frames_each: Frames of one motion.
        """
        self.composer, self.frames_each = composer, frames_each
        self._planned: OrderedDict[int, tuple[SceneBatch, ReachMotion]] = OrderedDict()

    def scene(self, number: int) -> tuple[SceneBatch, ReachMotion]:
        """The scene (of one frame) of motion `number`, and the motion.

        Raises:
            IntegrityError: No scene of it works.
        """
        if number not in self._planned:
            self._planned[number] = self._plan(number)
            while len(self._planned) > KEPT:
                self._planned.popitem(last=False)
        return self._planned[number]

    def _plan(self, number: int) -> tuple[SceneBatch, ReachMotion]:
        for attempt in range(MAX_SCENES):
            scene = self.composer.compose(np.array([number]), np.array([attempt]))
            motion = None if scene.objects[0].which[0] < 0 else self.composer.body.plan_grasp(scene)
            if motion is not None and self._in_view(scene, motion) >= IN_VIEW and is_direct(motion, self.composer.body):
                return scene, motion
        raise IntegrityError(
            f"planning demonstration {number}",
            f"none of {MAX_SCENES} scenes is reachable and in view",
            "a target that the hand reaches and the camera sees",
            "change the seed, or widen the camera and target axes",
        )

    def _in_view(self, scene: SceneBatch, motion: ReachMotion) -> float:
        pose, _target, _held = motion.at(np.linspace(0, 1, SAMPLES))
        points = pose.keypoints_world[:, self.composer.body.embodiment.present]
        uv, depth = scene.camera.project(points)
        inside = ((uv >= 0) & (uv < [scene.camera.width, scene.camera.height])).all(-1) & (depth > 0)
        return float(inside.mean())

    def compose(self, indices: np.ndarray, attempts: np.ndarray) -> SceneBatch:
        """Frame i is time (i mod frames_each) of motion i // frames_each; in one only body, target and noise differ."""
        numbers, steps = np.divmod(indices, self.frames_each)
        time = steps / max(self.frames_each - 1, 1)
        parts = []
        for number in dict.fromkeys(numbers.tolist()):
            rows = numbers == number
            parts.append(
                (np.flatnonzero(rows), self._frames(*self.scene(number), indices[rows], attempts[rows], time[rows]))
            )
        return _joined(parts)

    def _frames(
        self, scene: SceneBatch, motion: ReachMotion, indices: np.ndarray, attempts: np.ndarray, time: Array
    ) -> SceneBatch:
        composer, rows = self.composer, np.zeros(len(indices), int)
        batch = scene.rows(rows)
        pose, T_world_target, held = motion.at(time)
        composer.body.set_pose(batch.table, composer.layout.body, pose)
        batch.table.T[:, composer.layout.target] = T_world_target
        objects = [replace(batch.objects[0], T_world_object=T_world_target), *batch.objects[1:]]
        fresh = Draws(composer.config.seed, indices, attempts)
        batch = with_fresh_noise(batch, fresh)
        # The motion poses arm and hand, not their axes' draws; `arm.reaching` still says where the target was put.
        drawn = {name: value for name, value in batch.draws.items() if not name.startswith(POSE_DRAWS)}
        drawn |= {"demonstration.time": time, "demonstration.held": held}
        return replace(batch, pose=pose, objects=objects, draws=drawn)


def _joined(parts: list[tuple[np.ndarray, SceneBatch]]) -> SceneBatch:
    """One batch of several whose frames belong at the given places."""
    order = np.argsort(np.concatenate([places for places, _ in parts]))
    return parts[0][1] if len(parts) == 1 else SceneBatch.concatenated([batch for _, batch in parts]).rows(order)
