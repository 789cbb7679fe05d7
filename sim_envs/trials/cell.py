"""The simulated robot cell: the picture of a trial, and one physics world."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lace.core.geometry import Array, apply
from lace.data.show import short_name
from policies.cell import START_RAD, Evidence, Freshness, require_arrival, require_hand_targets, require_path
from policies.outcome import Collision, SafetyStop
from policies.path import CheckedPath
from policies.policy import Observation
from policies.primitives.lifting import end_effector_point
from sim_envs.physics.protocol import Physics, StateSequence, Worlds
from sim_envs.scenes.state import SceneBatch
from sim_envs.trials.source import Trial, TrialSource

HELD_M = 0.05
"""A target that has risen this far, touches the hand and not the table, is held [m]."""
STRIKE_N = 60.0
"""Force on the table at which the robot stops, as a real arm's collision detection does: an assumption, over the 40 N
that four fingers press with (0.95 N m over 0.1 m each)."""
TOUCH_N = 5.0
"""Force on a distractor that counts as a collision: an assumption."""
SETTLE_S = 0.08
"""Time that the arm gets at the end of a path to come to rest [s]."""
STRIDE = 10
"""Physics steps between states that are kept: 25 Hz."""


class SimCell:
    """Implements RobotCell for one trial. Its clock is simulated time."""

    def __init__(self, trial: Trial, source: TrialSource, worlds: Worlds, world: int, stride: int = STRIDE):
        self.trial, self.embodiment, self.table_z = trial, source.robot.embodiment, trial.physics.table_z
        self.freshness = Freshness()
        self.motions: list[StateSequence] = []
        """Everything that happened, in order; states every `stride` steps."""
        self.targets: list[Array] = []
        """(frames, joints) commanded targets beside each of `motions`."""
        self.timestep_s = worlds.timestep_s
        self._source, self._worlds, self._world, self._stride = source, worlds, world, stride
        self._hand = trial.physics.joint_positions[self.embodiment.arm_dof :]
        self._stopped, self._time = "", 0.0

    def now(self) -> float:
        """Simulated seconds since the start."""
        return self._time

    def observe(self, depth: bool = False) -> Observation:
        """See RobotCell; the trial's own picture and ground truth until the robot has moved."""
        record, q = self.trial.record, self._joints()
        camera, image, deep = self.trial.camera, record.image, record.depth_m
        if self.motions:
            image, deep = draw_states(self._source, self.trial, q[None], self._objects()[None])
            image, deep = image[0], deep[0]
        truth = None if self.motions else self.trial.truth
        return Observation(image, camera, q, self._time, self._time, deep if depth else None, truth)

    def follow(self, path: CheckedPath) -> None:
        """See RobotCell."""
        self._require_running()
        dof = self.embodiment.arm_dof
        require_path(path, self._joints()[:dof], START_RAD)
        arm = path.at(self._times(path.duration_s + SETTLE_S))
        self._roll(np.concatenate([arm, np.tile(self._hand, (len(arm), 1))], 1))
        require_arrival(self._joints()[:dof], path.positions[-1])

    def hand(self, targets: Array, duration_s: float) -> None:
        """See RobotCell."""
        self._require_running()
        dof = self.embodiment.arm_dof
        targets = require_hand_targets(targets, self.embodiment.limits[dof:])
        times = self._times(duration_s)
        hand = self._hand + (times / times[-1])[:, None] * (targets - self._hand)
        arm = self.targets[-1][-1, :dof] if self.targets else self.trial.physics.joint_positions[:dof]
        self._hand = targets
        self._roll(np.concatenate([np.tile(arm, (len(hand), 1)), hand], 1))

    def evidence(self) -> Evidence:
        """See RobotCell: from the physics."""
        trial = self.trial
        rise = float(self._middle()[2] - trial.target_middle[2])
        in_hand = self._last("robot_object_N")[0] > 0 and self._last("object_table_N")[0] == 0
        _uv, depth = end_effector_point(trial.keypoints_world, trial.camera)
        return Evidence(
            held=bool(in_hand and rise > HELD_M),
            lifted_m=rise,
            collision=self._touched(),
            target_world=trial.target_middle,
            target_radius_m=trial.target_radius_m,
            end_effector_depth_m=depth,
        )

    def stop(self, reason: str) -> None:
        """See RobotCell: simulated time stops, so nothing moves."""
        self._stopped = self._stopped or reason

    def _require_running(self) -> None:
        if self._stopped:
            raise SafetyStop("moving", f"the cell was stopped: {self._stopped}", "a running cell", "start a new trial")

    def _times(self, duration_s: float) -> Array:
        step = self._worlds.timestep_s
        return (np.arange(max(int(np.ceil(duration_s / step)), 1)) + 1) * step

    def _last(self, name: str) -> Array:
        """The current value of a field of WorldState in this world, from the end of the last motion."""
        if self.motions:
            return getattr(self.motions[-1], name)[0, -1]
        return getattr(self._worlds.state(), name)[self._world]

    def _joints(self) -> Array:
        return self._last("joint_positions")

    def _objects(self) -> Array:
        return self._last("T_world_object")

    def _middle(self) -> Array:
        start = self.trial.physics.objects[0].T_world_object
        local = start[:3, :3].T @ (self.trial.target_middle - start[:3, 3])
        return apply(self._objects()[0], local[None])[0]

    def _roll(self, commands: Array) -> None:
        motion = self._worlds.roll(commands[None], self._stride, [self._world])
        self.motions.append(motion)
        steps = np.minimum(np.arange(1, len(motion.time_s) + 1) * self._stride, len(commands)) - 1
        self.targets.append(commands[steps])
        self._time += len(commands) * self._worlds.timestep_s
        strike = float(motion.robot_table_N.max())
        if strike > STRIKE_N:
            raise Collision(
                "moving",
                f"the robot pressed on the table with {strike:.0f} N",
                f"at most {STRIKE_N:.0f} N",
                "look at the plan",
            )

    def _touched(self) -> str:
        names = [thing.name for thing in self.trial.physics.objects]
        if not self.motions or len(names) < 2:
            return ""
        force = np.nanmax([np.nan_to_num(motion.robot_object_N[0]).max(0) for motion in self.motions], 0)[
            1 : len(names)
        ]
        worst = int(force.argmax())
        what = {row["name"]: short_name(row["object"]) for row in self.trial.record.objects}[names[1 + worst]]
        return f"{what} ({names[1 + worst]}) with {force[worst]:.0f} N" if force[worst] > TOUCH_N else ""


