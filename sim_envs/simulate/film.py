"""Films of trials: each is run again, checked against its record, drawn from its states; overlaps are measured."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.errors import IntegrityError
from lace.core.files import publish_bytes, reading
from lace.core.geometry import Array, apply
from lace.core.progress import Advance, progress_bar
from policies.trials.records import TrialRecord, film_path
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.physics.overlap import DrawnRobot, by_kind
from sim_envs.physics.protocol import STEP_HZ
from sim_envs.simulate.cells import CellTrials
from sim_envs.simulate.config import SimulateConfig
from sim_envs.trials.cell import STRIDE, SimCell, scene_at
from sim_envs.trials.source import Trial, TrialSource

LONG_SIDE_PX = 384
"""Of a film, whatever the size of what the policies saw."""
EVERY = 2
"""States from one picture of a film to the next."""
MARGIN = 0.06
"""Least distance of hand and target from the picture's edge, of its side."""
STRIP, STRIP_COLUMNS = 12, 4
"""Pictures on the contact strip beside a film, and in each of its rows."""


def unseen(_done: int, _total: int) -> None:
    """Shows no progress."""


def film(config: SimulateConfig, trials: Sequence[TrialRecord]) -> Iterator[tuple[Path, dict[str, dict[str, float]]]]:
    """Films each trial in `config.film` with each policy, if it is not filmed yet; yields each film and its overlaps.

    DIR/films/film-NUMBER-POLICY.mp4 has beside it a contact strip (.png) and its deepest overlaps (.json).

    Raises:
        IntegrityError: A trial ended otherwise than recorded.
    """
    records, filmer = {row.trial: row for row in trials}, None
    films = [(number, name, film_path(config.out, number, name)) for number in config.film for name in config.policies]
    try:
        for number, name, path in films:
            if not path.is_file():
                filmer = filmer or Filmer(config)
                with progress_bar(f"filming trial {number}, {name}", "pictures") as advance:
                    filmer.make(path, records[number], name, advance)
            with reading(path.with_suffix(".json"), "a film's depths", f"remove {path}: it is drawn again"):
                depths = json.loads(path.with_suffix(".json").read_bytes())
            yield path, depths
    finally:
        if filmer is not None:
            filmer.maker.close()


class Filmer:
    """Runs trials again and films them."""

    def __init__(self, config: SimulateConfig):
        self.maker = CellTrials(config)
        self._watch = OverlapWatch(self.maker.source)

    def make(self, path: Path, record: TrialRecord, name: str, advance: Advance = unseen) -> None:
        """Films one trial with one policy; `advance` is told of the pictures drawn."""
        [trial] = self.maker.source.draw(np.array([record.trial]))
        policy = next(policy for policy in self.maker.policies if policy.name == name)
        outcome, cell = self.maker.outcome(trial, policy)
        _require_same(record.trial, name, outcome.result, record.outcomes[name]["result"])
        publish(path, pictures(self.maker.source, trial, cell, advance), self._watch.deepest(trial, *moments(cell)))


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


def pictures(source: TrialSource, trial: Trial, cell: SimCell, advance: Advance = unseen) -> np.ndarray:
    """RGB (frames, height, width, 3) uint8 of all that happened in `cell`; its beginning if nothing moved."""
    (q, T), size = moments(cell), source.frames.worlds
    camera, made = framed(source, trial, q, T), []
    for start in range(0, len(q), size):
        made.append(_drawn(source, trial, camera, q[start : start + size], T[start : start + size]))
        advance(min(start + size, len(q)), len(q))
    return np.concatenate(made)


def framed(source: TrialSource, trial: Trial, q: Array, T_world_object: Array) -> PinholeCamera:
    """The trial's camera at a film's size, zoomed out and shifted as far as hand and target need it.

    Args:
        source: Of the trial.
        trial: The scene.
        q: Joint positions (n, joints) [rad] of all moments.
        T_world_object: (n, objects, 4, 4), the target first.
    """
    camera = source.frames.canvas(trial.camera)
    hand = source.body.pose(q).keypoints_world[:, source.body.embodiment.present]
    target = apply(T_world_object[:, 0], np.concatenate(trial.physics.objects[0].hulls))
    points = np.concatenate([hand.reshape(-1, 3), target.reshape(-1, 3)])
    uv, depth = camera.project(points)
    size = np.array([camera.width, camera.height], float)
    low, high = zoom_to(uv.reshape(-1, 2)[depth.ravel() > 0.05], size)
    K = camera.K.copy()
    made = 2 * np.rint(LONG_SIDE_PX / 2 * size / size.max()).astype(int)  # H.264 takes even sizes only
    scale = made / (high - low)
    K[..., 0, :] *= scale[0]
    K[..., 1, :] *= scale[1]
    K[..., :2, 2] -= scale * low
    return replace(camera, K=K, width=int(made[0]), height=int(made[1]))


def zoom_to(uv: Array, size: Array) -> tuple[Array, Array]:
    """Corners (2,) of the least window around a picture's own, of its shape, that holds points with a margin [px].

    Args:
        uv: (n, 2) [px].
        size: (2,) of the picture [px].
    """
    if not len(uv):
        return np.zeros(2), size
    inner = 1 - 2 * MARGIN
    need = np.ptp(uv, axis=0)
    factor = max(1.0, float((need / (inner * size)).max()))
    window = factor * size
    first, last = uv.max(0) - (1 - MARGIN) * window, uv.min(0) - MARGIN * window
    low = np.clip((size - window) / 2, first, np.maximum(first, last))
    return low, low + window


def _drawn(source: TrialSource, trial: Trial, camera: PinholeCamera, q: Array, T_world_object: Array) -> np.ndarray:
    """Pictures of at most `worlds` states."""
    frames, count = source.frames, len(q)
    rows = np.minimum(np.arange(frames.worlds), count - 1)
    scene = scene_at(source, trial, q[rows], T_world_object[rows])
    row = np.zeros(frames.worlds, int)
    K, T_world_cam = (np.reshape(value, (-1, *value.shape[-2:]))[row] for value in (camera.K, camera.T_world_cam))
    view = frames.view(replace(scene, camera=replace(camera, K=K, T_world_cam=T_world_cam)))
    frames.renderer.apply(scene.table)
    size = camera.width, camera.height
    rgb, _segment, _depth = frames.renderer.draw(view, *size, shadows=True, count=count)
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
