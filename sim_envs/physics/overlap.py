"""Penetration depth between drawn meshes, by signed distances.

Overlaps are (n, bodies, bodies) [m], symmetric, 0 where apart. Bodies are the table, the robot, then the objects in
their order; [1, 1] is of the robot with itself. `MujocoPhysics.overlaps` gives the same by the engine's collision
shapes.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations

import numpy as np

from assets.objects import OBJECTS
from assets.robots.robot import Robot
from assets.shapes import Mesh
from lace.core.embodiment import Embodiment
from lace.core.geometry import Array, BoolArray, apply, invert
from lace.core.kept import kept
from lace.core.kinematics import Kinematics
from sim_envs.bodies.object_distance import ObjectDistance, distance_to

TABLE, ROBOT, TARGET = 0, 1, 2
"""Rows of overlaps; distractors come after."""
SAMPLE_M = 0.005
"""Points that are tested lie so close on a surface."""
JOINED = 2
"""Links this many joints apart or fewer overlap by construction and are not compared."""


@dataclass(frozen=True)
class Solid:
    """A drawn mesh that moves rigidly."""

    body: int
    """Row of overlaps."""
    link: str
    """"" for objects."""
    distance: ObjectDistance
    samples: Array
    """(k, 3) points of its surface [m] in its frame at scale 1."""
    scale: float
    T: Array
    """(n, 4, 4) [m]."""

    @cached_property
    def box(self) -> Array:
        """Corners (2, 3) of a box around it in its own frame, as large as it is [m]."""
        return self.scale * np.stack([self.samples.min(0), self.samples.max(0)])

    def meets_box_of(self, other: "Solid") -> BoolArray:
        """(n,) whether a box around its own box, level with the other's, meets the other's."""
        corners = self.box[np.array(list(np.ndindex(2, 2, 2))), np.arange(3)]
        local = apply(invert(other.T) @ self.T, corners)
        return ((local.max(1) > other.box[0]) & (local.min(1) < other.box[1])).all(-1)

    def depth_below(self, z: float) -> Array:
        """Depth of its surface below a height (n,) [m] of the world."""
        corners = self.box[np.array(list(np.ndindex(2, 2, 2))), np.arange(3)]
        depth = np.zeros(len(self.T))
        rows = np.flatnonzero(apply(self.T, corners)[..., 2].min(1) < z)
        if len(rows):
            depth[rows] = np.maximum(z - apply(self.T[rows], self.scale * self.samples)[..., 2].min(1), 0)
        return depth

    def depth_in(self, other: "Solid", rows: np.ndarray) -> Array:
        """Depth of its surface inside `other` (rows,) [m] at the moments `rows`.

        A point's depth changes by no more than its way in the other's frame, so that a point is measured again only
        where it may have come in.
        """
        points = self.scale * self.samples
        measured, depth = np.full_like(points, np.inf), np.zeros(len(points))
        deepest = np.zeros(len(rows))
        for i, T in enumerate(invert(other.T[rows]) @ self.T[rows]):
            local = apply(T, points)
            near = np.flatnonzero(((local > other.box[0]) & (local < other.box[1])).all(-1))
            way = np.linalg.norm(local[near] - measured[near], axis=-1)
            near = near[depth[near] + way > 0]
            if len(near):
                measured[near] = local[near]
                depth[near] = -other.scale * other.distance.exact(local[near] / other.scale)
                deepest[i] = max(depth[near].max(), 0)
        return deepest


def surface_samples(mesh: Mesh) -> Array:
    """Points (k, 3) [m] on a mesh, at most SAMPLE_M apart along its edges; kept in the cache."""
    inputs = mesh.vertices, mesh.faces
    return kept("surface_samples", lambda: _sampled(*inputs), _sampled, *inputs)


def _sampled(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    import trimesh

    points, _faces = trimesh.remesh.subdivide_to_size(vertices.astype(float), faces, SAMPLE_M, max_iter=20)
    return np.unique(np.round(points, 6), axis=0)


@cache
def _object_samples(name: str) -> Array:
    return surface_samples(OBJECTS[name].build())


def apart(embodiment: Embodiment) -> dict[tuple[str, str], bool]:
    """Whether two links are more than JOINED joints or fixtures apart on the tree."""
    parent = {joint.child: joint.parent for joint in embodiment.joints} | {
        child: p for p, child, _T in embodiment.fixed
    }

    def ancestors(link: str) -> list[str]:
        return [link, *ancestors(parent[link])] if link in parent else [link]

    result = {}
    for a, b in combinations(embodiment.links, 2):
        up, other = ancestors(a), ancestors(b)
        steps = len(set(up) ^ set(other))
        result[a, b] = result[b, a] = steps > JOINED
    return result


class DrawnRobot:
    """The drawn meshes of a robot, prepared once for distance queries."""

    def __init__(self, robot: Robot):
        self._robot, self._kinematics = robot, Kinematics(robot.embodiment)
        self._apart = apart(robot.embodiment)
        self._parts = [(visual, ObjectDistance(visual.mesh), surface_samples(visual.mesh)) for visual in robot.visuals]

    def overlaps(self, q: Array, objects: list[tuple[str, float]], T_world_object: Array, table_z: float) -> Array:
        """Overlaps (n, 2 + objects, 2 + objects) [m] of what is drawn at n moments.

        Args:
            q: (n, joints) [rad].
            objects: Registered name and scale of each object.
            T_world_object: (n, objects, 4, 4) [m].
            table_z: Height of the table's top [m].
        """
        solids = self._solids(q, objects, T_world_object)
        deepest = np.zeros((len(q), 2 + len(objects), 2 + len(objects)))
        for solid in solids:
            if solid.link == self._robot.embodiment.root_link:  # stands on the table's level, beside it
                continue
            _deepen(deepest, TABLE, solid.body, slice(None), solid.depth_below(table_z))
        for one, two in combinations(solids, 2):
            if one.body == two.body and not (one.link != two.link and self._apart[one.link, two.link]):
                continue
            rows = np.flatnonzero(one.meets_box_of(two) & two.meets_box_of(one))
            if len(rows):
                depth = np.maximum(one.depth_in(two, rows), two.depth_in(one, rows))
                _deepen(deepest, one.body, two.body, rows, depth)
        return deepest

    def _solids(self, q: Array, objects: list[tuple[str, float]], T_world_object: Array) -> list[Solid]:
        links, index = self._kinematics.link_poses(q), self._kinematics.link_index
        robot = [
            Solid(ROBOT, visual.link, distance, samples, 1.0, links[:, index[visual.link]] @ visual.T_link_mesh)
            for visual, distance, samples in self._parts
        ]
        things = [
            Solid(TARGET + i, "", distance_to(name), _object_samples(name), scale, T_world_object[:, i])
            for i, (name, scale) in enumerate(objects)
        ]
        return robot + things


def _deepen(deepest: Array, one: int, two: int, rows: np.ndarray | slice, depth: Array) -> None:
    deepest[rows, one, two] = deepest[rows, two, one] = np.maximum(deepest[rows, one, two], depth)


def by_kind(overlaps: Array) -> dict[str, float]:
    """The deepest overlap over all moments (n, bodies, bodies) [m] of each pair of kinds [mm]."""
    worst = overlaps.max(0)
    others = worst[ROBOT, TARGET + 1 :]
    return {
        "robot and target": 1000 * float(worst[ROBOT, TARGET]),
        "robot and distractors": 1000 * float(others.max(initial=0)),
        "robot and table": 1000 * float(worst[ROBOT, TABLE]),
        "target and table": 1000 * float(worst[TARGET, TABLE]),
        "links of the robot": 1000 * float(worst[ROBOT, ROBOT]),
    }
