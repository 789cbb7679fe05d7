"""The dinosaur doll: a plush animal as a smooth union of round parts, with sewn-on eyes, plates and horns.

Lengths in this file are centimetres of an 11 cm doll that faces +x; `upright` converts to metres.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from assets.objects import mesh as solids
from assets.objects.atlas import Cell
from assets.objects.hulls import thinned, unit_ball
from assets.objects.surface import ellipsoid_distance, gradient, limb_distance, mesh_surface, smooth_union
from assets.shapes import Mesh
from lace.core.kept import kept_by_name

TORSO, HEAD, LIMBS = Cell(0, 0, 4, 4), Cell(4, 0, 4, 4), Cell(0, 4, 4, 2)
PLATES, EYE, HORNS, CHEEKS, NOSTRILS = (
    Cell(4, 4, 2, 2),
    Cell(6, 4, 2, 2),
    Cell(4, 6, 2, 2),
    Cell(6, 6, 1, 2),
    Cell(7, 6, 1, 2),
)
SEWN_DIRECTIONS = 42
"""Directions in which the hulls of plates, horns and eyes keep their extreme vertex."""
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Blob:
    """An ellipsoid, or with `end` a tapering rod; given for y >= 0, mirrored to y < 0."""

    skin: str
    """"torso", "head" or "limbs"."""
    centre: Point
    radii: Point
    """Radii of the ellipsoid; of a rod its first and last radius, and nothing."""
    end: Point | None = None
    pitch: float = 0.0
    """Nose-down turn of the ellipsoid about y [rad]."""
    blend: float = 0.7
    """Blend width to the preceding parts."""

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance (...) of points (..., 3)."""
        if self.end is not None:
            return limb_distance(points, np.array(self.centre), np.array(self.end), self.radii[:2])
        return ellipsoid_distance((points - np.array(self.centre)) @ self._turn, np.array(self.radii))

    @property
    def _turn(self) -> np.ndarray:
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])

    def hull(self) -> np.ndarray:
        """Vertices (k, 3) of a convex polyhedron of about the blob's volume."""
        ball = unit_ball()
        if self.end is None:
            return ball * self.radii @ self._turn.T + np.array(self.centre)
        return np.concatenate(
            [ball * r + np.array(p) for r, p in zip(self.radii, (self.centre, self.end), strict=False)]
        )

    @property
    def mirrored(self) -> bool:
        """Whether it lies off the mirror plane, so that there are two."""
        return self.centre[1] > 0


@dataclass(frozen=True)
class Eye:
    """Eye positions as directions from the centre of the head, and eye sizes."""

    azimuth: float = 0.62
    elevation: float = 0.38
    radius: float = 0.62


