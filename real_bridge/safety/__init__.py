"""Safety checks between the runner and the drivers. Not a certified safety function: the hardware emergency stop is.

Mount the emergency stop where a person reaches it without reaching past the arm, and test it before each session. These
checks catch mistakes of software and calibration before they become motion; they do not cover faults of the computer.
"""

from real_bridge.safety.guard import Guard
from real_bridge.safety.limits import SafetyLimits
from real_bridge.safety.stop import StopLatch

__all__ = ["Guard", "SafetyLimits", "StopLatch"]
