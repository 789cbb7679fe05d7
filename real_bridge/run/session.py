"""One trial on the devices, from connecting to closing; all its inputs are recorded."""

import json
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from assets.grasps import grasp_for
from assets.robots import ROBOTS
from assets.robots.robot import Robot
from lace.core.draws import Draws
from lace.core.files import publish_bytes
from policies import make_policy
from policies.outcome import Outcome
from policies.policy import Policy
from policies.primitives.grasp import GraspPrimitive
from policies.runner import run_trial
from policies.trials.records import plain as plain_outcome
from real_bridge.cameras.camera import Camera
from real_bridge.cameras.mount import Mount, load_mount
from real_bridge.cell import CellConfig, RealCell
from real_bridge.cell_log import RecordedPorts
from real_bridge.devices import ARMS
from real_bridge.operator import Operator
from real_bridge.ports import LivePorts
from real_bridge.rig import Rig
from real_bridge.run.config import RunConfig

TRIAL = "trial.json"
"""Beside a log: what the trial's decisions depend on, besides its readings."""


@dataclass
class Tools:
    """What all trials of a run share."""

    config: RunConfig
    robot: Robot
    mount: Mount | None
    policy: Policy
    primitive: GraspPrimitive
    camera: Camera
    operator: Operator

    @property
    def zeros(self) -> dict[str, float]:
        """Calibrated zeros of the hand's joints [rad]."""
        return self.mount.joint_zeros if self.mount else {}

    def rig(self) -> Rig:
        """The devices, connected."""
        return Rig(self.config.rig, self.robot.embodiment, self.zeros, self.config.limits)

    def prepared(self, number: int) -> "Tools":
        """The same for trial `number`, once the operator has set it up."""
        config, setting = self.config, self.operator.prepare(number, self.camera)
        table_z = config.rig.table_z if setting.table_z is None else setting.table_z
        target = setting.target or config.target
        primitive = self.primitive if target == config.target else primitive_for(self.robot, target)
        return replace(
            self, config=replace(config, rig=replace(config.rig, table_z=table_z), target=target), primitive=primitive
        )


def primitive_for(robot: Robot, target: str) -> GraspPrimitive:
    """The grasp of `target`."""
    return GraspPrimitive(robot.embodiment, robot.xml_path, grasp_for(target))


def tools(config: RunConfig, camera: Camera, operator: Operator) -> Tools:
    """Loads the robot, the policy, the grasp and the calibration of `config`."""
    robot = ROBOTS[ARMS[config.rig.arm].embodiment](None)
    primitive = primitive_for(robot, config.target)
    mount = load_mount(config.rig.calibration) if config.rig.calibration else None
    return Tools(config, robot, mount, make_policy(config.policy), primitive, camera, operator)


def trial_seed(seed: int, number: int) -> int:
    """Seed of the policy in a trial; as `lace simulate` draws it."""
    return int(Draws(seed, [number]).bits("policy")[0, 0])


def run_live(kit: Tools, number: int, folder: Path) -> tuple[Outcome, str]:
    """One trial in `folder`; its outcome, and the fault that it latched ("" for none)."""
    config, rig = kit.config, kit.rig()
    try:
        with interrupts_latch(rig):
            rig.enable()
            ports = RecordedPorts(LivePorts(rig, kit.camera, kit.operator), folder)
            cell = RealCell(
                ports,
                kit.robot.embodiment,
                kit.robot.xml_path,
                config.rig.table_z,
                CellConfig(config.speed, config.limits),
                kit.mount,
                ports.tell,
            )
            seed = trial_seed(config.seed, number)
            publish_bytes(folder / TRIAL, json.dumps(_about(kit, number, seed), indent=1, default=str).encode())
            outcome = run_trial(kit.policy, cell, kit.primitive, seed)
            about = _about(kit, number, seed) | {"outcome": plain_outcome(outcome)}
            publish_bytes(folder / TRIAL, json.dumps(about, indent=1, default=str).encode())
            ports.close()
    except BaseException as error:
        rig.stop(f"the program ended: {type(error).__name__}")
        raise
    finally:
        rig.close()
    return outcome, rig.fault_reason


@contextmanager
def interrupts_latch(rig: Rig) -> Generator[None]:
    """While a rig may move, Ctrl-C and SIGTERM set its latch before they raise.

    The arm's SDK waits for answers inside bare excepts, where an interrupt is lost. The latch is not lost: the next
    step checks it.
    """
    before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}

    def latch(number: int, frame: FrameType | None) -> None:
        rig.latch.set(f"interrupted by {signal.Signals(number).name}")
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        raise KeyboardInterrupt

    for which in before:
        signal.signal(which, latch)
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _about(kit: Tools, number: int, seed: int) -> dict[str, Any]:
    config = kit.config
    mount = None
    if kit.mount is not None:
        values = asdict(kit.mount)
        mount = values | {name: values[name].tolist() for name in ("K", "T_base_cam")}
    return {
        "trial": number,
        "policy": config.policy,
        "seed": seed,
        "target": config.target,
        "embodiment": kit.robot.embodiment.name,
        "table_z": config.rig.table_z,
        "speed": config.speed,
        "limits": asdict(config.limits),
        "mount": mount,
    }
