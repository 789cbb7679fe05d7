"""A simulated body as a source of labelled frames: same (seed, index), same frame."""

import numpy as np
import torch
import warp as wp

from assets.backdrops import open_backdrop
from lace.core.frames import FrameRecord
from lace.core.keypoints import Visibility, keypoint_box
from sim_envs.bodies import BODIES
from sim_envs.compose import Composer, SceneBatch
from sim_envs.config import GenerateConfig
from sim_envs.demonstration import Demonstrations
from sim_envs.labels import Labeller, at_pixels, project
from sim_envs.library import Library
from sim_envs.sensor import expose, noise_tile
from sim_envs.slots import empty_table, layout_for
from sim_envs.stage import Stage, View
from sim_envs.wardrobe import WardrobeBuilder

CPU_WORLDS = 16
"""Scenes drawn at once on a CPU: more gain nothing there."""
BYTES_PER_PIXEL = 64
"""Device memory per pixel and world: an estimate with room to spare, not yet measured on CUDA."""
MARKER_SCENES = 4
"""Scenes of each shard that are drawn with markers."""
MARKER_M = 0.008
"""Radius of the spheres of the marker test [m]."""


def pick_device(device: str) -> str:
    """"cuda:0" where there is one if `device` is "auto", else `device`."""
    if device != "auto":
        return device
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def worlds_for(device: str, width: int, height: int) -> int:
    """Scenes drawn at once: a constant on a CPU; on CUDA what a quarter of the free memory holds, 4096 at most."""
    if device == "cpu":
        return CPU_WORLDS
    free, _total = torch.cuda.mem_get_info(device)
    return int(np.clip(free / 4 / (width * height * BYTES_PER_PIXEL), 16, 4096))


