"""Trials in the simulated cell: one scene and one picture, and a new physics world for each policy."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from lace.core.draws import Draws
from lace.core.provenance import commit
from policies import make_policy
from policies.outcome import Outcome
from policies.policy import Policy
from policies.runner import run_trial
from policies.trials.records import TrialRecord, plain
from sim_envs.physics.engines import PHYSICS
from sim_envs.simulate.config import SimulateConfig
from sim_envs.trials.cell import SimCell
from sim_envs.trials.source import Trial, TrialSource

JPEG_QUALITY = 92
"""Of the pictures that are kept; policies see them uncompressed."""


class CellTrials:
    """Implements TrialMaker."""

    def __init__(self, config: SimulateConfig):
        self.config, self.commit = config, commit()
        self.source = TrialSource(config)
        self.physics = PHYSICS[config.physics](self.source.robot, self.source.frames.device)
        self.policies = [make_policy(name) for name in config.policies]

    def close(self) -> None:
        """See TrialMaker."""
        self.source.close()

    def run(self, numbers: Sequence[int]) -> list[tuple[TrialRecord, bytes]]:
        """See TrialMaker."""
        return [self._one(trial) for trial in self.source.draw(np.asarray(numbers))]

    def _one(self, trial: Trial) -> tuple[TrialRecord, bytes]:
        outcomes = {policy.name: plain(self.outcome(trial, policy)[0]) for policy in self.policies}
        return TrialRecord(trial.index, scene_facts(trial), outcomes, self.commit), jpeg(trial.record.image)

    def outcome(self, trial: Trial, policy: Policy) -> tuple[Outcome, SimCell]:
        """How the trial ends with `policy`, and the cell in which it did."""
        worlds = self.physics.open([trial.physics])
        cell = SimCell(trial, self.source, worlds, 0)
        seed = int(Draws(self.config.seed, [trial.index]).bits("policy")[0, 0])
        outcome = run_trial(policy, cell, self.source.primitive(trial), seed)
        worlds.close()
        return outcome, cell


def scene_facts(trial: Trial) -> dict[str, Any]:
    """What a record says of the scene, as JSON values; lengths in m."""
    record = trial.record
    target, *others = record.objects
    T = np.asarray(target["T_world_object"]).reshape(4, 4)
    boxes = {name: box for name, box in record.boxes.items() if np.isfinite(box).all()}
    return {
        "attempt": trial.attempt,
        "room": record.room,
        "table_z_m": trial.physics.table_z,
        "target": {
            "object": target["object"],
            "scale": target["scale"],
            "xy_m": T[:2, 3],
            "yaw_deg": float(np.degrees(np.arctan2(T[1, 0], T[0, 0]))),
            "middle_m": trial.target_middle,
            "radius_m": trial.target_radius_m,
            "height_m": 2 * float(trial.target_middle[2] - T[2, 3]),
        },
        "distractors": [thing["object"] for thing in others],
        "truth": {"end_effector": trial.truth.end_effector, "target": trial.truth.target},
        "boxes": boxes,
        "joint_positions": trial.physics.joint_positions,
        "draws": record.draws,
    }


def jpeg(image: np.ndarray) -> bytes:
    """An RGB image (height, width, 3) uint8 as JPEG."""
    _ok, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()
