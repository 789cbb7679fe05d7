"""Renderer: an Isaac Lab scene, kit-less on Newton; each world holds slots whose content is replaced every batch."""

from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from warnings import catch_warnings, simplefilter

import sim_envs.rendering.warp_start  # noqa: F401  # isort: skip  (before Isaac Lab, which starts Warp itself)

import isaaclab.sim as sim_utils
import newton
import numpy as np
import warp as wp
from isaaclab.assets import AssetBaseCfg
from isaaclab.scene import InteractiveScene, InteractiveSceneCfg
from isaaclab_newton.cloner.replicate import newton_builder_world_hook
from isaaclab_newton.physics import NewtonCfg, NewtonManager, XPBDSolverCfg
from newton import GeoType
from newton._src.geometry.bvh import compute_bvh_group_roots, compute_shape_bvh_bounds_launch

from lace.core.collection import older_spared
from lace.core.geometry import quat_wxyz_from_rotation
from sim_envs.rendering.library import Library, gather_bounds
from sim_envs.rendering.rasterize import Item, Placement, compute_placements, rasterize, work_items
from sim_envs.rendering.raytrace import Cameras, Scene, Slot, probe
from sim_envs.rendering.samples import grid_shape
from sim_envs.rendering.shading import Lights, create_kernel, label
from sim_envs.rendering.shadow import trace_shadows, traced_shape
from sim_envs.rendering.slot_table import PARKED, SlotTable
from sim_envs.rendering.still import NO_STILL, Still, remember, spread
from sim_envs.rendering.tone import srgb_to_linear, tone_table, untone_table

PRIMITIVES = {-1: int(GeoType.BOX), -2: int(GeoType.CYLINDER), -3: int(GeoType.SPHERE)}


@dataclass(frozen=True)
class View:
    """Cameras and lights of a batch of worlds; arrays (worlds, ...)."""

    T_world_cam: np.ndarray
    focal_centre: np.ndarray
    """(worlds, 3): focal, cx, cy [px]."""
    key_direction: np.ndarray
    key_colour: np.ndarray
    sky_colour: np.ndarray
    ground_colour: np.ndarray
    shadow: np.ndarray
    gain: np.ndarray
    backdrop: wp.array | None = None
    """(n, height, width, 3) uint8 on the device, of as many worlds as are drawn; shown where no slot is hit."""


def _vec7(T: np.ndarray) -> np.ndarray:
    """Rows (n, 7) of position and quaternion xyzw, Warp's layout, from transforms (n, 4, 4)."""
    quat = quat_wxyz_from_rotation(T[:, :3, :3])
    return np.concatenate([T[:, :3, 3], quat[:, 1:], quat[:, :1]], 1).astype(np.float32)


@dataclass(frozen=True)
class Drawing:
    """What a picture was drawn from, on the device."""

    shape: tuple[int, int, int]
    """Worlds, height, width."""
    cameras: Cameras
    lights: Lights
    placements: wp.array
    keys: wp.array
    states: wp.array
    """Of traced shadows."""
    rgb: wp.array


