"""Films of trials: each is run again, checked against its record, drawn from its states; overlaps are measured."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from lace.core.errors import IntegrityError
from lace.core.files import publish_bytes
from lace.core.geometry import Array
from policies.trials.records import TrialRecord, film_path
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.physics.overlap import DrawnRobot, by_kind
from sim_envs.physics.protocol import STEP_HZ
from sim_envs.simulate.cells import CellTrials
from sim_envs.simulate.config import SimulateConfig
from sim_envs.trials.cell import STRIDE, SimCell, scene_at
from sim_envs.trials.source import Trial, TrialSource

ENLARGEMENT, SUPERSAMPLING = 2, 2
"""Films are so much larger than what the policies saw, with so many colour rays per pixel and axis."""
EVERY = 2
"""States from one picture of a film to the next."""
STRIP, STRIP_COLUMNS = 12, 4
"""Pictures on the contact strip beside a film, and in each of its rows."""


def film(config: SimulateConfig, trials: Sequence[TrialRecord]) -> Iterator[tuple[Path, dict[str, dict[str, float]]]]:
    """Films each trial in `config.film` with each policy, if it is not filmed yet; yields each film and its overlaps.

    DIR/films/film-NUMBER-POLICY.mp4 has beside it a contact strip (.png) and its deepest overlaps (.json).

    Raises:
        IntegrityError: A trial ended otherwise than recorded.
    """
    records, filmer = {row.trial: row for row in trials}, None
    try:
        for number in config.film:
            for name in config.policies:
                path = film_path(config.out, number, name)
                if not path.is_file():
                    filmer = filmer or Filmer(config)
                    filmer.make(path, records[number], name)
                yield path, json.loads(path.with_suffix(".json").read_text())
    finally:
        if filmer is not None:
            filmer.maker.close()


class Filmer:
    """Runs trials again and films them."""

    def __init__(self, config: SimulateConfig):
        self.maker = CellTrials(config)
        self._watch = OverlapWatch(self.maker.source)

    def make(self, path: Path, record: TrialRecord, name: str) -> None:
        """Films one trial with one policy."""
        [trial] = self.maker.source.draw(np.array([record.trial]))
        policy = next(policy for policy in self.maker.policies if policy.name == name)
        outcome, cell = self.maker.outcome(trial, policy)
        _require_same(record.trial, name, outcome.result, record.outcomes[name]["result"])
        publish(path, pictures(self.maker.source, trial, cell), self._watch.deepest(trial, *moments(cell)))


def _require_same(number: int, policy: str, result: str, recorded: str) -> None:
    if result != recorded:
        raise IntegrityError(
            f"filming trial {number} of {policy}",
            f"it ended with {result}",
            f"{recorded}, as recorded",
            "the code has changed since: choose another --out and run again",
        )


class OverlapWatch:
    """Measures penetration depths in the filmed motion."""

    def __init__(self, source: TrialSource):
        self._physics, self._drawn = MujocoPhysics(source.robot), DrawnRobot(source.robot)

    def deepest(self, trial: Trial, joint_positions: Array, T_world_object: Array) -> dict[str, dict[str, float]]:
        """Over the moments of `moments`, for each pair of kinds [mm]: by `collision` shapes, by `drawn` meshes."""
        physics = trial.physics
        objects = [(row["object"], row["scale"]) for row in trial.record.objects]
        collision = self._physics.overlaps(physics, joint_positions, T_world_object)
        drawn = self._drawn.overlaps(joint_positions, objects, T_world_object, physics.table_z)
        return {"collision": by_kind(collision), "drawn": by_kind(drawn)}


def moments(cell: SimCell) -> tuple[Array, Array]:
    """Joint positions (n, joints) [rad] and T_world_object (n, objects, 4, 4) of a film's pictures."""
    start = cell.trial.physics
    if not cell.motions:
        return start.joint_positions[None], np.stack([thing.T_world_object for thing in start.objects])[None]
    q = np.concatenate([motion.joint_positions[0] for motion in cell.motions])
    T = np.concatenate([motion.T_world_object[0] for motion in cell.motions])
    return q[::EVERY], T[::EVERY, : len(start.objects)]


def pictures(source: TrialSource, trial: Trial, cell: SimCell) -> np.ndarray:
    """RGB (frames, height, width, 3) uint8 of all that happened in `cell`; its first picture if nothing moved."""
    if not cell.motions:
        return trial.record.image[None].repeat(ENLARGEMENT, 1).repeat(ENLARGEMENT, 2)
    (q, T), size = moments(cell), source.frames.worlds
    return np.concatenate([_drawn(source, trial, q[i : i + size], T[i : i + size]) for i in range(0, len(q), size)])


def _drawn(source: TrialSource, trial: Trial, q: Array, T_world_object: Array) -> np.ndarray:
    """Pictures of at most `worlds` states."""
    frames, count = source.frames, len(q)
    rows = np.minimum(np.arange(frames.worlds), count - 1)
    scene = scene_at(source, trial, q[rows], T_world_object[rows])
    camera = frames.canvas(scene.camera)
    width, height = ENLARGEMENT * camera.width, ENLARGEMENT * camera.height
    K = camera.K * np.array([ENLARGEMENT, ENLARGEMENT, 1])[:, None]
    view = frames.view(replace(scene, camera=replace(camera, K=K, width=width, height=height)))
    frames.renderer.apply(scene.table)
    rgb, _segment, _depth = frames.renderer.draw(
        view, width, height, shadows=True, supersampling=SUPERSAMPLING, count=count
    )
    return rgb.numpy()


def publish(path: Path, images: np.ndarray, overlaps: dict[str, dict[str, float]]) -> None:
    """Writes a film of `images` (frames, height, width, 3) and the files beside it.

    The film comes last, so that a film that exists is complete.
    """
    publish_bytes(path.with_suffix(".json"), json.dumps(overlaps, indent=1).encode())
    publish_bytes(path.with_suffix(".png"), iio.imwrite("<bytes>", contact_strip(images), extension=".png"))
    rate = STEP_HZ / (STRIDE * EVERY)
    publish_bytes(path, iio.imwrite("<bytes>", images, extension=".mp4", plugin="pyav", codec="libx264", fps=rate))


def contact_strip(images: np.ndarray) -> np.ndarray:
    """Evenly spread pictures, first and last among them, in rows from left to right."""
    chosen = images[np.linspace(0, len(images) - 1, STRIP).round().astype(int)]
    rows = chosen.reshape(-1, STRIP_COLUMNS, *images.shape[1:])
    return np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)
