"""Objects, tables and rooms that scenes can show, as numbers of meshes and textures in the library."""

from dataclasses import dataclass

import numpy as np

from assets.objects import OBJECTS, ObjectSpec
from assets.rooms import ROOMS
from assets.shapes import Part
from assets.tables import TABLES, resized
from assets.textures import TEXTURES
from lace.core.draws import generator
from lace.core.geometry import axis_angle, transform
from lace.core.kept import kept
from sim_envs.config.axes import Axes, known_names
from sim_envs.rendering.library import Library
from sim_envs.rendering.slot_table import PARKED
from sim_envs.scenes.slots import ROOM_SLOTS, TABLE_SLOTS
from sim_envs.scenes.state import ObjectSet

TEXTURE_PX = 256
LOOKS = 3
"""Textures made of each object and of each texture family."""
KINDS = {"box": -1, "cylinder": -2, "sphere": -3}


@dataclass(frozen=True)
class Layouts:
    """Rooms or tables as rows of slots: arrays (layouts, slots, ...), unused slots parked."""

    names: tuple[str, ...]
    source: np.ndarray
    T: np.ndarray
    scale: np.ndarray
    colour: np.ndarray
    texture: np.ndarray


@dataclass(frozen=True)
class AssetBank:
    """Objects, tables and rooms of a configuration."""

    targets: ObjectSet
    distractors: ObjectSet
    tables: Layouts
    rooms: Layouts


class AssetBankBuilder:
    """Adds assets to a library; each texture is made once."""

    def __init__(self, library: Library, seed: int):
        self.library, self.seed = library, seed
        self._textures: dict[str, list[int]] = {}

    def build(self, axes: Axes) -> AssetBank:
        """The asset_bank of the names that the axes allow; the library still has to be uploaded."""
        tables = known_names("table", axes.table.kinds, TABLES.names())
        rooms = [ROOMS[kind] for kind in known_names("room", axes.room.kinds, ROOMS.names())]
        room_layouts = [make(generator(self.seed, i)) for make in rooms for i in range(axes.room.layouts)]
        table_layouts = [resized(TABLES[name](generator(self.seed, 7)), axes.table.size_m) for name in tables]
        return AssetBank(
            targets=self.object_set(axes.target.objects),
            distractors=self.object_set(axes.clutter.objects),
            tables=self.layouts(table_layouts, TABLE_SLOTS),
            rooms=self.layouts(room_layouts, ROOM_SLOTS),
        )

    def object_set(self, names: tuple[str, ...]) -> ObjectSet:
        """Meshes and textures of the named objects."""
        specs, meshes = [OBJECTS[name] for name in names], []
        textures, sizes, scales = [], [], []
        for spec in specs:
            mesh = spec.build()
            meshes.append(self.library.add_mesh(mesh))
            textures.append([self.library.add_texture(image, 1.0) for image in self._looks(spec)])
            height = float(mesh.vertices[:, 2].max())
            sizes.append((float(np.linalg.norm(mesh.vertices[:, :2], axis=1).max()), height))
            scales.append((spec.height_m[0] / height, spec.height_m[1] / height))
        radius, height = np.array(sizes).T
        return ObjectSet(
            names,
            tuple(spec.family for spec in specs),
            np.array(meshes),
            np.array(textures),
            radius,
            height,
            np.array(scales),
        )

    def _looks(self, spec: ObjectSpec) -> np.ndarray:
        """Textures (LOOKS, h, w, 3) of an object; those that are painted are kept in the cache."""

        def make() -> np.ndarray:
            return np.stack([spec.texture(generator(self.seed, look)) for look in range(LOOKS)])

        return make() if spec.sources else kept("textures", make, spec.texture, self.seed, LOOKS)

    def layouts(self, layouts: list, slots: int) -> Layouts:
        """Rows of slots from rooms or tables."""
        shape = (len(layouts), slots)
        out = Layouts(
            tuple(layout.name for layout in layouts),
            np.full(shape, -1, np.int32),
            np.tile(np.eye(4), (*shape, 1, 1)),
            np.full((*shape, 3), 1e-3),
            np.ones((*shape, 3)),
            np.full((*shape, LOOKS), -1, np.int32),
        )
        out.T[..., :3, 3] = PARKED
        for row, layout in enumerate(layouts):
            for column, part in enumerate(layout.parts):
                self._place(out, row, column, part)
        return out

    def _place(self, out: Layouts, row: int, column: int, part: Part) -> None:
        out.source[row, column] = KINDS[part.kind]
        out.T[row, column] = transform(axis_angle([0, 0, 1], part.yaw), part.position)
        out.scale[row, column], out.colour[row, column] = part.size, part.colour
        if part.texture is not None:
            out.texture[row, column] = self._texture(part.texture)

    def _texture(self, name: str) -> list[int]:
        if name not in self._textures:
            texture = TEXTURES[name]

            def make() -> np.ndarray:
                rngs = [generator(self.seed, 100 + look) for look in range(LOOKS)]
                return np.stack([texture.make(rng, TEXTURE_PX) for rng in rngs])

            images = kept("textures", make, texture.make, self.seed, LOOKS, TEXTURE_PX)
            self._textures[name] = [self.library.add_texture(image, 1 / texture.tile_m) for image in images]
        return self._textures[name]
