"""Limits of the safety layer, with their sources."""

from dataclasses import dataclass
from typing import Annotated

from lace.core.limits import Within
from policies.cell import FRESH_S, IMAGE_FRESH_S
from policies.primitives.checker import Workspace


@dataclass(frozen=True)
class SafetyLimits:
    """Small excess is limited, large excess is refused; a refusal ends the trial and latches."""

    rate_hz: Annotated[float, Within(1, 250)] = 100.0
    """Steps per second; the xArm accepts at most 250 and drops more."""
    joint_slack_rad: Annotated[float, Within(0, 0.5)] = 0.01
    """A step beyond a joint limit by at most this much is clipped; a larger excess is refused."""
    velocity: Annotated[float, Within(0, 3.2, open_low=True)] = 1.8
    """Largest joint speed [rad/s]: the primitive's 1.5 and a fifth; the xArm7 itself allows pi."""
    velocity_excess: Annotated[float, Within(1, 10)] = 1.2
    """A step faster than the limit by at most this factor is shortened; a faster one is refused."""
    acceleration: Annotated[float, Within(0, 20, open_low=True)] = 20.0
    """Largest joint acceleration [rad/s^2]: what the xArm7 allows (SDK, joint acceleration limit)."""
    most_shift_rad: Annotated[float, Within(0, 0.5)] = 0.05
    """Largest difference between a limited step and the requested one; a larger one is refused."""
    follow_rad: Annotated[float, Within(0, 1, open_low=True)] = 0.15
    """Largest difference between command and measurement [rad]: 1.5 rad/s with a lag of 0.1 s."""
    workspace: Workspace = Workspace()
    """For the palm, in the robot's base frame."""
    workspace_slack_m: Annotated[float, Within(0, 0.1)] = 0.002
    table_m: Annotated[float, Within(-0.1, 1)] = -0.003
    """Least distance of the robot's collision shapes from the table [m]: fingertips are of rubber and touch it."""
    self_m: Annotated[float, Within(-0.1, 1)] = -0.002
    """Least distance between shapes of the arm, and between arm and hand [m]: as the planner's check has it. Finger
    meets finger under the current cap and is not stopped for."""
    singular_slow: Annotated[float, Within(1)] = 30.0
    singular_stop: Annotated[float, Within(1)] = 500.0
    """Condition number of the palm's Jacobian (metres, radians) at which motion slows down, and where it stops. Over 40
    grasp plans: median 12, 99 % below 30, two of them pass 200 with the arm stretched out. Our paths are joint paths of
    limited speed: a singularity makes them slow, not fast. MoveIt Servo, which follows Cartesian ones, ships 17, 30."""
    singular_share: Annotated[float, Within(0, 1, open_low=True)] = 0.2
    """Least share of the speed that the slow-down leaves."""
    agree_m: Annotated[float, Within(0, 0.1, open_low=True)] = 0.005
    agree_rad: Annotated[float, Within(0, 0.5, open_low=True)] = 0.026
    """Largest difference between the controller's pose and our forward kinematics: 5 mm and 1.5 degrees. A tool offset,
    a wrong unit or another arm gives more; the calibrated kinematics of an intact arm less."""
    image_age_s: Annotated[float, Within(0, 10, open_low=True)] = IMAGE_FRESH_S
    arm_age_s: Annotated[float, Within(0, 10, open_low=True)] = FRESH_S
    hand_age_s: Annotated[float, Within(0, 10, open_low=True)] = FRESH_S
    """Oldest readings that may be acted on [s]."""
    frozen_rad: Annotated[float, Within(0, 1, open_low=True)] = 0.10
    """If the arm moves by this much while the pictures stay identical, the camera does not show the arm."""
    watchdog_s: Annotated[float, Within(0, 5, open_low=True)] = 0.3
    """Longest time between two steps during motion before the watchdog process stops the arm [s]."""
    hand_current_A: Annotated[float, Within(0, 2, open_low=True)] = 0.35
    """Cap of each hand motor: the LEAP Hand's makers give 0.30 to 0.35."""
    hand_current_excess: Annotated[float, Within(1, 10)] = 1.5
    """A measured current above the cap by this factor stops the hand: the cap does not work."""
    hand_hot_C: Annotated[float, Within(0, 100, open_low=True)] = 65.0
    """A motor this warm ends the trial; by itself it switches off at 70 (XC330 manual)."""
    hand_velocity: Annotated[float, Within(0, 100, open_low=True)] = 8.0
    """Largest speed of a hand joint's goal [rad/s]; the motors reach 10."""

    @property
    def period_s(self) -> float:
        """Time of one step [s]."""
        return 1.0 / self.rate_hz
