"""Composes the drawn axes into a batch of scenes: the content of every slot, cameras, lights, and the true poses."""

import numpy as np

from lace.core.geometry import Array, axis_angle, transform
from lace.core.semantics import DISTRACTOR, TARGET
from sim_envs.config.axes import MAX_DISTRACTORS, Axes, ClutterAxis, RoomAxis, TableAxis
from sim_envs.config.scene import SceneConfig
from sim_envs.rendering.slot_table import SlotTable, empty_table
from sim_envs.scenes.asset_bank import AssetBank
from sim_envs.scenes.body import Body
from sim_envs.scenes.cameras import Cameras
from sim_envs.scenes.randomization import (
    CANDIDATES,
    AxisDraws,
    SceneDraws,
    draw_lighting,
    draw_sensor,
    first_free,
    grasp_points,
    upright_poses,
)
from sim_envs.scenes.slots import SlotLayout
from sim_envs.scenes.state import Placed, SceneBatch
from sim_envs.scenes.workspace import FLOOR_Z, area

OBJECT_GLOSS = 0.12


class Composer:
    """Draws scenes for one body, asset_bank and configuration."""

    def __init__(self, body: Body, asset_bank: AssetBank, layout: SlotLayout, config: SceneConfig):
        self.body, self.asset_bank, self.layout, self.config = body, asset_bank, layout, config
        self.cameras = Cameras(config)

    def compose(self, index: np.ndarray, attempt: np.ndarray) -> SceneBatch:
        """Scenes for frame indices (n,) drawn for the `attempt`-th time (n,)."""
        axes, body = self.config.axes, self.body
        draws = SceneDraws.of(axes, self.config.seed, index, attempt)
        pose = body.draw(draws)
        table = empty_table(len(index), self.layout.count)
        body.apply(table, self.layout.body, pose, draws)
        top = self._apply_table(table, draws.table)
        rooms = self._apply_room(table, draws.room)
        palm = body.palm(pose)
        grasp = grasp_points(palm, body.embodiment.grasp_point)
        objects = self._place_objects(draws, axes, body.volume(pose), grasp, top)
        self.apply_objects(table, objects, draws)
        focus = 0.6 * palm[:, :3, 3] + 0.4 * np.where(
            (objects[0].which >= 0)[:, None], objects[0].T_world_object[:, :3, 3], grasp
        )
        camera = self.cameras.draw(draws.camera, focus)
        lighting, sensor = draw_lighting(draws.light), draw_sensor(draws.sensor)
        backdrop = draws.sensor.draws.uniform("backdrop", 0, 1, 3)
        return SceneBatch(table, camera, lighting, sensor, backdrop, pose, objects, rooms, draws.recorded())

    def _apply_table(self, table: SlotTable, draws: AxisDraws[TableAxis]) -> Array:
        """Puts a table under the hand; returns the height of its top (n,) [m]."""
        slots, tables, axis = self.layout.table, self.asset_bank.tables, draws.axis
        which = draws.choice("kind", len(tables.names))
        draws.record("name", np.array(tables.names)[which])
        top = draws.uniform("height_m", *axis.height_m)
        offset = np.concatenate([np.tile(axis.centre_m, (len(top), 1)), top[:, None]], 1)
        turn = axis_angle([0, 0, 1], np.deg2rad(axis.yaw_deg))
        last = slots.stop - 1
        self._gather(table, slots, tables, which, draws)
        table.T[:, slots] = transform(turn, offset)[:, None] @ tables.T[which]
        parked = tables.T[which][..., 2, 3] < -50
        table.T[:, slots][parked] = tables.T[which][parked]
        self.body.mount(table, last, top)
        return top

    def _apply_room(self, table: SlotTable, draws: AxisDraws[RoomAxis]) -> np.ndarray:
        slots, rooms = self.layout.room, self.asset_bank.rooms
        which = draws.choice("layout", len(rooms.names))
        if self.config.backdrop is not None:
            draws.record("layout", np.full_like(which, -1))  # no room is shown
            return np.full(len(which), self.config.backdrop.name)
        self._gather(table, slots, rooms, which, draws)
        table.T[:, slots] = rooms.T[which]
        table.T[:, slots, 2, 3] += FLOOR_Z
        return np.array(rooms.names)[which]

    def _gather(self, table: SlotTable, slots: slice, layouts, which: np.ndarray, draws: AxisDraws) -> None:
        look = draws.choice("look", layouts.texture.shape[-1])
        shade = draws.uniform("shade", 0.85, 1.08)
        table.source[:, slots], table.scale[:, slots] = layouts.source[which], layouts.scale[which]
        table.colour[:, slots] = np.clip(layouts.colour[which] * shade[:, None, None], 0, 1)
        table.texture[:, slots] = np.take_along_axis(layouts.texture[which], look[:, None, None], 2)[..., 0]

    def _place_objects(self, draws: SceneDraws, axes: Axes, body: Array, grasp: Array, top: Array) -> list[Placed]:
        """The target first, near the grasp point or free; then distractors where there is room."""
        n = len(top)
        target, free = draws.target, draws.target.draws
        object_set = self.asset_bank.targets
        which = target.choice("name", len(object_set.names))
        scale = target.uniform("scale", *axes.target.scale)
        size = np.stack([object_set.radius[which] * scale, object_set.height[which] * scale], 1)
        reaching = draws.arm.chance("reaching", axes.arm.reaching)
        low, high = axes.target.distance_m
        radius = low + (high - low) * (np.arange(CANDIDATES) + free.unit("place.r", CANDIDATES)) / CANDIDATES
        angle = 2 * np.pi * free.unit("place.a", CANDIDATES)
        near = grasp[:, None, :2] + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
        low, high = area(axes.table)
        anywhere = low + (high - low) * free.unit("place.xy", 2 * CANDIDATES).reshape(n, -1, 2)
        spots = np.where(reaching[:, None, None], near, anywhere)
        taken, radii = np.zeros((n, MAX_DISTRACTORS + 1, 2)), np.full((n, MAX_DISTRACTORS + 1), -1.0)
        chosen = first_free(spots, size, taken, radii, body, top)
        xy = np.take_along_axis(spots, np.maximum(chosen, 0)[:, None, None], 1)[:, 0]
        taken[:, 0], radii[:, 0] = xy, np.where(chosen >= 0, size[:, 0], -1)
        T = upright_poses(xy, top, target.uniform("yaw", -np.pi, np.pi))
        which = target.record("name", np.where(chosen >= 0, which, -1))
        placed = [Placed(TARGET, TARGET, object_set, which, T, scale)]
        return placed + self._place_distractors(draws.clutter, taken, radii, body, top)

    def _place_distractors(
        self, draws: AxisDraws[ClutterAxis], taken: Array, radii: Array, body: Array, top: Array
    ) -> list[Placed]:
        n, object_set, (low, high) = len(top), self.asset_bank.distractors, draws.axis.count
        count = draws.integer("count", low, high)
        corner, opposite = area(self.config.axes.table)
        placed = []
        for d in range(MAX_DISTRACTORS):
            which = draws.draws.choice(f"clutter.{d}.which", len(object_set.names))
            share = draws.draws.uniform(f"clutter.{d}.scale", 0, 1)
            scale = object_set.scale[which, 0] + (object_set.scale[which, 1] - object_set.scale[which, 0]) * share
            size = np.stack([object_set.radius[which] * scale, object_set.height[which] * scale], 1)
            unit = draws.draws.unit(f"clutter.{d}.xy", 2 * CANDIDATES).reshape(n, -1, 2)
            spots = corner + (opposite - corner) * unit
            chosen = np.where(d < count, first_free(spots, size, taken, radii, body, top), -1)
            xy = np.take_along_axis(spots, np.maximum(chosen, 0)[:, None, None], 1)[:, 0]
            taken[:, d + 1], radii[:, d + 1] = xy, np.where(chosen >= 0, size[:, 0], -1)
            T = upright_poses(xy, top, draws.draws.uniform(f"clutter.{d}.yaw", -np.pi, np.pi))
            which = draws.record(f"{d}.which", np.where(chosen >= 0, which, -1))
            placed.append(Placed(f"{DISTRACTOR}_{d}", DISTRACTOR, object_set, which, T, scale))
        draws.record("placed", np.sum([thing.which >= 0 for thing in placed], axis=0))
        return placed

    def apply_objects(self, table: SlotTable, objects: list[Placed], draws: SceneDraws) -> None:
        """Puts placed objects into their slots; the ones left out stay parked."""
        slots = [self.layout.target, *range(self.layout.distractors.start, self.layout.distractors.stop)]
        for slot, placed in zip(slots, objects, strict=True):
            axis = draws.target if placed.role == TARGET else draws.clutter
            look = axis.draws.choice(f"{axis.name}.{slot}.look", placed.object_set.textures.shape[1])
            rows = np.flatnonzero(placed.which >= 0)
            which = placed.which[rows]
            table.source[rows, slot] = placed.object_set.mesh[which]
            table.T[rows, slot] = placed.T_world_object[rows]
            table.scale[rows, slot] = placed.scale[rows, None]
            table.texture[rows, slot] = placed.object_set.textures[which, look[rows]]
            table.gloss[rows, slot] = OBJECT_GLOSS
