"""Labelled frames of a simulated body; a frame is a function of (seed, index)."""

from dataclasses import dataclass, replace

import numpy as np
import warp as wp

from assets.backdrops import open_backdrop
from lace.core.camera import PinholeCamera
from lace.core.errors import IntegrityError
from lace.core.frames import FrameRecord
from lace.core.keypoints import Visibility, keypoint_box
from sim_envs.bodies.registry import BODIES
from sim_envs.config.scene import SceneConfig
from sim_envs.frames import markers
from sim_envs.frames.labels import Labeller, at_pixels, project
from sim_envs.rendering.lens import LensPictures
from sim_envs.rendering.library import Library
from sim_envs.rendering.memory import MOST, pick_device, world_bytes, worlds_for
from sim_envs.rendering.renderer import Renderer, View
from sim_envs.rendering.sensor import expose, noise_tile
from sim_envs.rendering.slot_table import PARKED, empty_table
from sim_envs.scenes.asset_bank import AssetBankBuilder
from sim_envs.scenes.cameras import Cameras
from sim_envs.scenes.compose import Composer
from sim_envs.scenes.demonstration import Demonstrations
from sim_envs.scenes.slots import layout_for
from sim_envs.scenes.state import SceneBatch

Drawn = tuple[wp.array, wp.array, wp.array]
"""RGB (n, height, width, 3), segment ids and depth (n, height, width)."""