@dataclass(frozen=True)
class Doll:
    """A doll: its body and its plates, horns, eyes and balls."""

    blobs: tuple[Blob, ...]
    head: Point
    """Centre of the head: eyes and face paint are placed around it."""
    eye: Eye
    plates: tuple[tuple[float, float, float, float], ...] = ()
    """(x, z, direction [rad] in the x-z plane from +x upward, height): a plate is placed where the ray from (x, 0, z)
    along that direction leaves the body."""
    plate_rows: int = 1
    horns: tuple[tuple[Point, Point, float], ...] = ()
    """(root, tip, radius) of cones for y >= 0; mirrored if off the mirror plane."""
    extras: tuple[tuple[Point, Point, Cell], ...] = ()
    """(centre, radii, atlas cell) of small balls (nostrils, cheeks), for y >= 0, mirrored."""

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners of a box that holds all blobs."""
        points = []
        for blob in self.blobs:
            reach = np.full(3, max(blob.radii))
            points += [np.array(p) + sign * reach for p in (blob.centre, blob.end or blob.centre) for sign in (-1, 1)]
        low, high = np.min(points, 0), np.max(points, 0)
        low[1] = -high[1]
        return low, high

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance (...) of points (..., 3) to the soft body."""
        folded = points * (1, 0, 1) + np.abs(points) * (0, 1, 0)
        total = self.blobs[0].distance(folded)
        for blob in self.blobs[1:]:
            total = smooth_union(total, blob.distance(folded), blob.blend)
        return total

    def build(self, height_m: float) -> Mesh:
        """The doll as one mesh of the given height."""
        return solids.upright(self._assembled, height_m)

    def parts(self, height_m: float) -> tuple[np.ndarray, ...]:
        """Convex parts (k, 3), placed as in `build`: the soft body's blobs, then eyes, plates, horns and balls.

        Blended seams are omitted.
        """
        low, high = self._assembled.vertices.min(0).astype(float), self._assembled.vertices.max(0).astype(float)
        origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
        scale = height_m / (high[2] - low[2])
        sides = [(blob, side) for blob in self.blobs for side in ((1, -1) if blob.mirrored else (1,))]
        sewn_on = [thinned(np.asarray(piece.vertices, float), SEWN_DIRECTIONS) for piece in self._sewn_on]
        hulls = [blob.hull() * (1, side, 1) for blob, side in sides] + sewn_on
        return tuple((hull - origin) * scale for hull in hulls)

    @cached_property
    def _assembled(self) -> Mesh:
        return Mesh(**kept_by_name("dolls", lambda: vars(self._sewn()), Doll._sewn, self))

    def _sewn(self) -> Mesh:
        return solids.merge(self._skin(), *self._sewn_on)

    @cached_property
    def _sewn_on(self) -> list[Mesh]:
        """Eyes, plates, horns and small balls, each convex."""
        return [*self._eyes(), *self._plates(), *self._horns(), *self._extras()]

    def _skin(self) -> Mesh:
        vertices, faces, normals = mesh_surface(
            self.distance, *self.bounds, cell=0.30, faces=1350 if self.plate_rows == 1 else 1150
        )
        middle = vertices[faces].mean(1)
        folded = middle * (1, 0, 1) + np.abs(middle) * (0, 1, 0)
        nearest = np.argmin([blob.distance(folded) for blob in self.blobs], 0)
        pieces = []
        for skin, cell in (("torso", TORSO), ("head", HEAD), ("limbs", LIMBS)):
            mine = np.isin(nearest, [i for i, blob in enumerate(self.blobs) if blob.skin == skin])
            used, local = np.unique(faces[mine], return_inverse=True)
            uv = self._skin_uv(skin, vertices[used], cell)
            pieces.append(solids.make(vertices[used], local.reshape(-1, 3), normals[used], uv))
        return solids.merge(*pieces)

    def _skin_uv(self, skin: str, points: np.ndarray, cell: Cell) -> np.ndarray:
        """S is the folded azimuth (0 in front, 1 behind); t the height, or on the head the elevation."""
        if skin == "head":
            d = points - np.array(self.head)
            elevation = np.arctan2(d[:, 2], np.hypot(d[:, 0], d[:, 1]))
            return cell.uv(np.abs(np.arctan2(d[:, 1], d[:, 0])) / np.pi, elevation / np.pi + 0.5)
        low, high = self.bounds
        if skin == "limbs":
            return cell.uv((points[:, 0] - low[0]) / (high[0] - low[0]), (points[:, 2] - low[2]) / (high[2] - low[2]))
        torso = np.array(self.blobs[0].centre)
        azimuth = np.abs(np.arctan2(points[:, 1], points[:, 0] - torso[0])) / np.pi
        return cell.uv(azimuth, (points[:, 2] - low[2]) / (torso[2] + self.blobs[0].radii[2] - low[2]))

    def _surface_along(self, start: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """The last surface point (3,) on the ray from `start` outward."""
        reach = np.linspace(0, 9, 900)[:, None]
        inside = self.distance(start + reach * direction) < 0
        return start + direction * reach[np.flatnonzero(inside)[-1]] if inside.any() else start

    def _eyes(self) -> list[Mesh]:
        eyes = []
        for side in (-1, 1):
            a, e = side * self.eye.azimuth, self.eye.elevation
            direction = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
            spot = self._surface_along(np.array(self.head), direction)
            gaze = direction * (1, 1, 0.55) + (0.45, 0, 0)
            ball = solids.ellipsoid(np.array([1, 1, 0.8]) * self.eye.radius, EYE, 14, 8)
            eyes.append(solids.transformed(ball, towards(gaze), spot - direction * self.eye.radius * 0.25))
        return eyes

    def _plates(self) -> list[Mesh]:
        plates = []
        for x, z, direction, size in self.plates:
            away = np.array([np.cos(direction), 0, np.sin(direction)])
            spot = self._surface_along(np.array([x, 0, z]), away)
            normal = gradient(self.distance, spot[None], 0.05)[0]
            for side in (0.0,) if self.plate_rows == 1 else (-1.0, 1.0):
                lean = normal + side * np.array([0, 0.35, 0])
                plates.append(solids.transformed(_plate(size), _upward(lean), spot + (0, side * 0.5, 0) - normal * 0.3))
        return plates

    def _horns(self) -> list[Mesh]:
        horns = []
        for root, tip, radius in self.horns:
            for side in (1, -1) if root[1] > 1e-6 else (1,):
                a, b = (np.array(p) * (1, side, 1) for p in (root, tip))
                s = np.linspace(0, 1, 7)[:, None]
                horns.append(solids.tube(a + s * (b - a), radius * (1 - 0.9 * s[:, 0] ** 1.4), HORNS, 10))
        return horns

    def _extras(self) -> list[Mesh]:
        balls = []
        for centre, radii, cell in self.extras:
            for side in (1, -1):
                spot = np.array(centre) * (1, side, 1)
                balls.append(solids.transformed(solids.ellipsoid(radii, cell, 8, 5), None, spot))
        return balls


def towards(direction: np.ndarray) -> np.ndarray:
    """A rotation (3, 3) that takes +z to `direction` (3,)."""
    z = np.asarray(direction, float) / np.linalg.norm(direction)
    x = np.cross((0.0, 1.0, 0.0) if abs(z[1]) < 0.9 else (1.0, 0.0, 0.0), z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], -1)


