"""`lace bridge calibrate`: the camera's lens and place, from views of a ChArUco board on the robot's hand."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from rich.console import Console

from assets.robots import ROBOTS
from lace.core.counting import counted
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.limits import Within, check_numbers
from lace.data.schema import encode_image
from real_bridge.calibration.board import BoardSpec
from real_bridge.calibration.collect import BoardOnLink, Stillness, collect, pictures
from real_bridge.calibration.gate import CalibrationRefused, Gate
from real_bridge.calibration.hand_eye import fit_hand_eye
from real_bridge.calibration.lens import fit_lens, stated_lens
from real_bridge.calibration.model_over_image import RobotModel
from real_bridge.calibration.silhouette import SegmentedView, refine_camera, segmented
from real_bridge.calibration.store import mount_of, sealed
from real_bridge.cameras import open_camera
from real_bridge.cameras.mount import Mount
from real_bridge.devices import ARMS
from real_bridge.record import by_hand  # noqa: F401  (fills GUIDES)
from real_bridge.record.guide import Site, make_guide
from real_bridge.rig import Rig, RigConfig
from real_bridge.safety.limits import SafetyLimits

FARTHEST_REFINED_M = 0.01
"""A silhouette that would move the camera further than this disagrees with the board, and is not followed."""


@dataclass(frozen=True)
class CalibrateConfig:
    """Calibrates the camera by a ChArUco board on the robot's hand while you move the arm by hand."""

    rig: RigConfig
    """The devices; its `calibration` is not needed."""
    out: Path
    """File to write (calibration.json); pictures go beside it."""
    board: BoardSpec = field(default_factory=BoardSpec)
    """As printed. Measure the squares."""
    board_link: str = "leap_palm"
    """Link that carries the board; where on it is found out."""
    views: Annotated[int, Within(1, 1000)] = 16
    """How many views to take."""
    seconds: Annotated[float, Within(0, 86400, open_low=True)] = 600.0
    """Longest time for that."""
    refine: Annotated[int, Within(0)] = 0
    """Then take so many pictures without the board and align the drawn outline of the robot with the seen one."""
    gate: Gate = field(default_factory=Gate)
    """What is good enough."""
    print_board: Path | None = None
    """Only write the board as a PNG for the printer (300 dpi) and end."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""

    def __post_init__(self):
        check_numbers(self)


def main(config: CalibrateConfig) -> int:
    """`lace bridge calibrate`."""
    console = Console(highlight=False, soft_wrap=True)
    if config.print_board is not None:
        publish_bytes(config.print_board, board_for_printer(config.board))
        console.print(f"{config.print_board}: {config.board.describe()}; print it at 100 %, then measure a square")
        return 0
    mount = calibrate(config, lambda words: console.print(words, markup=False))
    console.print(f"wrote {config.out}: {summary(mount)}")
    console.print(f"look at {_beside(config.out, 'check.png')}: the outline and the keypoints must lie on the robot")
    return 0


def board_for_printer(spec: BoardSpec) -> bytes:
    """PNG of the board with a white margin of a square; 300 dots an inch."""
    dots = round(spec.square_m / 0.0254 * 300)
    image = spec.opencv().generateImage(((spec.columns + 2) * dots, (spec.rows + 2) * dots), marginSize=dots)
    return encode_image(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), "png")


def calibrate(config: CalibrateConfig, say: Callable[[str], None]) -> Mount:
    """The calibration, written to `config.out`. CalibrationRefused where it is not good enough: nothing is written."""
    robot = ROBOTS[ARMS[config.rig.arm].embodiment](config.assets)
    model = RobotModel(robot)
    if config.board_link not in robot.embodiment.links:
        raise InvalidValueError(
            "reading the options",
            f"the link {config.board_link!r}",
            f"one of {', '.join(robot.embodiment.links)}",
            "give --board-link",
        )
    live = _beside(config.out, "live.jpg")

    def tell(words: str, image: np.ndarray) -> None:
        say(words)
        publish_bytes(live, encode_image(image, "jpg"))

    camera, guide = open_camera(config.rig.camera), None
    rig = None
    try:
        rig = Rig(config.rig, robot.embodiment, {}, SafetyLimits())
        guide = make_guide("hand", Site(config.rig.address, robot.embodiment, robot.xml_path))
        first = rig.arm.read()
        guide.begin(first.positions, rig.hand.read().positions)
        say(f"move the arm by hand; it is looked at when it stands still. The newest picture is {live}")
        stillness = Stillness(rig, camera)
        board = BoardOnLink(config.board, config.board_link, model.kinematics)
        views = collect(stillness, board, config.views, config.seconds, tell)
        if len(views.taken) < 3:
            raise CalibrationRefused(
                "calibrating the camera",
                counted(len(views.taken), "view"),
                f"at least {config.gate.views}",
                "start again",
            )
        stated = stated_lens(camera.newest().camera)
        say("the lens is the device's own" if stated else "the lens is fitted along")
        fit = fit_hand_eye(views, config.board, stated or fit_lens(views, config.board), free_lens=stated is None)
        config.gate.require(views, fit)
        mount = mount_of(fit, views, config.board, config.board_link)
        if config.refine:
            say("take the board off and move the arm to other places")
            mount = refined(mount, model, pictures(stillness, config.refine, config.seconds, tell), say)
        last = views.taken[-1]
        check = model.draw(mount.rectified(last.image), last.joint_positions, mount.camera)
        publish_bytes(_beside(config.out, "check.png"), encode_image(check, "png"))
        mount.save(config.out)
        return mount
    finally:
        for thing in (guide, rig, camera):
            if thing is not None:
                thing.close()


def refined(mount: Mount, model: RobotModel, moments: list, say: Callable[[str], None]) -> Mount:
    """The calibration after aligning outlines, or as it was where they disagree with the board."""
    images = [mount.rectified(moment.frame.image) for moment in moments]
    sights = [SegmentedView(m.joint_positions, mask) for m, mask in zip(moments, segmented(images), strict=True)]
    found = refine_camera(model, mount.camera, sights)
    moved = float(np.linalg.norm(found.camera.T_world_cam[:3, 3] - mount.T_base_cam[:3, 3]))
    told = f"outlines {found.before_px:.2f} px apart, {found.after_px:.2f} px after moving "
    told += f"the camera by {1000 * moved:.1f} mm"
    if moved > FARTHEST_REFINED_M:
        say(f"{told}: too far, not followed; are the joint zeros right?")
        return mount
    say(told)
    about = mount.about | {"outline_px": [round(found.before_px, 3), round(found.after_px, 3)]}
    return sealed(replace(mount, T_base_cam=found.camera.T_world_cam, about=about))


def summary(mount: Mount) -> str:
    """One line of residuals."""
    a = mount.about
    return (
        f"{a['views']} views agree within {a['rms_px']:.2f} px and {a['rms_mm']:.2f} mm, the camera's place is known "
        f"to {a['std_mm']:.1f} mm, focal length {mount.K[0, 0]:.1f} px"
    )


def _beside(out: Path, name: str) -> Path:
    return out.with_name(f"{out.stem}_{name}")