class SimulatedFrames:
    """Draws and labels frames of one configuration."""

    def __init__(
        self,
        config: SceneConfig,
        worlds: int | None = None,
        *,
        most_worlds: int = MOST,
        processes: int = 1,
        motion_frames: int = 0,
    ):
        """Opens the renderer.

        Args:
            config: What scenes are drawn from.
            worlds: Scenes drawn at once; None: what the device's memory holds, but at most `most_worlds`.
            most_worlds: For example the frames of a shard: more worlds would be composed for nothing.
            processes: How many share the device.
            motion_frames: Frames of each demonstration that frames are sampled from; 0: independent frames.
        """
        self.config, self.device = config, pick_device(config.device)
        self.backdrop = open_backdrop(config.backdrop, self.device) if config.backdrop else None
        self.body = BODIES[config.embodiment](config)
        self.embodiment = self.body.embodiment
        self.layout = layout_for(self.body.parts, len(self.embodiment.keypoints))
        cameras = Cameras(config)
        self.lens = LensPictures(cameras.real, self.device) if cameras.real is not None and cameras.has_lens else None
        canvas = (self.lens.height, self.lens.width) if self.lens else (0, 0)
        self.world_bytes = world_bytes(config, self.layout.count, self.body.bytes_per_world(), canvas)
        behind = self.backdrop.working_bytes if self.backdrop else 0
        self.worlds = worlds or min(worlds_for(self.device, self.world_bytes, behind, processes), most_worlds)
        self.library = Library(self.device)
        asset_bank = AssetBankBuilder(self.library, config.seed).build(config.axes)
        self.body.register(self.library, self.worlds)
        self.library.upload()
        self.composer = Composer(self.body, asset_bank, self.layout, config)
        self.demonstrations = Demonstrations(self.composer, motion_frames) if motion_frames else None
        self._renderer: Renderer | None = Renderer(
            self.worlds, self.layout.count, self.layout.segment_of_slot, self.library, self.device
        )
        self.labeller = Labeller(self.embodiment, self.layout, self.device)
        self._noise = noise_tile(self.device)
        self.link_names, self.joint_names = self.body.link_names, self.embodiment.joint_names

    def close(self) -> None:
        """Frees the renderer's worlds; nothing can be drawn afterwards."""
        self._renderer = None

    @property
    def renderer(self) -> Renderer:
        """Draws the worlds; IntegrityError once they are freed."""
        if self._renderer is None:
            raise IntegrityError("drawing", "a closed renderer", "an open one", "draw before closing")
        return self._renderer

    def frames(self, seed: int, indices: np.ndarray, attempts: np.ndarray | None = None) -> list[FrameRecord]:
        """Frames for `indices` (n,), n at most `worlds`; `attempts` (n,) redraws them."""
        if seed != self.config.seed:
            raise ValueError(f"this source was built for seed {self.config.seed}, not {seed}")
        batch = self.batch(
            np.asarray(indices), np.zeros(len(indices), int) if attempts is None else np.asarray(attempts)
        )
        return [batch.record(i) for i in range(len(batch))]

    def batch(self, indices: np.ndarray, attempts: np.ndarray) -> "LabelledBatch":
        """Frames for `indices` (n,), n at most `worlds`, drawn for the `attempts`-th time (n,)."""
        full, tries = np.resize(indices, self.worlds), np.resize(attempts, self.worlds)
        scenes = self.compose(full, tries)
        return self.labelled(scenes, *self.draw(scenes, len(indices)), full, tries)

    def visible(self, indices: np.ndarray, attempts: np.ndarray) -> np.ndarray:
        """How many keypoints will be visible at most (n,), by one ray a keypoint: a picture costs thousands."""
        counts = []
        for start in range(0, len(indices), self.worlds):
            part = slice(start, start + self.worlds)
            batch = self.compose(np.resize(indices[part], self.worlds), np.resize(attempts[part], self.worlds))
            self.apply(batch)
            _uv, visibility = self.keypoint_labels(batch)
            counts.append((visibility == Visibility.VISIBLE).sum(1)[: len(indices[part])])
        return np.concatenate(counts)

    def compose(self, indices: np.ndarray, attempts: np.ndarray) -> SceneBatch:
        """The scenes of `worlds` frames, random or along the demonstration."""
        if self.demonstrations is not None:
            return self.demonstrations.compose(indices, attempts)
        return self.composer.compose(indices, attempts)

    def apply(self, batch: SceneBatch) -> None:
        """Uploads a batch of scenes to the renderer, including the body's deformed meshes."""
        self.body.deform(batch.pose)
        self.renderer.apply(batch.table)

    def view(self, batch: SceneBatch) -> View:
        """Cameras and lights of a batch; no backdrop, which labels do not need."""
        camera, light = self.canvas(batch.camera), batch.lighting
        K = camera.K
        return View(
            camera.T_world_cam,
            np.stack([K[:, 0, 0], K[:, 0, 2], K[:, 1, 2]], 1),
            light.key_direction,
            light.key_colour,
            light.sky_colour,
            light.ground_colour,
            light.shadow,
            batch.sensor.gain,
        )

    def canvas(self, camera: PinholeCamera) -> PinholeCamera:
        """The ideal cameras that pictures are drawn for: `camera` itself, or what its lens looks up."""
        if camera.distortion is None:
            return camera
        if self.lens is None:
            raise IntegrityError("drawing", "a camera with a lens", "one of this source", "draw what it composed")
        return self.lens.canvas(camera)

    def _seen(self, view: View, camera: PinholeCamera, count: int | None, shadows: bool) -> Drawn:
        """What `camera` sees of the scenes applied last: RGB, segment ids, depth; through its lens where it has one."""
        canvas = self.canvas(camera)
        size, antialias = (canvas.width, canvas.height), self.config.antialias
        drawn = self.renderer.draw(view, *size, shadows=shadows, antialias=antialias, count=count)
        return drawn if self.lens is None or camera.distortion is None else self.lens.seen(camera, *drawn)

    def _behind(self, batch: SceneBatch, count: int) -> wp.array | None:
        """The backdrops of the first `count` scenes, on the device."""
        if self.backdrop is None:
            return None
        camera = self.canvas(batch.camera)
        pictures = wp.empty((count, camera.height, camera.width, 3), dtype=wp.uint8, device=self.device)
        self.backdrop.render(camera, batch.backdrop, pictures)
        return pictures

    def draw(self, batch: SceneBatch, count: int | None = None) -> tuple[wp.array, wp.array, wp.array]:
        """RGB after the sensor, segment ids and depth of the first `count` scenes of a batch; see Renderer.draw."""
        config = self.config
        self.apply(batch)
        view = replace(self.view(batch), backdrop=self._behind(batch, count or self.worlds))
        rgb, segment, depth = self._seen(view, batch.camera, count, config.shadows)
        sensor = batch.sensor
        sensed = expose(rgb, self._noise, sensor.noise_offset, sensor.blur, sensor.noise)
        return sensed, segment, depth

    def marker_errors_px(self, batch: SceneBatch) -> np.ndarray:
        """Distances between labels and markers drawn at the keypoints of the body in the renderer [px].

        Markers are placed by the poses of the body's slots and nothing else is drawn: this tests links, cameras,
        projection and pixel conventions. One distance per marker that is seen whole; see `markers`.
        """
        slots, present, size = self.layout.markers, self.embodiment.present, (self.config.width, self.config.height)
        uv, depth = (rows[:, present] for rows in project(batch.camera, batch.pose.keypoints_world))
        chosen = markers.choose(uv, depth, size)
        table = empty_table(self.worlds, self.layout.count)
        table.source[:, slots] = -3
        table.scale[:, slots] = (markers.RADIUS_PX * depth / batch.camera.K[:, :1, 0])[..., None]
        drawn = self.body.marks(batch.table, self.layout.body, batch.pose)[:, present]
        table.T[:, slots, :3, 3] = np.where(chosen[..., None], drawn, PARKED)
        self.renderer.apply(table)
        _rgb, segment, _depth = self._seen(self.view(batch), batch.camera, None, False)
        return markers.errors_px(segment.numpy(), int(self.layout.segment_of_slot[slots.start]), uv, chosen)

    def keypoint_labels(self, batch: SceneBatch, segment: wp.array | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 21, 2) and `Visibility` (n, 21) of the keypoints of the n scenes applied last.

        Without `segment`, their drawn segments (n, height, width), visibility is an upper bound.
        """
        uv, depth = project(batch.camera, batch.pose.keypoints_world)
        straight = project(self.canvas(batch.camera), batch.pose.keypoints_world)[0]
        hits = [wp.to_torch(hit) for hit in self.renderer.probe(self.view(batch), np.nan_to_num(straight))]
        if segment is not None:
            count = len(segment)
            uv, depth, hits = uv[:count], depth[:count], [hit[:count] for hit in hits]
        pixel = hits[0] if segment is None else at_pixels(wp.to_torch(segment), uv)
        return uv, self.labeller.visibility(uv, depth, (self.config.width, self.config.height), pixel, *hits)

    def labelled(self, batch: SceneBatch, rgb, segment, depth, indices, attempts) -> "LabelledBatch":
        """Pictures and labels of the scenes applied last, from the result of `draw`; one for each picture."""
        uv, visibility = self.keypoint_labels(batch, segment)
        boxes = self.labeller.boxes(wp.to_torch(segment))
        return LabelledBatch(
            self, batch, rgb.numpy(), segment.numpy(), depth.numpy(), uv, visibility, boxes, indices, attempts
        )

    def records(self, batch: SceneBatch, rgb, segment, depth, indices, attempts) -> list[FrameRecord]:
        """`labelled`, frame by frame."""
        labelled = self.labelled(batch, rgb, segment, depth, indices, attempts)
        return [labelled.record(i) for i in range(len(labelled))]


@dataclass(frozen=True)
class LabelledBatch:
    """A batch of frames as arrays (n, ...); single records are made where they are encoded, in another thread."""

    source: SimulatedFrames
    scenes: SceneBatch
    images: np.ndarray
    segments: np.ndarray
    depths: np.ndarray
    keypoints_uv: np.ndarray
    visibility: np.ndarray
    boxes: dict[str, np.ndarray]
    indices: np.ndarray
    attempts: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def record(self, i: int) -> FrameRecord:
        """Frame i of the batch."""
        source, scenes, pose, uv, visibility = (
            self.source,
            self.scenes,
            self.scenes.pose,
            self.keypoints_uv,
            self.visibility,
        )
        named = {name: rows[i] for name, rows in self.boxes.items()}
        named["embodiment@keypoints"] = keypoint_box(uv[i], visibility[i])
        return FrameRecord(
            image=self.images[i],
            embodiment=source.embodiment.name,
            keypoints_uv=uv[i],
            visibility=visibility[i],
            index=int(self.indices[i]),
            seed=source.config.seed,
            attempt=int(self.attempts[i]),
            source="simulation",
            preset=source.config.preset,
            room=str(scenes.rooms[i]),
            keypoints_world=pose.keypoints_world[i].astype(np.float32),
            K=scenes.camera.K[i],
            T_world_cam=scenes.camera.T_world_cam[i],
            distortion=None if scenes.camera.distortion is None else scenes.camera.distortion[i],
            segmentation=self.segments[i],
            segments=source.layout.segments,
            depth_m=self.depths[i],
            boxes=named,
            joint_names=source.joint_names,
            joint_positions=pose.q[i],
            link_names=source.link_names,
            T_world_link=pose.T_world_link[i],
            objects=_objects(scenes, i),
            draws={name: value[i] for name, value in scenes.draws.items()},
        )


def _objects(batch: SceneBatch, i: int) -> list[dict]:
    return [
        {
            "name": placed.name,
            "family": placed.object_set.families[placed.which[i]],
            "object": placed.object_set.names[placed.which[i]],
            "role": placed.role,
            "T_world_object": placed.T_world_object[i].ravel(),
            "scale": float(placed.scale[i]),
        }
        for placed in batch.objects
        if placed.which[i] >= 0
    ]