class SimulatedFrames:
    """Implements FrameSource."""

    def __init__(self, config: GenerateConfig, worlds: int | None = None):
        wp.config.quiet = True
        self.config, self.device = config, pick_device(config.device)
        self.worlds = worlds or worlds_for(self.device, config.width, config.height)
        self.body = BODIES[config.embodiment](config)
        self.embodiment = self.body.embodiment
        self.layout = layout_for(self.body.parts, len(self.embodiment.keypoints))
        self.library = Library(self.device)
        wardrobe = WardrobeBuilder(self.library, config.seed).build(config.axes)
        self.body.wear(self.library, self.worlds)
        self.library.upload()
        self.composer = Composer(self.body, wardrobe, self.layout, config)
        self.demonstrations = Demonstrations(self.composer, config.motion_frames) if config.motion_frames else None
        self.stage = Stage(self.worlds, self.layout.count, self.layout.segment_of_slot, self.library, self.device)
        self.labeller = Labeller(self.embodiment, self.layout, self.device)
        self.backdrop = open_backdrop(config.backdrop) if config.backdrop else None
        self._noise = noise_tile(self.device)
        self.link_names, self.joint_names = self.body.link_names, self.embodiment.joint_names

    def close(self) -> None:
        """Ends the Isaac Lab scene."""
        self.stage.close()

    def frames(self, seed: int, indices: np.ndarray, attempts: np.ndarray | None = None) -> list[FrameRecord]:
        """Frames for `indices` (n,), n at most `worlds`; `attempts` (n,) redraws them."""
        if seed != self.config.seed:
            raise ValueError(f"this source was built for seed {self.config.seed}, not {seed}")
        count = len(indices)
        full = np.resize(np.asarray(indices), self.worlds)
        tries = np.resize(np.zeros(count, int) if attempts is None else np.asarray(attempts), self.worlds)
        batch = self.compose(full, tries)
        return self._records(batch, *self.draw(batch, count), full, tries)

    def visible(self, indices: np.ndarray, attempts: np.ndarray) -> np.ndarray:
        """How many keypoints will be visible at most (n,), by one ray a keypoint: a picture costs thousands."""
        counts = []
        for start in range(0, len(indices), self.worlds):
            part = slice(start, start + self.worlds)
            batch = self.compose(np.resize(indices[part], self.worlds), np.resize(attempts[part], self.worlds))
            self.dress(batch)
            _uv, visibility = self.keypoint_labels(batch)
            counts.append((visibility == Visibility.VISIBLE).sum(1)[: len(indices[part])])
        return np.concatenate(counts)

    def compose(self, indices: np.ndarray, attempts: np.ndarray) -> SceneBatch:
        """The scenes of `worlds` frames, random or along the demonstration."""
        if self.demonstrations is not None:
            return self.demonstrations.compose(indices, attempts)
        return self.composer.compose(indices, attempts)

    def dress(self, batch: SceneBatch) -> None:
        """Puts a batch on the stage, the body's bending meshes included."""
        self.body.deform(batch.pose)
        self.stage.dress(batch.table)

    def view(self, batch: SceneBatch, with_backdrop: bool = False) -> View:
        """Cameras and lights of a batch, and its backdrops, which labels do not need."""
        K, light = batch.camera.K, batch.lighting
        backdrop = None
        if with_backdrop and self.backdrop is not None:
            backdrop = self.backdrop.render(batch.camera, batch.draws["backdrop"])
        return View(
            batch.camera.T_world_cam, np.stack([K[:, 0, 0], K[:, 0, 2], K[:, 1, 2]], 1), light.key_direction,
            light.key_colour, light.sky_colour, light.ground_colour, light.shadow, batch.gain, backdrop,
        )  # fmt: skip

    def draw(self, batch: SceneBatch, count: int | None = None) -> tuple[wp.array, wp.array, wp.array]:
        """RGB after the sensor, segment ids and depth of the first `count` scenes of a batch; see Stage.draw."""
        config = self.config
        self.dress(batch)
        rgb, segment, depth = self.stage.draw(
            self.view(batch, with_backdrop=True), config.width, config.height, shadows=config.shadows,
            supersampling=config.supersampling, count=count,
        )  # fmt: skip
        offset = np.stack([batch.draws["sensor.offset_y"], batch.draws["sensor.offset_x"]], 1)
        sensed = expose(rgb, self._noise, offset, batch.draws["sensor.blur"], batch.draws["sensor.noise"])
        return sensed, segment, depth

    def marker_error_px(self, batch: SceneBatch) -> float:
        """Largest distance between a projected keypoint and the centroid of a marker drawn at it [px].

        Markers stand at the keypoints of the batch and nothing else is drawn: this tests cameras, projection and pixel
        conventions. That links are drawn where the kinematics say is tested by the ray test of visibility.
        """
        table = empty_table(self.worlds, self.layout.count)
        slots, present = self.layout.markers, np.flatnonzero(self.embodiment.present)
        table.source[:, slots], table.scale[:, slots] = -3, MARKER_M
        table.T[:, slots, :3, 3] = batch.pose.keypoints_world[:, present]
        self.stage.dress(table)
        width, height = self.config.width, self.config.height
        _rgb, segment, _depth = self.stage.draw(self.view(batch), width, height, shadows=False, count=MARKER_SCENES)
        uv, depth = (rows[:MARKER_SCENES] for rows in project(batch.camera, batch.pose.keypoints_world[:, present]))
        radius = MARKER_M * batch.camera.K[:MARKER_SCENES, 0, 0, None] / np.maximum(depth, 1e-6)
        return marker_error(segment.numpy(), int(self.layout.segment_of_slot[slots.start]), uv, radius)

    def keypoint_labels(self, batch: SceneBatch, segment: wp.array | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 21, 2) and `Visibility` (n, 21) of the keypoints of the n scenes dressed last.

        Without `segment`, their drawn segments (n, height, width), visibility is an upper bound.
        """
        uv, depth = project(batch.camera, batch.pose.keypoints_world)
        hits = [wp.to_torch(hit) for hit in self.stage.probe(self.view(batch), np.nan_to_num(uv))]
        if segment is not None:
            count = len(segment)
            uv, depth, hits = uv[:count], depth[:count], [hit[:count] for hit in hits]
        pixel = hits[0] if segment is None else at_pixels(wp.to_torch(segment), uv)
        return uv, self.labeller.visibility(uv, depth, (self.config.width, self.config.height), pixel, *hits)

    def _records(self, batch: SceneBatch, rgb, segment, depth, indices, attempts) -> list[FrameRecord]:
        uv, visibility = self.keypoint_labels(batch, segment)
        boxes = self.labeller.boxes(wp.to_torch(segment))
        images, segments, depths = rgb.numpy(), segment.numpy(), depth.numpy()
        records = []
        for i in range(len(images)):
            named = {name: rows[i] for name, rows in boxes.items()}
            named["embodiment@keypoints"] = keypoint_box(uv[i], visibility[i])
            records.append(
                FrameRecord(
                    image=images[i], embodiment=self.embodiment.name, keypoints_uv=uv[i], visibility=visibility[i],
                    index=int(indices[i]), seed=self.config.seed, attempt=int(attempts[i]), source="simulation",
                    preset=self.config.preset, room=str(batch.rooms[i]),
                    keypoints_world=batch.pose.keypoints_world[i].astype(np.float32), K=batch.camera.K[i],
                    T_world_cam=batch.camera.T_world_cam[i], segmentation=segments[i], segments=self.layout.segments,
                    depth_m=depths[i], boxes=named, joint_names=self.joint_names, joint_positions=batch.pose.q[i],
                    link_names=self.link_names, T_world_link=batch.pose.T_world_link[i],
                    objects=_objects(batch, i), draws={name: value[i] for name, value in batch.draws.items()},
                )
            )  # fmt: skip
        return records


def _objects(batch: SceneBatch, i: int) -> list[dict]:
    return [
        {
            "name": placed.name, "family": placed.wares.families[placed.which[i]],
            "object": placed.wares.names[placed.which[i]], "role": placed.role,
            "T_world_object": placed.T_world_object[i].ravel(), "scale": float(placed.scale[i]),
        }
        for placed in batch.objects
        if placed.which[i] >= 0
    ]  # fmt: skip


def marker_error(segment: np.ndarray, first_id: int, uv: np.ndarray, radius: np.ndarray) -> float:
    """Largest distance between a marker's centroid and its label [px], over markers drawn whole.

    Args:
        segment: (n, height, width) segment ids; marker m has id first_id + m.
        first_id: Id of the first marker.
        uv: (n, markers, 2) projected keypoints [px].
        radius: (n, markers) projected radii [px].
    """
    limit, worst = np.array(segment.shape[:0:-1]), 0.0
    edge = radius + 2
    apart = np.linalg.norm(uv[:, :, None] - uv[:, None], axis=-1) > edge[:, :, None] + edge[:, None]
    apart |= np.eye(uv.shape[1], dtype=bool)
    whole = (uv > edge[..., None]).all(-1) & (uv < limit - edge[..., None]).all(-1) & apart.all(-1)
    for world, marker in np.argwhere(whole):
        (x0, y0), reach = np.maximum(uv[world, marker] - edge[world, marker], 0).astype(int), edge[world, marker]
        window = segment[world, y0 : y0 + int(2 * reach) + 2, x0 : x0 + int(2 * reach) + 2] == first_id + marker
        rows, columns = np.nonzero(window)
        if len(rows) == 0:
            return float("inf")
        centroid = np.array([x0 + columns.mean() + 0.5, y0 + rows.mean() + 0.5])
        worst = max(worst, float(np.linalg.norm(centroid - uv[world, marker])))
    return worst
