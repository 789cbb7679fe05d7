"""One rollout at the camera's rate: states, actions, pictures, how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lace.core.draws import Draws
from lace.core.frames import FrameRecord
from lace.core.geometry import Array
from policies import make_policy
from policies.outcome import Outcome
from policies.runner import run_trial
from sim_envs.physics.engines import PHYSICS
from sim_envs.rollouts.config import RolloutsConfig
from sim_envs.scenes.randomization import with_fresh_noise
from sim_envs.scenes.state import SceneBatch
from sim_envs.trials.cell import SimCell, open_cells, scene_at
from sim_envs.trials.source import Trial, TrialSource


@dataclass(frozen=True)
class Episode:
    """A rollout of f frames; frame k is what was at time k / fps."""

    trial: Trial
    outcome: Outcome
    joint_positions: Array
    """(f, joints) [rad]."""
    actions: Array
    """(f, joints) [rad]: the last target commanded before the next frame."""
    T_world_object: Array
    """(f, objects, 4, 4), the target first."""


class SimulatedDemonstrator:
    """Implements Demonstrator: grasps with the true image points and the grasp stored for the target."""

    def __init__(self, config: RolloutsConfig):
        self.config, self._source = config, TrialSource(config)
        robot = self._source.robot
        self.embodiment = robot.embodiment
        self._physics = PHYSICS[config.physics](robot, self._source.frames.device)
        self._policy = make_policy("oracle")

    def episodes(self, trials: Sequence[int]) -> list[Episode]:
        """See Demonstrator."""
        return [self._roll(cell) for cell in open_cells(self._source, self._physics, trials, stride=1)]

    def _roll(self, cell: SimCell) -> Episode:
        outcome = run_trial(self._policy, cell, self._source.primitive(cell.trial), self.config.seed)
        return sampled(cell, outcome, self.config.fps)

    def draw(self, episode: Episode, first_index: int) -> tuple[Array, list[FrameRecord]]:
        """See Demonstrator; all pictures of an episode in batches."""
        source, images, records = self._source, [], []
        size, count = source.frames.worlds, len(episode.joint_positions)
        for start in range(0, count, size):
            rows = np.minimum(np.arange(start, start + size), count - 1)
            batch = scenes_of(source, episode, rows)
            drawn = source.frames.draw(batch, min(size, count - start))
            images.append(drawn[0].numpy())
            if self.config.frames:
                records += source.frames.records(batch, *drawn, first_index + rows, np.zeros(size, int))
        return np.concatenate(images), records

    def close(self) -> None:
        """See Demonstrator."""
        self._source.close()


def sampled(cell: SimCell, outcome: Outcome, fps: int) -> Episode:
    """What happened in a cell, at `fps` [Hz]; a trial that never moved is one frame that stays where it is."""
    start = cell.trial.physics
    q, T = start.joint_positions[None], np.stack([thing.T_world_object for thing in start.objects])[None]
    commands = start.joint_positions[None]
    if cell.motions:
        q = np.concatenate([q, *(motion.joint_positions[0] for motion in cell.motions)])
        T = np.concatenate([T, *(motion.T_world_object[0][:, : T.shape[1]] for motion in cell.motions)])
        commands = np.concatenate(cell.targets)
    count = int(np.floor((len(q) - 1) * cell.timestep_s * fps)) + 1
    steps = np.round(np.arange(count + 1) / fps / cell.timestep_s).astype(int)
    before_next = np.minimum(steps[1:], len(commands)) - 1
    return Episode(cell.trial, outcome, q[steps[:-1]], commands[np.maximum(before_next, 0)], T[steps[:-1]])


def scenes_of(source: TrialSource, episode: Episode, rows: np.ndarray) -> SceneBatch:
    """Frames `rows` of an episode as scenes, each with sensor noise of its own."""
    scene = scene_at(source, episode.trial, episode.joint_positions[rows], episode.T_world_object[rows])
    fresh = Draws(source.config.seed, np.full(len(rows), episode.trial.index), rows + 1)
    return with_fresh_noise(scene, fresh)


def facts(episode: Episode) -> dict[str, Any]:
    """Facts of an episode besides its frames, as values for JSON."""
    record, physics, outcome = episode.trial.record, episode.trial.physics, episode.outcome
    return {
        "trial": record.index,
        "seed": record.seed,
        "attempt": record.attempt,
        "success": outcome.success,
        "result": outcome.result,
        "phase": outcome.phase,
        "reason": outcome.reason,
        "lifted_mm": outcome.lifted_mm,
        "room": record.room,
        "K": record.K,
        "T_world_cam": record.T_world_cam,
        "table_z": physics.table_z,
        "objects": record.objects,
        "draws": record.draws,
        "masses_kg": {thing.name: thing.mass_kg for thing in physics.objects},
        "frictions": {thing.name: thing.friction for thing in physics.objects},
    }
