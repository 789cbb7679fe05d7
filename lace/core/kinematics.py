"""Batched forward kinematics and keypoints of an embodiment; numpy, double precision."""

import numpy as np
from numpy.typing import ArrayLike

from lace.core import keypoints
from lace.core.embodiment import Embodiment
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, apply, axis_angle


class Kinematics:
    """Forward kinematics of one embodiment, evaluated for batches."""

    def __init__(self, embodiment: Embodiment):
        self.embodiment = embodiment
        self.link_index = {name: i for i, name in enumerate(embodiment.links)}
        self._steps = self._order()
        rows = {row.name: row for row in embodiment.keypoints}
        self._keypoint_rows = [(k, rows[name]) for k, name in enumerate(keypoints.NAMES) if name in rows]

    def _order(self) -> list[tuple[int, int, Array, Array | None, int]]:
        """(parent, child, T_parent_child, axis, joint) parents first; fixed links have axis None, joint -1."""
        body = self.embodiment
        edges = [
            (j.parent, j.child, np.array(j.T_parent_child), np.array(j.axis), i) for i, j in enumerate(body.joints)
        ] + [(parent, child, np.array(T), None, -1) for parent, child, T in body.fixed]
        placed, steps = {body.root_link}, []
        while edges:
            ready = [edge for edge in edges if edge[0] in placed]
            if not ready:
                raise InvalidValueError(
                    f"ordering the links of {body.name!r}",
                    f"{[edge[1] for edge in edges]} are not connected to the root",
                    f"a tree rooted at {body.root_link!r}",
                    "correct the parents in the description",
                )
            steps += [(self.link_index[p], self.link_index[c], T, axis, i) for p, c, T, axis, i in ready]
            placed |= {edge[1] for edge in ready}
            edges = [edge for edge in edges if edge[1] not in placed]
        return steps

    def link_poses(self, joint_positions: ArrayLike, T_world_root: ArrayLike | None = None) -> Array:
        """T_world_link (..., links, 4, 4) for joint positions (..., joints) [rad]."""
        q = np.asarray(joint_positions, float)
        T = np.zeros((*q.shape[:-1], len(self.link_index), 4, 4))
        root = self.link_index[self.embodiment.root_link]
        T[..., root, :, :] = np.eye(4) if T_world_root is None else T_world_root
        for parent, child, T_parent_child, axis, joint in self._steps:
            T_child = T[..., parent, :, :] @ T_parent_child
            if axis is not None and self.embodiment.joints[joint].kind == "slide":
                T_child[..., :3, 3] += q[..., joint, None] * (T_child[..., :3, :3] @ axis)
            elif axis is not None:
                T_child[..., :3, :3] = T_child[..., :3, :3] @ axis_angle(axis, q[..., joint])
            T[..., child, :, :] = T_child
        return T

    def keypoints(self, T_world_link: ArrayLike) -> Array:
        """Keypoints (..., 21, 3) [m] in the world for link poses (..., links, 4, 4); absent ones are NaN."""
        T = np.asarray(T_world_link, float)
        out = np.full((*T.shape[:-3], keypoints.COUNT, 3), np.nan)
        for k, row in self._keypoint_rows:
            out[..., k, :] = apply(T[..., self.link_index[row.link], :, :], np.array([row.offset]))[..., 0, :]
        return out
