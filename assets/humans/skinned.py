"""A skinned mesh: linear in the shape coefficients, then linear blend skinning. Parts share one surface."""

from dataclasses import dataclass

import numpy as np

from assets.humans.hand import HumanHand
from lace.core.keypoints import FINGERS

PARTS = ("forearm", "palm", *FINGERS)
"""Parts of the skin; all but the first belong to the hand."""


@dataclass(frozen=True)
class Part:
    """A contiguous range of vertices and its faces."""

    name: str
    start: int
    stop: int
    faces: np.ndarray
    """(m, 3) int32, counted from `start`."""


@dataclass(frozen=True)
class SkinnedMesh:
    """C variants (one for the skin, several for a garment) of one topology, for K shape coefficients.

    Lengths in metres.
    """

    mean: np.ndarray
    """(C, V, 3) float32: vertices of the mean shape in the zero pose, wrist frame."""
    basis: np.ndarray
    """(C, K, V, 3) float32: offset per standard deviation of each coefficient."""
    bones: np.ndarray
    """(C, V, 6) int32."""
    weights: np.ndarray
    """(C, V, 6) float32, rows sum to 1."""
    uvs: np.ndarray
    """(V, 2) float32."""
    group: np.ndarray
    """(V,) int32: vertices with equal numbers coincide and share a normal."""
    parts: tuple[Part, ...]

    @property
    def faces(self) -> np.ndarray:
        """Faces (m, 3) of all parts, counted from the first vertex."""
        return np.concatenate([part.faces + part.start for part in self.parts])


def part_of_bone(bone: str) -> str:
    """Which of PARTS a bone belongs to."""
    if bone.startswith("lowerarm"):
        return "forearm"
    return FINGERS[int(bone[len("finger")]) - 1] if bone.startswith("finger") else "palm"


def skin_mesh(hand: HumanHand) -> SkinnedMesh:
    """The skin split into parts: each face belongs to the part with the largest bone weight.

    Border vertices are duplicated.
    """
    part_of = np.array([PARTS.index(part_of_bone(bone)) for bone in hand.bones])
    share = hand.dense_weights @ np.eye(len(PARTS), dtype=np.float32)[part_of]
    owner = share[hand.faces].sum(1).argmax(1)
    order, parts, start = [], [], 0
    for number, name in enumerate(PARTS):
        used, faces = np.unique(hand.faces[owner == number], return_inverse=True)
        parts.append(Part(name, start, start + len(used), faces.reshape(-1, 3).astype(np.int32)))
        order.append(used)
        start += len(used)
    index = np.concatenate(order)
    mean, basis = hand.linear_shape()
    return SkinnedMesh(
        mean[None, index],
        basis[None, :, index],
        hand.bone_indices[None, index],
        hand.weights[None, index],
        hand.uvs[index].astype(np.float32),
        hand.source[index].astype(np.int32),
        tuple(parts),
    )
