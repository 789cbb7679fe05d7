"""Description of an embodiment: links, joints, limits, and the table of the 21 shared keypoints on its links."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lace.core import keypoints
from lace.core.errors import InvalidValueError
from lace.core.geometry import BoolArray


@dataclass(frozen=True)
class Curl:
    """How a hand joint moves when the hand closes, in shares of its range: 0 is the lower limit, 1 the upper one."""

    opened: float
    closed: float
    """Equal to `opened` for a joint that does not move in closing, such as one that spreads the fingers."""
    noise: float = 1.0
    """Size of its own variation in random poses, relative to the other joints."""
    thumb: bool = False
    """Closes with the thumb and not with the other fingers."""

    def at(self, share: Any) -> Any:
        """Joint position in shares of its range for a hand closed by `share`: 0 is open, 1 closed, above 1 squeezed."""
        return self.opened + (self.closed - self.opened) * share


@dataclass(frozen=True)
class Joint:
    """Rotates `child` about, or slides it along, `axis` (3,) of the child frame relative to `parent`.

    For prismatic joints (kind "slide"), read rad as m and N m as N.
    """

    name: str
    parent: str
    child: str
    T_parent_child: tuple[tuple[float, ...], ...]
    """Pose (4, 4) of the child frame in the parent frame at joint angle zero [m]."""
    axis: tuple[float, float, float]
    lower: float
    upper: float
    """Limits [rad]."""
    effort: float
    """Largest torque [N m]."""
    stiffness: float
    """Position gain used in simulation [N m / rad]."""
    damping: float
    """Velocity gain used in simulation [N m s / rad]."""
    home: float
    """Home position [rad]."""
    kind: Literal["hinge", "slide"] = "hinge"
    curl: Curl | None = None
    """For finger joints; None for arm joints."""


@dataclass(frozen=True)
class Keypoint:
    """One row of the keypoint table: where a shared keypoint is on this body, and why."""

    name: str
    link: str
    offset: tuple[float, float, float]
    """Position in the link frame [m]."""
    radius: float
    """Thickness of flesh or shell around the point [m]: a surface nearer than this may be the keypoint's own."""
    links: tuple[str, ...]
    """Links whose surface counts as the keypoint's own (those that meet at the joint)."""
    reason: str


@dataclass(frozen=True)
class Provenance:
    """Source and licence of a part of the description."""

    what: str
    source: str
    licence: str


@dataclass(frozen=True)
class Embodiment:
    """A body and its keypoint table. Joints are listed parents first, the arm's before the hand's; names are unique.

    At joint angles zero an arm faces the world's +x; its first joint turns it about the world's z.
    """

    name: str
    root_link: str
    joints: tuple[Joint, ...]
    links: tuple[str, ...]
    """All links, root first; `fixed` names the parent of each fixed link."""
    fixed: tuple[tuple[str, str, tuple[tuple[float, ...], ...]], ...]
    """(parent, child, T_parent_child) of links without a joint."""
    keypoints: tuple[Keypoint, ...]
    hand_links: tuple[str, ...]
    """Links that make up the hand, for boxes and masks of the hand alone."""
    palm_link: str
    """First link of the hand; in its frame the fingers point along +x and the palm faces -z."""
    grasp_point: tuple[float, float, float]
    """Centre of a power grasp in the palm link's frame [m]."""
    provenance: tuple[Provenance, ...]

    def __post_init__(self):
        known = set(self.links)
        for row in self.keypoints:
            unknown = {row.link, *row.links} - known
            if row.name not in keypoints.INDEX or unknown:
                raise InvalidValueError(
                    f"building embodiment {self.name!r}",
                    f"keypoint {row.name!r} names unknown links {sorted(unknown)}"
                    if unknown
                    else f"keypoint {row.name!r}",
                    f"keypoints of {', '.join(keypoints.NAMES)} on links {', '.join(self.links)}",
                    "correct the keypoint table",
                )

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Joint names in canonical order."""
        return tuple(joint.name for joint in self.joints)

    @property
    def arm_dof(self) -> int:
        """Number of joints that move the palm; they precede the finger joints."""
        moved = {link for finger in self.fingers for link in finger}
        return sum(joint.child not in moved for joint in self.joints)

    @property
    def fingers(self) -> tuple[tuple[str, ...], ...]:
        """Links of each finger, root first: every chain that one joint connects to the palm."""
        parents = {child: parent for parent, child, _T in self.fixed} | {j.child: j.parent for j in self.joints}
        fingers = {joint.child: [joint.child] for joint in self.joints if joint.parent == self.palm_link}
        for link in self.links:
            root = parents.get(link)
            while root is not None and root not in fingers:
                root = parents.get(root)
            if root is not None:
                fingers[root].append(link)
        return tuple(tuple(links) for links in fingers.values())

    def hand_at(self, share: float) -> np.ndarray:
        """Hand joint positions (hand joints,) [rad] of a hand closed by `share`; see Curl.at."""
        low, high = self.limits[self.arm_dof :].T
        return low + (high - low) * np.clip(
            [joint.curl.at(share) for joint in self.joints[self.arm_dof :] if joint.curl], 0, 1
        )

    @property
    def limits(self) -> np.ndarray:
        """Joint limits (n, 2) [rad]."""
        return np.array([(joint.lower, joint.upper) for joint in self.joints])

    @property
    def home(self) -> np.ndarray:
        """Home position (n,) [rad]."""
        return np.array([joint.home for joint in self.joints])

    @property
    def present(self) -> BoolArray:
        """(21,) bool: which of the 21 keypoints this body has."""
        have = {row.name for row in self.keypoints}
        return np.array([name in have for name in keypoints.NAMES])
