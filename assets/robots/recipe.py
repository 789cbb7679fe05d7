"""`Recipe`: the complete definition of a robot, to be written and registered for a new robot."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

import mujoco

from assets.robots.robot import Robot, read_fixed, read_joints, read_visuals
from lace.core.cache import built_folder
from lace.core.embodiment import Curl, Embodiment, Keypoint, Provenance
from lace.core.errors import InvalidValueError
from lace.core.wheels import WheelAsset, asset_folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Builds a robot from its manufacturers' files; call it with the user's own asset folder or None."""

    name: str
    wheels: tuple[WheelAsset, ...]
    build: Callable[[dict[str, Path], Path], None]
    """Writes robot.xml and meshes/ into a folder, from the description folders by name of their wheel."""
    version: int
    """Raise when `build` changes what it writes: the cache is keyed by it."""
    keypoints: tuple[Keypoint, ...]
    hand_root: str
    """The palm link; the hand is this link and all its descendants."""
    grasp_point: tuple[float, float, float]
    """In the palm frame [m]."""
    provenance: tuple[Provenance, ...]
    home: dict[str, float] = field(default_factory=dict)
    """Home position by joint name [rad]; 0 for joints not named."""
    curls: dict[str, Curl] = field(default_factory=dict)
    """Closing ranges, one for every finger joint."""
    figure_pose: dict[str, float] = field(default_factory=dict)
    """See `Robot.figure_pose`."""

    def __call__(self, own_assets: Path | None = None) -> Robot:
        """Returns the robot; on first use builds it into the cache (about 10 s), from `own_assets` if given."""
        folders = {wheel.name: asset_folder(wheel, own_assets) for wheel in self.wheels}
        if own_assets is None:
            key = "-".join(wheel.sha256[:6] for wheel in self.wheels)
        else:
            files = (path for folder in folders.values() for path in folder.resolve().rglob("*") if path.is_file())
            newest = max(int(path.stat().st_mtime) for path in files)
            key = f"own-{sha256(f'{own_assets.resolve()} {newest}'.encode()).hexdigest()[:10]}"
        folder = built_folder(f"robots/{self.name}-{self.version}-{key}", partial(self._announced, folders))
        return self._read(folder / "robot.xml")

    def _announced(self, folders: dict[str, Path], out: Path) -> None:
        _log.info("building %s: decimating meshes, composing the arm and the hand", self.name)
        (out / "meshes").mkdir()
        self.build(folders, out)

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
        return Robot(embodiment, xml_path, read_visuals(model), self.figure_pose)
