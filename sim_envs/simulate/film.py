"""Films of trials: each is run again, checked against its record, drawn from its states; overlaps are measured."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from assets.robots.robot import Robot
from lace.core.camera import PinholeCamera
from lace.core.errors import IntegrityError
from lace.core.geometry import Array, BoolArray, apply
from lace.core.progress import Advance
from policies.trials.records import TrialRecord
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.physics.overlap import DrawnRobot, by_kind
from sim_envs.physics.protocol import STEP_HZ
from sim_envs.rendering.renderer import View
from sim_envs.simulate.cells import CellTrials
from sim_envs.simulate.film_files import FilmEncoder, publish
from sim_envs.trials.cell import STRIDE, SimCell, scene_at
from sim_envs.trials.source import Trial, TrialSource

LONG_SIDE_PX = 384
"""Of a film, whatever the size of what the policies saw."""
EVERY = 2
"""States from one picture of a film to the next."""
FPS = Fraction(STEP_HZ, STRIDE * EVERY)
MARGIN = 0.06
"""Least distance of hand and target from the picture's edge, of its side."""


def film(path: Path, cells: CellTrials, record: TrialRecord, name: str, advance: Advance) -> None:
    """Films a trial with the policy `name`; its files go beside `path`, and `advance` is told of the pictures drawn.

    Pictures are encoded and overlaps are measured in other threads while the next pictures are drawn.

    Raises:
        IntegrityError: The trial ended otherwise than recorded.
    """
    [trial] = cells.source.draw(np.array([record.trial]))
    policy = next(policy for policy in cells.policies if policy.name == name)
    outcome, cell = cells.outcome(trial, policy)
    _require_same(record.trial, name, outcome.result, record.outcomes[name]["result"])
    with ThreadPoolExecutor(1) as beside, FilmEncoder(FPS) as encoder:
        overlaps, drawn = beside.submit(deepest_overlaps, cells.source.robot, trial, *moments(cell)), []
        for images in pictures(cells.source, trial, cell, advance):
            encoder.add(images)
            drawn.append(images)
        publish(path, encoder.finished(), np.concatenate(drawn), overlaps.result())


def _require_same(number: int, policy: str, result: str, recorded: str) -> None:
    if result != recorded:
        raise IntegrityError(
            f"filming trial {number} of {policy}",
            f"it ended with {result}",
            f"{recorded}, as recorded",
            "the code has changed since: choose another --out and run again",
        )


def deepest_overlaps(
    robot: Robot, trial: Trial, joint_positions: Array, T_world_object: Array
) -> dict[str, dict[str, float]]:
    """Over the moments of `moments`, for each pair of kinds [mm]: by `collision` shapes, by `drawn` meshes."""
    physics = trial.physics
    objects = [(row["object"], row["scale"]) for row in trial.record.objects]
    collision = MujocoPhysics(robot).overlaps(physics, joint_positions, T_world_object)
    drawn = DrawnRobot(robot).overlaps(joint_positions, objects, T_world_object, physics.table_z)
    return {"collision": by_kind(collision), "drawn": by_kind(drawn)}


def moments(cell: SimCell) -> tuple[Array, Array]:
    """Joint positions (n, joints) [rad] and T_world_object (n, objects, 4, 4) of a film's pictures."""
    start = cell.trial.physics
    if not cell.motions:
        return start.joint_positions[None], np.stack([thing.T_world_object for thing in start.objects])[None]
    q = np.concatenate([motion.joint_positions[0] for motion in cell.motions])
    T = np.concatenate([motion.T_world_object[0] for motion in cell.motions])
    return q[::EVERY], T[::EVERY, : len(start.objects)]


def pictures(source: TrialSource, trial: Trial, cell: SimCell, advance: Advance) -> Iterator[np.ndarray]:
    """Yields pictures of all that happened in `cell`, of its beginning if nothing moved.

    RGB (n, height, width, 3) uint8, as many at a time as there are worlds. What stands still is drawn once.
    """
    (q, T), frames = moments(cell), source.frames
    camera, count = framed(source, trial, q, T), len(q)
    places = scene_at(source, trial, q, T).table.T
    still = (places == places[0]).all((0, 2, 3))
    size = camera.width, camera.height
    view = _stand(source, trial, camera, q[:1], T[:1], still)
    remembered = frames.renderer.remembered(view, *size, shadows=True)
    for start in range(0, count, frames.worlds):
        rows = slice(start, start + frames.worlds)
        view = _stand(source, trial, camera, q[rows], T[rows], ~still)
        drawn = frames.renderer.draw(view, *size, shadows=True, count=len(q[rows]), still=remembered)
        yield drawn[0].numpy()
        advance(min(start + frames.worlds, count), count)


def _stand(
    source: TrialSource, trial: Trial, camera: PinholeCamera, q: Array, T_world_object: Array, seen: BoolArray
) -> View:
    """Puts states, at most one a world, before the renderer, of which it sees some slots (slots,), and the camera."""
    frames = source.frames
    rows = np.minimum(np.arange(frames.worlds), len(q) - 1)
    scene = scene_at(source, trial, q[rows], T_world_object[rows])
    row = np.zeros(frames.worlds, int)
    K, T_world_cam = (np.reshape(value, (-1, *value.shape[-2:]))[row] for value in (camera.K, camera.T_world_cam))
    frames.renderer.apply(scene.table, seen)
    return frames.view(replace(scene, camera=replace(camera, K=K, T_world_cam=T_world_cam)))


def framed(source: TrialSource, trial: Trial, q: Array, T_world_object: Array) -> PinholeCamera:
    """The trial's camera at a film's size, zoomed out and shifted as far as hand and target need it.

    Args:
        source: Of the trial.
        trial: The scene.
        q: Joint positions (n, joints) [rad] of all moments.
        T_world_object: (n, objects, 4, 4), the target first.
    """
    camera = source.frames.canvas(trial.scene.camera)
    hand = source.body.pose(q).keypoints_world[:, source.body.embodiment.present]
    target = apply(T_world_object[:, 0], np.concatenate(trial.physics.objects[0].hulls))
    points = np.concatenate([hand.reshape(-1, 3), target.reshape(-1, 3)])
    uv, depth = camera.project(points)
    size = np.array([camera.width, camera.height], float)
    low, high = zoom_to(uv.reshape(-1, 2)[depth.ravel() > 0.05], size)
    K = camera.K.copy()
    made = 2 * np.rint(LONG_SIDE_PX / 2 * size / size.max()).astype(int)  # H.264 takes even sizes only
    scale = (made / (high - low)).min()  # one for both sides, which rounding makes differ
    K[..., :2, :] *= scale
    K[..., :2, 2] += (made - scale * (high + low)) / 2
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
