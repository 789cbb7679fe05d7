"""What an embodiment is: links, joints, limits, and the table that ties its body to the 21 shared keypoints."""

from dataclasses import dataclass

import numpy as np

from lace.core import keypoints
from lace.core.errors import InvalidValueError


@dataclass(frozen=True)
class Joint:
    """A hinge: moves `child` relative to `parent` about `axis` (3,) of the child frame."""

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


@dataclass(frozen=True)
class Keypoint:
    """One row of the keypoint table: where a shared keypoint sits on this body, and why."""

    name: str
    link: str
    offset: tuple[float, float, float]
    """Position in the link frame [m]."""
    radius: float
    """Depth of flesh or shell around the point [m]: a surface nearer than this may be its own."""
    links: tuple[str, ...]
    """Links whose surface counts as the keypoint's own (those that meet at the joint)."""
    reason: str


@dataclass(frozen=True)
class Provenance:
    """Where a part of the description comes from."""

    what: str
    source: str
    licence: str


@dataclass(frozen=True)
class Embodiment:
    """A body and its keypoint table. Joints are listed parents first; names are unique."""

    name: str
    root_link: str
    joints: tuple[Joint, ...]
    links: tuple[str, ...]
    """All links, root first; a fixed link rides on the one named in `fixed`."""
    fixed: tuple[tuple[str, str, tuple[tuple[float, ...], ...]], ...]
    """(parent, child, T_parent_child) of links without a joint."""
    keypoints: tuple[Keypoint, ...]
    hand_links: tuple[str, ...]
    """Links that make up the hand, for boxes and masks of the hand alone."""
    palm_link: str
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
                    f"keypoint {row.name!r} names unknown links {sorted(unknown)}" if unknown else f"keypoint {row.name!r}",
                    f"keypoints of {', '.join(keypoints.NAMES)} on links {', '.join(self.links)}",
                    "mend the keypoint table",
                )

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Joint names in canonical order."""
        return tuple(joint.name for joint in self.joints)

    @property
    def arm_dof(self) -> int:
        """How many joints move the arm; they come first, those of the hand after them."""
        return sum(joint.child not in self.hand_links for joint in self.joints)

    @property
    def limits(self) -> np.ndarray:
        """Joint limits (n, 2) [rad]."""
        return np.array([(joint.lower, joint.upper) for joint in self.joints])

    @property
    def home(self) -> np.ndarray:
        """Home position (n,) [rad]."""
        return np.array([joint.home for joint in self.joints])

    @property
    def present(self) -> np.ndarray:
        """Which of the 21 keypoints this body has (21,) bool."""
        have = {row.name for row in self.keypoints}
        return np.array([name in have for name in keypoints.NAMES])