def open_cells(
    source: TrialSource, physics: Physics, indices: Sequence[int], stride: int = STRIDE
) -> Iterator[SimCell]:
    """Cells of trials `indices`; pictures are drawn in batches. A cell's world ends when the next cell is taken."""
    for trial in source.draw(np.asarray(indices, int)):
        worlds = physics.open([trial.physics])
        yield SimCell(trial, source, worlds, 0, stride)
        worlds.close()


def scene_at(source: TrialSource, trial: Trial, joint_positions: Array, T_world_object: Array) -> SceneBatch:
    """The trial's scene with the robot and the objects at their poses in the physics.

    Args:
        source: Of the trial.
        trial: The scene.
        joint_positions: (n, joints) [rad].
        T_world_object: (n, objects, 4, 4) in the order of `trial.physics.objects`.
    """
    scene = trial.scene.rows(np.zeros(len(joint_positions), int))
    pose = source.body.pose(joint_positions)
    source.body.set_pose(scene.table, source.frames.layout.body, pose)
    layout = source.frames.layout
    slots = {"target": layout.target} | {
        f"distractor_{i}": layout.distractors.start + i for i in range(len(scene.objects) - 1)
    }
    poses = {thing.name: T_world_object[:, i] for i, thing in enumerate(trial.physics.objects)}
    for name, T in poses.items():
        scene.table.T[:, slots[name]] = T
    objects = [replace(thing, T_world_object=poses.get(thing.name, thing.T_world_object)) for thing in scene.objects]
    return replace(scene, objects=objects, pose=pose)


def draw_states(
    source: TrialSource, trial: Trial, joint_positions: Array, T_world_object: Array
) -> tuple[Array, Array]:
    """Pictures (n, height, width, 3) uint8 and depth (n, height, width) [m] of states; arguments as in `scene_at`."""
    images, depths, size = [], [], source.frames.worlds
    for start in range(0, len(joint_positions), size):
        q, T = joint_positions[start : start + size], T_world_object[start : start + size]
        rows = np.minimum(np.arange(size), len(q) - 1)
        image, _segment, depth = source.frames.draw(scene_at(source, trial, q[rows], T[rows]), len(q))
        images.append(image.numpy())
        depths.append(depth.numpy())
    return np.concatenate(images), np.concatenate(depths)
