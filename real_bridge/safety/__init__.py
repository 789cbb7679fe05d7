"""What stands between the runner and the drivers. It is no certified safety function: the hardware emergency stop is.

Wire the emergency stop where a person reaches it without reaching past the arm, and test it before each session. What
is here keeps mistakes of software and calibration from becoming motion; it cannot vouch for the computer it runs on.
"""

from real_bridge.safety.guard import Guard
from real_bridge.safety.limits import SafetyLimits
from real_bridge.safety.stop import StopLatch

__all__ = ["Guard", "SafetyLimits", "StopLatch"]
