"""`lace bridge record`: records one demonstration from the devices of a rig, and labels it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from assets.robots import ROBOTS
from lace.core.limits import Within, check_numbers
from lace.data.recordings.folder import RecordingWriter
from real_bridge.cameras import CameraError, open_camera
from real_bridge.cameras.mount import load_mount
from real_bridge.devices import ARMS
from real_bridge.record import by_hand, keyboard, vision_pro  # noqa: F401  (fill GUIDES)
from real_bridge.record.demonstration import DemonstrationRecorder, RecordedCounts
from real_bridge.record.guide import GUIDES, Site, make_guide
from real_bridge.rig import Rig, RigConfig
from real_bridge.safety.guard import Guard
from real_bridge.safety.limits import SafetyLimits


@dataclass(frozen=True)
class RecordConfig:
    """Records one demonstration on the robot and labels it: the paper's single real demonstration in one command."""

    rig: RigConfig
    """The devices."""
    out: Path
    """New folder: `recording` will hold what was recorded, `dataset` the labelled frames."""
    guide: str = "hand"
    """Who guides the robot: hand (a person moves the arm), keyboard, or vision_pro:ADDRESS,URDF."""
    seconds: Annotated[float, Within(0, 3600, open_low=True)] = 30.0
    """Longest duration; Enter ends it before."""
    frames: Annotated[int, Within(0)] = 50
    """How many of the images are labelled, spread evenly; 0 for all."""
    state_hz: Annotated[float, Within(1, 250)] = 50.0
    """How often the joints are read."""
    limits: SafetyLimits = field(default_factory=SafetyLimits)
    """Of a guide that commands the robot."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""

    def __post_init__(self):
        check_numbers(self)
        GUIDES[self.guide.partition(":")[0]]


def record(config: RecordConfig, tell=lambda seconds: None) -> tuple[Path, RecordedCounts]:
    """Records; returns the folder and a summary of its content. All devices are stopped and freed in any case."""
    robot = ROBOTS[ARMS[config.rig.arm].embodiment](config.assets)
    mount = load_mount(config.rig.calibration) if config.rig.calibration else None
    camera = open_camera(config.rig.camera)
    rig = guide = None
    try:
        view = mount.camera if mount is not None else camera.newest().camera
        if view is None:
            raise CameraError(
                "recording", "a camera that does not know where it is", "--rig.calibration FILE", "calibrate it first"
            )
        rig = Rig(config.rig, robot.embodiment, {} if mount is None else mount.joint_zeros, config.limits)
        guide = make_guide(config.guide, Site(config.rig.address, robot.embodiment, robot.xml_path))
        guard = None
        if guide.commands:
            guard = Guard(robot.embodiment, robot.xml_path, config.rig.table_z, config.limits, lambda _decision: None)
            rig.enable()
        facts = {"embodiment": robot.embodiment.name, "guide": config.guide, "camera": config.rig.camera}
        with RecordingWriter(config.out / "recording", robot.embodiment.joint_names, view, facts) as writer:
            recorder = DemonstrationRecorder(rig, camera, mount, guide, guard)
            return writer.folder, recorder.run(writer, config.seconds, 1 / config.state_hz, tell)
    finally:
        for thing in (guide, rig, camera):
            if thing is not None:
                thing.close()
