"""`lace bridge check`: the checks before any motion, as a list that ends in go or no-go."""

import importlib.metadata
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from rich.console import Console

from assets.robots import ROBOTS
from lace.core.errors import LaceError
from lace.core.limits import Within, check_numbers
from real_bridge.calibration.store import age_days, require_unchanged
from real_bridge.cameras import open_camera
from real_bridge.cameras.camera import Camera
from real_bridge.cameras.mount import Mount, load_mount
from real_bridge.devices import ARMS
from real_bridge.rig import Rig, RigConfig
from real_bridge.safety.limits import SafetyLimits

PACKAGES = {"xarm-python-sdk": "1.18.4", "dynamixel-sdk": "4.", "opencv-python-headless": "4."}
"""Package -> prefix of its version: those that the drivers were tested with."""
FIRMWARE = "v2."
"""Prefix of the xArm firmware version that the drivers were tested with."""
READINGS = 50


@dataclass(frozen=True)
class CheckConfig:
    """Pre-flight list of a rig: go or no-go. Nothing is enabled and nothing moves."""

    rig: RigConfig
    """The devices."""
    estop: bool = True
    """Ask for a press of the emergency button, and watch that it arrives."""
    estop_s: Annotated[float, Within(0, 3600, open_low=True)] = 30.0
    """How long the press is waited for."""
    oldest_days: Annotated[float, Within(0)] = 30.0
    """Oldest calibration."""
    round_trip_ms: Annotated[float, Within(0, open_low=True)] = 20.0
    """Slowest reading of the arm that is fast enough (95 of 100)."""
    image_age_ms: Annotated[float, Within(0, open_low=True)] = 250.0
    """Oldest image when it arrives (median)."""
    least_fps: Annotated[float, Within(0)] = 5.0
    """Least frames per second."""
    free_gb: Annotated[float, Within(0)] = 2.0
    """Least free space where this runs."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""

    def __post_init__(self):
        check_numbers(self)


@dataclass(frozen=True)
class Finding:
    """One line of the list."""

    name: str
    good: bool
    words: str


Check = Callable[[], Iterator[Finding]]


def main(config: CheckConfig) -> int:
    """`lace bridge check`; 1 is no-go."""
    console = Console(highlight=False, soft_wrap=True)
    bad = []
    for finding in findings(config, lambda words: console.print(words, style="yellow", markup=False)):
        mark = "[green]go   [/green]" if finding.good else "[red]NO-GO[/red]"
        console.print(f"{mark} {finding.name:<14}", end=" ")
        console.print(finding.words, markup=False)
        bad += [finding.name] * (not finding.good)
    console.print(f"[red]NO-GO: {', '.join(bad)}[/red]" if bad else "[green]GO[/green]")
    return 1 if bad else 0


def findings(config: CheckConfig, ask: Callable[[str], None]) -> Iterator[Finding]:
    """All checks in order; a device that cannot be reached ends its own checks alone."""
    yield from versions()
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding("space", free >= config.free_gb, f"{free:.1f} GB free, {config.free_gb:g} are needed")
    mount, wrong = None, None
    if config.rig.calibration is not None:
        try:
            mount = load_mount(config.rig.calibration)
            require_unchanged(mount, str(config.rig.calibration))
        except LaceError as error:
            wrong = error
    yield from camera_checks(config, mount, wrong)
    try:
        robot = ROBOTS[ARMS[config.rig.arm].embodiment](config.assets)
        rig = Rig(config.rig, robot.embodiment, mount.joint_zeros if mount else {}, SafetyLimits())
    except LaceError as error:
        yield Finding("devices", False, _short(error))
        return
    try:
        yield from arm_checks(config, rig, robot.embodiment.limits[: robot.embodiment.arm_dof])
        yield from hand_checks(rig, robot.embodiment.limits[robot.embodiment.arm_dof :])
        if config.estop:
            ask(f"press the emergency button within {config.estop_s:.0f} s")
            yield estop_check(rig, config.estop_s)
    finally:
        rig.close()


def versions() -> Iterator[Finding]:
    """Python and the packages that touch devices."""
    python = sys.version_info[:2]
    yield Finding("python", python == (3, 12), ".".join(map(str, python)))
    for package, wanted in PACKAGES.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        yield Finding(package, version.startswith(wanted), f"{version}; tried with {wanted}")


def camera_checks(config: CheckConfig, mount: Mount | None, wrong: LaceError | None) -> Iterator[Finding]:
    """Frames, their age, and the calibration."""
    try:
        camera = open_camera(config.rig.camera)
    except LaceError as error:
        yield Finding("camera", False, _short(error))
        return
    try:
        first = camera.newest()
        fps, age, frozen = watch(camera)
        yield Finding(
            "camera", fps >= config.least_fps and not frozen, f"{fps:.1f} frames/s{', all the same' * frozen}"
        )
        yield Finding("image age", 0 <= age * 1000 <= config.image_age_ms, f"{1000 * age:.0f} ms when they arrive")
        height, width = first.image.shape[:2]
        if wrong is not None:
            yield Finding("calibration", False, _short(wrong))
        elif mount is None:
            known = first.camera is not None
            yield Finding("calibration", known, "the camera knows its place" if known else "none is given")
        else:
            days, same = age_days(mount), (mount.width, mount.height) == (width, height)
            words = f"{days:.0f} days old, {mount.about.get('rms_px', '?')} px, {mount.about.get('rms_mm', '?')} mm"
            size = "" if same else f"; made at {mount.width} x {mount.height}, images are {width} x {height}"
            yield Finding("calibration", same and days <= config.oldest_days, words + size)
    except LaceError as error:
        yield Finding("camera", False, _short(error))
    finally:
        camera.close()


def watch(camera: Camera, seconds: float = 2.0) -> tuple[float, float, bool]:
    """Frames per second, median age on arrival [s], and whether all pictures were the same to the last bit."""
    start = time.monotonic()
    number, ages, pictures = camera.newest().number, [], set()
    while time.monotonic() - start < seconds:
        frame = camera.newest()
        if frame.number != number:
            number = frame.number
            ages.append(time.monotonic() - frame.stamp_s)
            pictures.add(hash(frame.image.tobytes()))
        time.sleep(0.002)
    return len(ages) / seconds, float(np.median(ages)) if ages else float("inf"), len(ages) > 2 and len(pictures) == 1


def arm_checks(config: CheckConfig, rig: Rig, limits: np.ndarray) -> Iterator[Finding]:
    """Firmware, errors, joints within limits, speed of the connection."""
    try:
        firmware = getattr(rig.arm, "versions", {}).get("firmware", "unknown")
        yield Finding("firmware", FIRMWARE in firmware, f"{firmware}; tried with {FIRMWARE}x")
        state = rig.arm.read()
        yield Finding("arm", not state.fault, state.fault or "no error")
        inside = ((state.positions > limits[:, 0]) & (state.positions < limits[:, 1])).all()
        yield Finding("arm limits", bool(inside), f"joints at {np.round(state.positions, 2).tolist()} rad")
        taken = []
        for _ in range(READINGS):
            start = time.monotonic()
            rig.arm.read()
            taken.append(1000 * (time.monotonic() - start))
        slow = float(np.percentile(taken, 95))
        yield Finding("arm latency", slow <= config.round_trip_ms, f"95 of 100 readings within {slow:.1f} ms")
    except LaceError as error:
        yield Finding("arm", False, _short(error))


def hand_checks(rig: Rig, limits: np.ndarray) -> Iterator[Finding]:
    """All motors answer, none is hot or faulty, all joints within limits."""
    try:
        state = rig.hand.read()
    except LaceError as error:
        yield Finding("hand", False, _short(error))
        return
    yield Finding("hand", not state.fault, state.fault or f"{len(state.positions)} motors without errors")
    hot = float(state.temperatures_C.max())
    yield Finding("hand heat", hot < SafetyLimits().hand_hot_C - 10, f"warmest motor {hot:.0f} C")
    slack = 0.1  # a free finger rests against its stop
    inside = ((state.positions > limits[:, 0] - slack) & (state.positions < limits[:, 1] + slack)).all()
    yield Finding(
        "hand limits",
        bool(inside),
        "zeros and limits agree" if inside else "a joint is beyond its limits: check the zeros",
    )


def estop_check(rig: Rig, seconds: float) -> Finding:
    """Whether the press of the button arrives as an error of the controller."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            fault = rig.arm.read().fault
        except LaceError as error:
            return Finding("e-stop", False, _short(error))
        if fault:
            return Finding(
                "e-stop", True, f"seen after {time.monotonic() - start:.1f} s: {fault}; pull it out and clear it"
            )
        time.sleep(0.02)
    return Finding("e-stop", False, f"no press was seen within {seconds:.0f} s")


def _short(error: LaceError) -> str:
    return f"{error.got}; {error.next_step}"
