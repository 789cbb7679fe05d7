"""Robots of the user's own: a folder with URDF or MJCF and `embodiment.toml`, or module:NAME of a Recipe."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from assets.robots.arms import ARMS, Arm
from assets.robots.model import HAND, Frame, build_own, to_palm
from assets.robots.recipe import Recipe
from lace.core.embodiment import Curl, Keypoint, Provenance
from lace.core.errors import AssetError
from lace.core.files import file_content
from lace.core.geometry import Array, triple
from lace.core.keypoints import NAMES
from lace.core.plugins import imported
from lace.core.wheels import WheelAsset

DESCRIPTION = "embodiment.toml"
_AXES = {f"{sign}{name}": (1 if sign == "+" else -1) * np.eye(3)[i] for sign in "+-" for i, name in enumerate("xyz")}


@dataclass(frozen=True)
class OwnRobot:
    """What embodiment.toml says; all points and axes in the frames of the user's own file."""

    licence: str
    palm: str
    """The hand is this link and all below it."""
    fingers: str
    """Axis of the palm's frame along which straight fingers point ("+z")."""
    faces: str
    """Axis that the palm looks along ("-x")."""
    grasp_point: tuple[float, float, float]
    """In the palm's frame [m]."""
    keypoints: Mapping[str, Mapping[str, Any]]
    """name -> link, offset [m], and if wanted radius [m], links, reason."""
    curl: Mapping[str, Any] = field(default_factory=dict)
    """joint -> [opened, closed] as shares of its range, a share at which it stays, or a table of Curl's fields."""
    file: str = ""
    """URDF or MJCF; may be left out where the folder has one alone."""
    arm: str = ""
    """Arm that a hand alone is attached to; empty where the file has one."""
    flange: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Point of the file's root link that is joined to the arm's flange [m]."""
    adapter_m: float = 0.02
    """Length of the adapter between the arm's flange and that point [m]."""
    locked: tuple[str, ...] = ()
    """Joints that are held at zero."""
    home: Mapping[str, float] = field(default_factory=dict)
    """Joint positions [rad] of the joints in the file; 0, or the limit next to it, where none is given."""
    arm_home: Mapping[str, float] = field(default_factory=dict)
    """Joint positions of `arm` [rad]; those that the arm has with its own tool where none is given."""
    source: str = "the user's own files"


def read_description(path: Path) -> OwnRobot:
    """The content of an embodiment.toml; AssetError that names what is missing or not known."""
    if not path.is_file():
        raise AssetError(
            f"opening the robot in {path.parent}",
            f"it has no {DESCRIPTION}",
            f"a folder with a URDF or MJCF and {DESCRIPTION}, which says what its parts are",
            "copy examples/toy_hand/embodiment.toml and change it (docs/own-things.md)",
        )
    try:
        said = tomllib.loads(file_content(path).decode())
    except (OSError, ValueError) as error:
        raise _refused(path, str(error)) from error
    known, needed = OwnRobot.__dataclass_fields__, ("licence", "palm", "fingers", "faces", "grasp_point", "keypoints")
    wrong = [f"no {name!r}" for name in needed if name not in said]
    wrong += [f"{name!r} is not known" for name in said if name not in known]
    wrong += [
        f"{name} is {said[name]!r}, not one of {', '.join(_AXES)}"
        for name in ("fingers", "faces")
        if name in said and said[name] not in _AXES
    ]
    wrong += [f"keypoint {name!r} is none of the 21" for name in said.get("keypoints", {}) if name not in NAMES]
    wrong += [
        f"keypoint {name!r} has no link or no offset"
        for name, row in said.get("keypoints", {}).items()
        if not {"link", "offset"} <= set(row)
    ]
    if said.get("arm") and said["arm"] not in ARMS:
        wrong.append(f"arm {said['arm']!r} is none of {', '.join(ARMS)}")
    joints = ARMS[said["arm"]].home if said.get("arm") in ARMS else {}
    wrong += [
        f"arm_home {name!r} is none of {', '.join(joints)}" for name in said.get("arm_home", {}) if name not in joints
    ]
    if wrong:
        raise _refused(path, "; ".join(wrong))
    robot = OwnRobot(**said)
    if abs(_AXES[robot.fingers] @ _AXES[robot.faces]) > 0:
        raise _refused(path, f"fingers {robot.fingers} and faces {robot.faces} are not at right angles")
    return robot


def _refused(path: Path, what: str) -> AssetError:
    return AssetError(
        f"reading {path}",
        what,
        "licence, palm, fingers, faces, grasp_point, keypoints, and if wanted file, arm, arm_home, flange, locked,"
        " home, curl",
        "see docs/own-things.md",
    )