def _upward(direction: np.ndarray) -> np.ndarray:
    """As `towards`, with the roll that keeps a plate's broad side facing y."""
    z = np.asarray(direction, float) / np.linalg.norm(direction)
    y = np.array([0.0, 1.0, 0.0]) - z * z[1]
    y /= np.linalg.norm(y)
    return np.stack([np.cross(y, z), y, z], -1)


def _plate(size: float) -> Mesh:
    """A pointed plate at the origin, `size` high, broad in x, thin in y."""
    t = np.linspace(0, 1, 6)
    width = 0.62 * size * np.sqrt(np.maximum(1 - t, 0)) * (0.82 + 0.35 * np.sin(np.pi * t))
    spindle = solids.lathe(np.stack([np.maximum(width, 1e-4), t * size], -1), PLATES, 9 if size > 1.2 else 7)
    return solids.make(spindle.vertices * (1, 0.42, 1), spindle.faces, spindle.normals * (1, 1 / 0.42, 1), spindle.uvs)


_FACE = (((4.02, 0.42, 7.75), (0.16, 0.2, 0.16), NOSTRILS), ((2.75, 1.72, 6.95), (0.42, 0.25, 0.34), CHEEKS))
SITTING = Doll(
    blobs=(
        Blob("torso", (0, 0, 3.4), (2.75, 2.8, 3.3), pitch=-0.08),
        Blob("head", (0.35, 0, 7.9), (2.45, 2.6, 2.35), blend=0.9),
        Blob("head", (2.35, 0, 7.25), (1.75, 1.85, 1.3), pitch=0.06, blend=1.3),
        Blob("limbs", (0.9, 2.15, 1.35), (1.7, 1.15, 1.3), blend=0.4),
        Blob("limbs", (2.5, 2.1, 0.95), (1.3, 0.95, 0.95), pitch=-0.35, blend=0.5),
        Blob("limbs", (1.2, 2.2, 5.0), (0.78, 0.62, 0), end=(2.75, 2.05, 3.75), blend=0.45),
        Blob("limbs", (-1.6, 0, 1.6), (1.7, 1.0, 0), end=(-4.0, 0, 1.05), blend=1.2),
        Blob("limbs", (-4.0, 0, 1.05), (1.0, 0.4, 0), end=(-5.7, 0, 1.7), blend=0.6),
    ),
    head=(0.55, 0, 7.8),
    eye=Eye(),
    plates=(
        (0.4, 7.9, 1.45, 1.35),
        (0.4, 7.9, 2.15, 1.55),
        (0.4, 7.9, 2.85, 1.5),
        (0, 5.2, 2.9, 1.5),
        (0, 3.4, 2.95, 1.45),
        (-1.8, 1.6, 2.2, 1.2),
        (-3.7, 1.2, 1.8, 0.95),
    ),
    extras=_FACE,
)


def changed(doll: Doll, **fields: object) -> Doll:
    """A copy of a doll with some fields replaced."""
    return replace(doll, **fields)
