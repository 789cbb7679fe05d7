"""All worlds of the environment: scenes, physics, pictures and rewards."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from lace.core.errors import IntegrityError
from lace.core.geometry import Array, apply, quat_wxyz_from_rotation
from sim_envs.grasp_env.config import GraspEnvConfig
from sim_envs.grasp_env.controls import CONTROLS, Control
from sim_envs.physics.engines import PHYSICS, fastest
from sim_envs.physics.protocol import Worlds
from sim_envs.scenes.state import SceneBatch
from sim_envs.trials.cell import HELD_M, scene_at
from sim_envs.trials.source import Trial, TrialSource

LIFT_M = 0.15
"""Height at which the lift reward saturates: that of the grasp primitive [m]."""
NEAR_M = 0.2
"""Distance at which nearness has fallen to a quarter [m]."""
SCENES = 2**31
"""How many scenes there are for one configuration."""


class GraspWorlds:
    """Runs `count` worlds side by side."""

    def __init__(self, config: GraspEnvConfig, count: int):
        self.config, self.count = config, count
        self._source = TrialSource(config, min(count, 16))
        self.robot = self._source.robot
        device = self._source.frames.device
        self._physics = PHYSICS[config.physics or fastest(device)](self.robot, device)
        self.embodiment = self.robot.embodiment
        self.control: Control = CONTROLS[config.actions](self.embodiment, 1 / config.rate_hz)
        self.action_space = spaces.Box(-1, 1, (self.control.size,), np.float32)
        self.observation_space = spaces.Dict(self._spaces())
        self.trials: list[Trial] = []
        """Of all worlds; none before the first `restart`."""
        self.targets = np.zeros((count, len(self.embodiment.joints)))
        self._worlds: Worlds | None = None

    def _spaces(self) -> dict[str, spaces.Space]:
        joints, points = len(self.embodiment.joints), int(self.embodiment.present.sum())
        known = {
            "image": {"image": spaces.Box(0, 255, (self.config.height, self.config.width, 3), np.uint8)},
            "keypoints": {
                "keypoints": spaces.Box(-np.inf, np.inf, (points, 2), np.float32),
                "visibility": spaces.Box(0, 3, (points,), np.uint8),
            },
            "state": {
                "joint_positions": spaces.Box(-np.inf, np.inf, (joints,), np.float32),
                "joint_velocities": spaces.Box(-np.inf, np.inf, (joints,), np.float32),
                "target_pose": spaces.Box(-np.inf, np.inf, (7,), np.float32),
            },
        }
        return {name: space for kind in self.config.observations for name, space in known[kind].items()}

    def restart(self, chosen: np.ndarray, generator: np.random.Generator) -> None:
        """New scenes in the worlds `chosen` (k,); in all of them the first time."""
        trials = self._source.draw(generator.choice(SCENES, len(chosen)))
        scenes = [trial.physics for trial in trials]
        if self._worlds is None:
            self._worlds, self.trials = self._physics.open(scenes), list(trials)
        else:
            self._worlds.restart(chosen, scenes)
        for world, trial in zip(chosen, trials, strict=True):
            self.trials[world], self.targets[world] = trial, trial.physics.joint_positions
        self.state = self._worlds.state()

    def move(self, actions: Array, chosen: np.ndarray) -> None:
        """Moves worlds `chosen` (k,) by one period under actions (count, size) in [-1, 1]; the others stand still."""
        worlds = self._opened()
        before, after = self.targets[chosen], self.control.targets(self.targets, np.clip(actions, -1, 1))[chosen]
        steps = int(round(1 / self.config.rate_hz / worlds.timestep_s))
        share = np.arange(1, steps + 1)[:, None] / steps
        worlds.roll(before[:, None] + share * (after - before)[:, None], steps, chosen)
        self.targets[chosen], self.state = after, worlds.state()

    def observe(self) -> tuple[dict[str, Array], Array, dict[str, Array]]:
        """Of all worlds as they are now: observations, rewards (count,) in [0, 1], facts."""
        facts = self._judged()
        return self._observed(), 0.2 * facts["nearness"] + 0.2 * facts["touching"] + 0.6 * facts["lift"], facts

    def pictures(self, worlds: Sequence[int]) -> Array:
        """What the cameras of worlds see now: (n, height, width, 3) uint8."""
        frames, made = self._source.frames, []
        for start in range(0, len(worlds), frames.worlds):
            scenes = [self._scene(world) for world in worlds[start : start + frames.worlds]]
            padded = scenes + scenes[:1] * (frames.worlds - len(scenes))
            made.append(frames.draw(SceneBatch.concatenated(padded), len(scenes))[0].numpy())
        return np.concatenate(made)

    def close(self) -> None:
        """Frees both engines."""
        if self._worlds is not None:
            self._worlds.close()
        self._source.close()

    def _opened(self) -> Worlds:
        if self._worlds is None:
            raise IntegrityError("moving worlds", "worlds that were never begun", "open worlds", "call `reset` first")
        return self._worlds

    def _judged(self) -> dict[str, Array]:
        """Nearness of the grasp point to the target in [0, 1], touch, lift in [0, 1], success; each (count,)."""
        state, source = self.state, self._source
        palm = source.body.palm(source.body.pose(state.joint_positions))
        grasp = apply(palm, np.array([self.embodiment.grasp_point]))[:, 0]
        now = np.stack(
            [
                apply(T, self._local(trial)[None])[0]
                for T, trial in zip(state.T_world_object[:, 0], self.trials, strict=True)
            ]
        )
        rise = now[:, 2] - np.array([trial.target_middle[2] for trial in self.trials])
        touching = state.robot_object_N[:, 0] > 0
        carried = touching & (state.object_table_N[:, 0] == 0)
        return {
            "nearness": 1 - np.tanh(np.linalg.norm(grasp - now, axis=1) / NEAR_M),
            "touching": touching.astype(float),
            "lift": np.clip(rise / LIFT_M, 0, 1) * carried,
            "success": carried & (rise > HELD_M),
            "trial": np.array([trial.index for trial in self.trials]),
        }

    @staticmethod
    def _local(trial: Trial) -> Array:
        """(3,) the target's middle in its own frame [m]."""
        T = trial.physics.objects[0].T_world_object
        return T[:3, :3].T @ (trial.target_middle - T[:3, 3])

    def _observed(self) -> dict[str, Array]:
        state, wanted = self.state, self.config.observations
        target = state.T_world_object[:, 0]
        pose = np.concatenate([target[:, :3, 3], quat_wxyz_from_rotation(target[:, :3, :3])], 1)
        seen: dict[str, Any] = {
            "joint_positions": state.joint_positions,
            "joint_velocities": state.joint_velocities,
            "target_pose": pose,
        }
        if "image" in wanted or "keypoints" in wanted:
            seen |= self._drawn()
        return {name: seen[name].astype(space.dtype) for name, space in self.observation_space.items()}

    def _drawn(self) -> dict[str, Array]:
        """Pictures and keypoints [px], in batches of the renderer's size."""
        frames, present, parts = self._source.frames, self.embodiment.present, []
        for start in range(0, self.count, frames.worlds):
            rows = np.arange(start, min(start + frames.worlds, self.count))
            batch = SceneBatch.concatenated([self._scene(i) for i in np.resize(rows, frames.worlds)])
            if "image" in self.config.observations:
                rgb, segment, _depth = frames.draw(batch, len(rows))
                uv, visibility = frames.keypoint_labels(batch, segment)
                image = rgb.numpy()
            else:
                frames.apply(batch)
                uv, visibility = (labels[: len(rows)] for labels in frames.keypoint_labels(batch))
                image = np.zeros((len(rows), 0))
            parts.append((image, uv[:, present], visibility[:, present]))
        return dict(
            zip(("image", "keypoints", "visibility"), map(np.concatenate, zip(*parts, strict=True)), strict=True)
        )

    def _scene(self, world: int) -> SceneBatch:
        state, trial = self.state, self.trials[world]
        count = len(trial.physics.objects)
        return scene_at(
            self._source, trial, state.joint_positions[world, None], state.T_world_object[world, None, :count]
        )