def own_recipe(text: str) -> Recipe | None:
    """The recipe of a folder with embodiment.toml, or of module:NAME; None for a text that is neither.

    Raises:
        AssetError: It is one of them and cannot be used.
    """
    folder = Path(text)
    if folder.is_dir():
        return folder_recipe(folder)
    module, colon, name = text.partition(":")
    return _imported(module, name) if colon and name.isidentifier() and "/" not in module else None


def _imported(module: str, name: str) -> Recipe:
    try:
        found = imported(module, name)
    except (ImportError, AttributeError) as error:
        raise AssetError(
            f"loading the embodiment {module}:{name}", str(error), "a Recipe in a module", "run from its folder"
        ) from error
    if not isinstance(found, Recipe):
        kind = type(found).__name__
        raise AssetError(
            f"loading the embodiment {module}:{name}", f"a {kind}", "a Recipe", "see docs/add-an-embodiment.md"
        )
    return found


def folder_recipe(folder: Path) -> Recipe:
    """The recipe of a user's folder."""
    robot = read_description(folder / DESCRIPTION)
    name = folder.resolve().name
    return recipe_of(name, robot, folder)


def recipe_of(name: str, robot: OwnRobot, folder: Path | None = None, wheels: tuple[WheelAsset, ...] = ()) -> Recipe:
    """A recipe from a description.

    Args:
        name: Of the embodiment.
        robot: What embodiment.toml says.
        folder: With the file that it describes; None: that of the first of `wheels`.
        wheels: Where the file comes from.
    """
    arm = ARMS[robot.arm] if robot.arm else None
    R = palm_axes(robot)
    prefix = HAND if arm else ""
    frame = Frame(robot.palm, R, np.array(robot.flange, float), tuple(robot.locked), robot.adapter_m)
    build = partial(_build, robot, frame, arm, folder or wheels[0].name)
    grasps = None if folder is None else folder.resolve().with_name(f"{name}.grasps.json")
    return Recipe(
        name=name,
        wheels=(*wheels, *(arm.wheels if arm else ())),
        build=build,
        keypoints=_keypoints(robot, R, prefix),
        hand_root=prefix + robot.palm,
        grasp_point=triple(R.T @ robot.grasp_point),
        provenance=(
            Provenance("hand" if arm else "robot", robot.source, robot.licence),
            *(arm.provenance if arm else ()),
        ),
        home={**(arm.home if arm else {}), **robot.arm_home, **{prefix + name: q for name, q in robot.home.items()}},
        curls={prefix + joint: _curl(value) for joint, value in robot.curl.items()},
        sources=(folder,) if folder else (),
        grasps=grasps,
    )


def _build(
    robot: OwnRobot,
    frame: Frame,
    arm: Arm | None,
    place: Path | str,
    folders: dict[str, Path],
    out: Path,
) -> None:
    """`place` is the user's folder, or the name of the wheel that holds the file."""
    build_own(_file_of(robot, folders[place] if isinstance(place, str) else place), frame, arm, folders, out)


def _file_of(robot: OwnRobot, folder: Path) -> Path:
    if robot.file:
        return folder / robot.file
    found = [path for suffix in ("urdf", "xml") for path in sorted(folder.glob(f"*.{suffix}"))]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise AssetError(
            f"looking for the robot in {folder}", names, "one .urdf or .xml", f'say file = "NAME" in {DESCRIPTION}'
        )
    return found[0]


def palm_axes(robot: OwnRobot) -> Array:
    """Rotation (3, 3) of our palm frame (fingers along x, palm facing -z) in the file's."""
    x, z = _AXES[robot.fingers], -_AXES[robot.faces]
    return np.stack([x, np.cross(z, x), z], 1)


def _keypoints(robot: OwnRobot, R: Array, prefix: str) -> tuple[Keypoint, ...]:
    rows = []
    for name in NAMES:
        if name not in robot.keypoints:
            continue
        row = robot.keypoints[name]
        link = str(row["link"])
        offset = to_palm(R, row["offset"]) if link == robot.palm else triple(row["offset"])
        links = tuple(prefix + other for other in row.get("links", (link,)))
        rows.append(
            Keypoint(
                name, prefix + link, offset, float(row.get("radius", 0.03)), links, row.get("reason", robot.source)
            )
        )
    return tuple(rows)


def _curl(value: Any) -> Curl:
    if isinstance(value, Mapping):
        return Curl(**value)
    if isinstance(value, list):
        return Curl(*value)
    return Curl(float(value), float(value), noise=0.5)
