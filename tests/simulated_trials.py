"""Stand-ins for the simulated cell: trials whose outcome is a function of their number, computed at once."""

import os
import signal
import time

import cv2
import numpy as np

from lace.core.draws import Draws
from policies.outcome import Outcome, Phase, Result
from policies.policy import TwoPoints
from policies.trials.records import TrialRecord, plain
from sim_envs.simulate.config import SimulateConfig
from sim_envs.simulate.run import run

FAILURES = (Result.SLIP, Result.LOCALISATION, Result.SAFETY_STOP, Result.PLAN_REFUSED, Result.COLLISION)
COMMIT = "0123456789abcdef"


def chance_of(policy: str) -> float:
    """True success rate of a policy: 0.95 less a fortieth for each pixel of noise; frozen never."""
    name, _, argument = policy.partition(":")
    return {"oracle": 0.95, "frozen": 0.0}.get(name, max(0.95 - float(argument or 0) / 40, 0))


def record(seed: int, number: int, policies: tuple[str, ...], size: int = 224) -> TrialRecord:
    """A trial in a made-up scene; clutter makes failures more likely."""
    draws = Draws(seed, [number])
    clutter = int(draws.choice("clutter", 5)[0])
    hand, target = draws.uniform("hand", 0.3, 0.5, 2)[0] * size, draws.uniform("target", 0.5, 0.8, 2)[0] * size
    scene = {
        "room": ("lab", "office")[number % 2],
        "table_z_m": float(draws.uniform("table", -0.1, 0)[0]),
        "target": {
            "object": "dinosaur",
            "xy_m": draws.uniform("xy", 0.3, 0.6, 2)[0].tolist(),
            "height_m": 0.1,
            "yaw_deg": float(draws.uniform("yaw", -180, 180)[0]),
        },
        "distractors": ["mug"] * clutter,
        "truth": {"end_effector": hand.tolist(), "target": target.tolist()},
        "boxes": {
            "target@segmentation": [*(target - 12), *(target + 12)],
            "embodiment@keypoints": [*(hand - 20), *(hand + 20)],
        },
        "draws": {
            name: float(draws.uniform(name, 0, 1)[0])
            for name in (
                "light.elevation_deg",
                "light.azimuth_deg",
                "light.intensity",
                "light.ambient",
                "camera.distance_m",
                "camera.azimuth_deg",
                "camera.elevation_deg",
                "sensor.exposure_stops",
            )
        },
    }
    luck, kind = draws.unit("luck")[0, 0], int(draws.choice("kind", len(FAILURES))[0])
    outcomes = {}
    for policy in policies:
        sigma = float(policy.partition(":")[2] or 0)
        offset = Draws(seed, [number]).normal("noise", sigma, 4)[0]
        won = luck < chance_of(policy) - 0.08 * clutter
        points = TwoPoints(hand + offset[:2], target + offset[2:])
        outcomes[policy] = plain(
            Outcome(
                Result.SUCCESS if won else FAILURES[kind],
                Phase.DONE if won else Phase.PLAN,
                "" if won else "a made-up reason",
                points,
                float(np.hypot(*offset[:2])),
                float(np.hypot(*offset[2:])),
                2.0 * float(np.hypot(*offset[:2])),
                2.0 * float(np.hypot(*offset[2:])),
                150.0 if won else 0.0,
            )
        )
    return TrialRecord(number, scene, outcomes, COMMIT)


def picture(number: int, size: int = 224) -> bytes:
    """A JPEG of one colour, different for each trial."""
    image = np.full((size, size, 3), (60 + 11 * number % 160, 120, 150), np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


class MadeUp:
    """Implements TrialMaker."""

    def __init__(self, config: SimulateConfig):
        self.config = config

    def run(self, numbers):
        return [(record(self.config.seed, n, self.config.policies), picture(n)) for n in numbers]

    def close(self) -> None:
        pass


class Killed(MadeUp):
    """Kills the whole run on the second block, as `kill -9` does: this process, or its parent if it is a worker."""

    blocks = 0

    def run(self, numbers):
        self.blocks += 1
        if self.blocks == 1:
            return super().run(numbers)
        (self.config.out.parent / "killer").write_text(str(os.getpid()))
        os.kill(os.getpid() if self.config.workers == 1 else os.getppid(), signal.SIGKILL)
        time.sleep(60)  # a worker must not wait for this: it exits when it detects that its parent has ended
        raise AssertionError("still here")


def run_and_die(config: SimulateConfig) -> None:
    """A run with `Killed`, to be started as a process."""
    run(config, Killed, lambda _trials: None)


def is_running(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
