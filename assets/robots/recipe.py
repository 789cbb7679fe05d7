"""`Recipe`: the complete definition of a robot, to be written and registered for a new robot."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import mujoco

from assets.robots.robot import Robot, read_fixed, read_joints, read_visuals
from lace.core.cache import built_folder
from lace.core.code_identity import code_of
from lace.core.content import content_of
from lace.core.embodiment import Curl, Embodiment, Keypoint, Provenance
from lace.core.errors import AssetError, InvalidValueError
from lace.core.wheels import WheelAsset, asset_folder

_log = logging.getLogger(__name__)
_WRITERS = ("mujoco", "trimesh", "fast-simplification")
"""Packages whose version decides what is built."""


@dataclass(frozen=True)
class Recipe:
    """Builds a robot from its manufacturers' files; call it with the user's own asset folder or None."""

    name: str
    wheels: tuple[WheelAsset, ...]
    build: Callable[[dict[str, Path], Path], None]
    """Writes robot.xml and meshes/ into a folder, from the description folders by name of their wheel. The cache is
    keyed by its code, by what it uses, and by the content of `sources` and of the description folders."""
    keypoints: tuple[Keypoint, ...]
    hand_root: str
    """The palm link; the hand is this link and all its descendants."""
    grasp_point: tuple[float, float, float]
    """In the palm frame [m]."""
    provenance: tuple[Provenance, ...]
    home: dict[str, float] = field(default_factory=dict)
    """Home position by joint name [rad]; for joints not named 0, or the limit next to it."""
    curls: dict[str, Curl] = field(default_factory=dict)
    """Closing ranges, one for every finger joint."""
    figure_pose: dict[str, float] = field(default_factory=dict)
    """See `Robot.figure_pose`."""
    sources: tuple[Path, ...] = ()
    """Further files and folders that `build` reads."""
    grasps: Path | None = None
    """File of the grasps found for it; None: with ours."""

    def __call__(self, own_assets: Path | None = None) -> Robot:
        """Returns the robot; on first use builds it into the cache (about 10 s), from `own_assets` if given."""
        folders = {wheel.name: asset_folder(wheel, own_assets) for wheel in self.wheels}
        content = content_of([*folders.values(), *self.sources])
        libraries = [f"{name} {version(name)}" for name in _WRITERS]
        key = sha256(f"{content} {code_of(self.build, *libraries)}".encode()).hexdigest()[:16]
        folder = built_folder(f"robots/{self.name}-{key}", partial(self._announced, folders))
        return self._read(folder / "robot.xml")

    def _announced(self, folders: dict[str, Path], out: Path) -> None:
        _log.info("building %s: decimating meshes, composing the arm and the hand", self.name)
        (out / "meshes").mkdir()
        self.build(folders, out)
        try:
            mujoco.MjModel.from_xml_path(str(out / "robot.xml"))  # what does not load is not cached
        except ValueError as error:
            raise AssetError(
                f"building {self.name}", str(error), "a robot.xml that MuJoCo loads", "fix `build` of the recipe"
            ) from error

    def _read(self, xml_path: Path) -> Robot:
        """Reads the compiled model; its body 1 is the root link."""
        model = mujoco.MjModel.from_xml_path(str(xml_path))
        links = tuple(model.body(b).name for b in range(1, model.nbody))
        hand = {self.hand_root}
        for b in range(1, model.nbody):
            if model.body(model.body_parentid[b]).name in hand:
                hand.add(model.body(b).name)
        joints = read_joints(model, self.home, self.curls)
        embodiment = Embodiment(
            name=self.name,
            root_link=links[0],
            joints=joints,
            links=links,
            fixed=read_fixed(model),
            keypoints=self.keypoints,
            hand_links=tuple(link for link in links if link in hand),
            palm_link=self.hand_root,
            grasp_point=self.grasp_point,
            provenance=self.provenance,
        )
        uncurled = [joint.name for joint in joints[embodiment.arm_dof :] if joint.curl is None]
        if uncurled:
            raise InvalidValueError(
                f"making {self.name}",
                f"finger joints {', '.join(uncurled)} have no curl",
                "a Curl for each",
                "add them to the recipe's curls",
            )
        return Robot(embodiment, xml_path, read_visuals(model), self.figure_pose, self.grasps)
