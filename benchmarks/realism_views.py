"""Separates appearance from view: turns the camera around each simulated hand that was not found.

    uv run lace data realism DATASET
    uv run python -m benchmarks.realism_views DATASET --out FOLDER

Draws every whole hand that `lace data realism` counts as missed once more, in the same scene, pose, skin, light and
noise, from cameras turned about the hand. If the appearance is the cause, the hand is missed from every side; if the
view is the cause, it is found from other sides. Writes views.json and views.png (each miss beside the nearest view in
which it is found).
"""

import json
from collections import Counter
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.geometry import axis_angle, transform
from lace.core.provenance import commit
from lace.data.dataset import FrameDataset
from lace.data.hands.detector import HandDetector
from lace.data.schema import encode_image
from lace.data.show import contact_sheet
from lace.measure.evaluate_realism import near
from lace.measure.realism import judge
from sim_envs.config.axes import Axes
from sim_envs.config.scene import SceneConfig
from sim_envs.frames.source import SimulatedFrames
from sim_envs.scenes.state import SceneBatch

AZIMUTHS = (0, -20, 20, -40, 40, -60, 60, -90, 90, -120, 120, 180)
ELEVATIONS = (0, 25)
TURNS = [(azimuth, elevation) for elevation in ELEVATIONS for azimuth in AZIMUTHS]
"""(about the vertical, upwards) [degrees]; the first is the view that was missed."""


def main(folder: Path, /, out: Path) -> None:
    """Prints and writes how many missed hands are found from another side."""
    report = json.loads((folder / "realism" / "realism.json").read_text())
    missed = [frame["index"] for frame in report["each"] if frame["whole"] and not frame["found"]]
    dataset = FrameDataset(folder)
    rows = {int(index): i for i, index in enumerate(dataset.column("index"))}
    source = SimulatedFrames(scene_config(dataset.meta["config"]), len(TURNS))
    detector, said, pairs, captions = HandDetector(), [], [], []
    for index in missed:
        views = turned(source, index, dataset[rows[index]].attempt)
        judged = [judge(record, detector) for record in views]
        found = [k for k, one in enumerate(judged) if one.found and one.whole]
        angles = {k: angle_between(views[0], views[k]) for k in found}
        nearest = min(angles, key=lambda k: angles[k]) if angles else 0
        each = [{"seen_from": one.seen_from, "found": one.found} for one in judged if one.whole]
        said.append({"index": index, "turn_deg": angles.get(nearest), "views": each})
        pairs += [near(views[0]), near(views[nearest])]
        turn = f"found {angles[nearest]:.0f} deg away" if angles else "found from nowhere"
        captions += [f"#{index} missed, {judged[0].seen_from}", turn]
        print(f"frame {index}: {turn}", flush=True)
    numbers = {**totals(said), "folder": folder.name, "commit": commit(), "turns_deg": TURNS, "each": said}
    publish_bytes(out / "views.json", json.dumps(numbers, indent=1).encode())
    title = f"{folder.name}: hands that were not found, beside the nearest view in which they are"
    publish_bytes(out / "views.png", encode_image(contact_sheet(pairs, 6, 256, False, title, captions), "png"))
    print({name: value for name, value in numbers.items() if name not in ("each", "turns_deg")})


def totals(said: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts over missed hands, and over all their views by the side that is seen."""
    turns = np.array([one["turn_deg"] for one in said if one["turn_deg"] is not None])
    views = Counter((view["seen_from"], view["found"]) for one in said for view in one["views"])
    sides = {
        side: f"{views[side, True]} of {views[side, True] + views[side, False]}" for side in ("palm", "edge", "back")
    }
    within = {f"found_within_{limit}_deg": int((turns <= limit).sum()) for limit in (25, 45, 65)}
    return {"missed": len(said), "found_from_another_side": len(turns), **within, "views_found": sides}


def scene_config(config: dict[str, Any]) -> SceneConfig:
    """The scenes of a dataset, from the configuration in its dataset.json."""
    own = {entry.name for entry in fields(SceneConfig)} & set(config) - {"axes"}
    return SceneConfig(**{name: config[name] for name in own}, axes=_filled(Axes(), config["axes"]))


def _filled(default: Any, values: dict[str, Any]) -> Any:
    changes = {}
    for name, value in values.items():
        known = getattr(default, name)
        changes[name] = (
            _filled(known, value) if is_dataclass(known) else tuple(value) if isinstance(value, list) else value
        )
    return replace(default, **changes)


def turned(source: SimulatedFrames, index: int, attempt: int) -> list[FrameRecord]:
    """One scene seen by every camera of TURNS."""
    indices, attempts = (np.full(len(TURNS), value) for value in (index, attempt))
    scenes = source.compose(indices, attempts)
    centre = np.nanmean(scenes.pose.keypoints_world[0], 0)
    cameras = np.stack([orbit(scenes.camera.T_world_cam[0], centre, *turn) for turn in TURNS])
    scenes = with_cameras(scenes, cameras)
    return source.records(scenes, *source.draw(scenes), indices, attempts)


def with_cameras(scenes: SceneBatch, T_world_cam: np.ndarray) -> SceneBatch:
    """The same scenes seen from other places."""
    return replace(scenes, camera=replace(scenes.camera, T_world_cam=T_world_cam))


def orbit(T: np.ndarray, centre: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """A camera pose (4, 4) carried about `centre`: upwards about its own horizontal axis, then about the vertical."""
    sideways = np.cross([0.0, 0.0, 1.0], T[:3, 3] - centre)
    up, axis = np.array([0.0, 0.0, 1.0]), sideways / np.linalg.norm(sideways)
    turn = axis_angle(up, np.deg2rad(azimuth)) @ axis_angle(axis, np.deg2rad(-elevation))
    return transform(turn, centre - turn @ centre) @ T


def angle_between(first: FrameRecord, second: FrameRecord) -> float:
    """Between two cameras' directions to the hand [degrees]."""
    assert first.camera is not None and second.camera is not None and first.keypoints_world is not None
    centre = np.nanmean(first.keypoints_world, 0)
    ways = [record.camera.T_world_cam[:3, 3] - centre for record in (first, second)]
    a, b = (way / np.linalg.norm(way) for way in ways)
    return float(np.rad2deg(np.arccos(np.clip(a @ b, -1, 1))))


if __name__ == "__main__":
    tyro.cli(main)