class Renderer:
    """Draws batches of scenes: `apply` a slot table, then `draw`."""

    def __init__(self, worlds: int, slots: int, segment_of_slot: np.ndarray, library: Library, device: str):
        """Opens the scene.

        Args:
            worlds: Scenes drawn at once.
            slots: Slots per world.
            segment_of_slot: (slots,) uint8.
            library: Meshes and textures, on the same device.
            device: "cpu" or "cuda:0".
        """
        self.worlds, self.slots, self.library, self.device = worlds, slots, library, device
        with older_spared():
            self.model = self._open_scene()
        self.rows = np.zeros(worlds * slots, Slot.numpy_dtype())
        self.rows["segment"] = np.tile(segment_of_slot, worlds)
        tone = tone_table()
        self._tone = wp.array(tone, dtype=wp.uint8, device=device)
        self._untone = wp.array(untone_table(tone), dtype=wp.float32, device=device)
        self._nothing = wp.empty((0, 0, 0, 0), dtype=wp.uint8, device=device)
        self._kernels: dict[tuple[bool, bool], wp.Kernel] = {}
        self._scene: Scene | None = None

    def _open_scene(self) -> newton.Model:
        """One Isaac Lab environment per world, filled with slots by the hook; no physics is stepped.

        Isaac Lab holds one simulation per process. Only Newton's finished model is kept, so that other renderers and
        physics can open beside it. Opening a renderer ends physics that runs in Isaac Lab.
        """
        shape = newton.ModelBuilder.ShapeConfig(has_shape_collision=False, has_particle_collision=False, density=0.0)

        def fill(builder: newton.ModelBuilder, _world: int, _position: np.ndarray, _quat: np.ndarray) -> None:
            for slot in range(self.slots):
                builder.add_shape_box(body=-1, hx=1e-3, hy=1e-3, hz=1e-3, cfg=shape, label=f"slot_{slot}")

        sim_utils.SimulationContext.clear_instance()
        physics = NewtonCfg(solver_cfg=XPBDSolverCfg(), use_cuda_graph=False)
        sim = sim_utils.SimulationContext(sim_utils.SimulationCfg(device=self.device, physics=physics))
        scene_cfg = InteractiveSceneCfg(num_envs=self.worlds, env_spacing=0.0)
        anchor = sim_utils.CuboidCfg(size=(0.01, 0.01, 0.01), visible=False)
        scene_cfg.anchor = AssetBaseCfg(prim_path="{ENV_REGEX_NS}/Anchor", spawn=anchor)
        # The engine prints its own timings and a deprecation of its own: not for our users.
        with newton_builder_world_hook(fill), redirect_stdout(StringIO()), catch_warnings():
            simplefilter("ignore", FutureWarning)
            scene = InteractiveScene(scene_cfg)
            sim.reset()
        model = NewtonManager.get_model()
        del scene
        sim_utils.SimulationContext.clear_instance()
        if model.shape_count != self.worlds * self.slots or model.world_count != self.worlds:
            raise RuntimeError(
                f"Isaac Lab built {model.shape_count} shapes in {model.world_count} worlds, "
                f"expected {self.slots} in each of {self.worlds}: the pinned version has changed"
            )
        return model

    def apply(self, table: SlotTable, seen: np.ndarray | None = None) -> None:
        """Uploads the slots and rebuilds the worlds' bounding volumes. `table` has `worlds` rows.

        Only the slots `seen` (slots,) bool are rasterised, or all; the others cast shadows all the same.
        """
        model, library, rows = self.model, self.library, self.rows
        source = table.source.ravel()
        is_mesh = source >= 0
        mesh = np.where(is_mesh, source, 0)
        rows["kind"] = int(GeoType.MESH)
        for code, kind in PRIMITIVES.items():
            rows["kind"][source == code] = kind
        rows["source"] = np.where(is_mesh, library.mesh_pointers[mesh], 0)
        rows["mesh"] = np.where(is_mesh, source, -1)
        rows["first_face"] = np.where(is_mesh, library.first_face[mesh], 0)
        rows["root"] = library.mesh_roots[mesh]
        rows["size"], rows["colour"] = table.scale.reshape(-1, 3), srgb_to_linear(table.colour.reshape(-1, 3))
        rows["transform"] = _vec7(table.T.reshape(-1, 4, 4))
        rows["texture"], rows["gloss"] = table.texture.ravel(), table.gloss.ravel()
        self._slots = wp.array(rows, dtype=Slot, device=self.device)
        model.shape_type.assign(np.ascontiguousarray(rows["kind"]))
        model.shape_scale.assign(np.ascontiguousarray(rows["size"]))
        model.bvh_shape_world_transforms.assign(np.ascontiguousarray(rows["transform"]))
        self._launch(gather_bounds, self._slots.shape, [self._slots, library.mesh_bounds], [model.bvh_shape_bounds])
        unseen = table.T[..., 2, 3] <= PARKED[2]
        unseen |= False if seen is None else ~seen
        self._items = wp.array(work_items(table.source, unseen, library.face_count), dtype=Item, device=self.device)
        self._rebuild()

    def _rebuild(self) -> None:
        model = self.model
        bvh = model.bvh_shapes
        compute_shape_bvh_bounds_launch(model, bvh.lowers, bvh.uppers, bvh.groups)
        bvh.rebuild()
        self._launch(compute_bvh_group_roots, (self.worlds + 1,), [bvh.id], [model.bvh_shapes_group_roots])
        scene = Scene()
        scene.bvh, scene.group_roots, scene.enabled = bvh.id, model.bvh_shapes_group_roots, model.bvh_shape_enabled
        scene.slots = self._slots
        scene.mesh_data, scene.textures, scene.texels = (
            self.library.mesh_data,
            self.library.textures,
            self.library.texels,
        )
        self._scene = scene

    def draw(
        self,
        view: View,
        width: int,
        height: int,
        *,
        shadows: bool,
        antialias: bool = True,
        count: int | None = None,
        still: Still = NO_STILL,
    ) -> tuple[wp.array, wp.array, wp.array]:
        """RGB (n, height, width, 3) uint8, segment ids (n, height, width) uint8, depth float32 [m].

        n is `count`, the first worlds only, or all. With `still`, see `remembered`, its slots need not be seen.
        """
        drawing = self._drawing(view, width, height, shadows, antialias, count or self.worlds, still)
        segment = wp.empty(drawing.shape, dtype=wp.uint8, device=self.device)
        depth = wp.empty(drawing.shape, dtype=wp.float32, device=self.device)
        self._launch(label, drawing.shape, [self._scene, drawing.keys, antialias, self.slots], [segment, depth])
        return drawing.rgb, segment, depth

    def remembered(self, view: View, width: int, height: int, *, shadows: bool, antialias: bool = True) -> Still:
        """The first world's picture, for `draw` of more scenes with its camera, lights, and slots seen as they are."""
        drawing = self._drawing(view, width, height, shadows, antialias, 1, NO_STILL)
        still = Still()
        still.keys, still.rgb = drawing.keys[0], drawing.rgb[0]
        still.shadows = drawing.states.reshape(drawing.states.shape[1:])
        still.states = wp.empty((height, width), dtype=wp.uint8, device=self.device)
        inputs = [self._scene, drawing.placements, drawing.keys, drawing.states, antialias]
        inputs += [drawing.cameras, drawing.lights.key_direction]
        self._launch(remember, (height, width), inputs, [still.states])
        return still

    def _drawing(
        self, view: View, width: int, height: int, shadows: bool, antialias: bool, count: int, still: Still
    ) -> Drawing:
        setting = (shadows, antialias)
        if setting not in self._kernels:
            self._kernels[setting] = create_kernel(*setting)
        shape, (cameras, lights) = (count, height, width), self._structs(view)
        placements = self._place(cameras, width, height)
        keys = self._rasterize(placements, cameras, shape, antialias, still)
        traced = traced_shape(height, width) if shadows else (0, 0)
        states = wp.empty((count, *traced), dtype=wp.uint8, device=self.device)
        seen = [self._scene, placements, keys]
        if states.size:
            self._launch(
                trace_shadows, states.shape, [*seen, antialias, self.slots, cameras, lights.key_direction], [states]
            )
        rgb = wp.empty((*shape, 3), dtype=wp.uint8, device=self.device)
        behind = [self._nothing if view.backdrop is None else view.backdrop, still]
        inputs = [*seen, states, self.slots, cameras, lights, self._tone, self._untone, *behind]
        self._launch(self._kernels[setting], shape, inputs, [rgb])
        return Drawing(shape, cameras, lights, placements, keys, states, rgb)

    def _place(self, cameras: Cameras, width: int, height: int) -> wp.array:
        placements = wp.empty(self.worlds * self.slots, dtype=Placement, device=self.device)
        inputs = [self._slots, self.model.bvh_shape_bounds, cameras, self.slots, float(width), float(height)]
        self._launch(compute_placements, placements.shape, inputs, [placements])
        return placements

    def _rasterize(
        self, placements: wp.array, cameras: Cameras, shape: tuple[int, int, int], corners: bool, still: Still
    ) -> wp.array:
        """Keys (worlds, rows, columns) of the surfaces seen, see `grid_shape`."""
        count, height, width = shape
        keys = wp.zeros((count, *grid_shape(height, width, corners)), dtype=wp.uint64, device=self.device)
        if still is not NO_STILL:
            self._launch(spread, keys.shape, [still], [keys])
        inputs = [self._slots, placements, self._items, cameras, self.slots, corners]
        self._launch(rasterize, self._items.shape, inputs, [keys])
        return keys

    def _launch(self, kernel: wp.Kernel, dim: tuple[int, ...], inputs: list, outputs: list) -> None:
        wp.launch(kernel, dim=dim, inputs=inputs, outputs=outputs, device=self.device)

    def probe(self, view: View, uv: np.ndarray) -> tuple[wp.array, wp.array]:
        """Segment ids and depth [m] (worlds, points) along rays through image points uv (worlds, points, 2) [px]."""
        cameras, _lights = self._structs(view)
        points = wp.array(np.ascontiguousarray(uv, np.float32), dtype=wp.vec2f, device=self.device)
        segment = wp.empty(points.shape, dtype=wp.uint8, device=self.device)
        depth = wp.empty(points.shape, dtype=wp.float32, device=self.device)
        self._launch(probe, points.shape, [self._scene, cameras, points], [segment, depth])
        return segment, depth

    def _structs(self, view: View) -> tuple[Cameras, Lights]:
        def vectors(values: np.ndarray) -> wp.array:
            return wp.array(np.ascontiguousarray(values, np.float32), dtype=wp.vec3f, device=self.device)

        cameras, lights = Cameras(), Lights()
        cameras.pose = wp.array(_vec7(view.T_world_cam), dtype=wp.transformf, device=self.device)
        cameras.focal_centre = vectors(view.focal_centre)
        lights.key_direction, lights.key_colour = vectors(view.key_direction), vectors(view.key_colour)
        lights.sky_colour, lights.ground_colour = vectors(view.sky_colour), vectors(view.ground_colour)
        lights.shadow = wp.array(view.shadow.astype(np.float32), dtype=wp.float32, device=self.device)
        lights.gain = vectors(view.gain)
        return cameras, lights
