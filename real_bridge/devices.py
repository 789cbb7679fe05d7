"""The arms and hands that the bridge knows: one line each. Nothing of a maker's is imported before it is used.

The packages of the drivers themselves are empty but for their docstring: the watchdog process imports a stopper from
one of them, and has to be ready at once on a busy computer.
"""

from real_bridge.arm import ARMS, Arm, ArmKind
from real_bridge.hand import HANDS, Hand, HandKind


def _xarm7(address: str, patience_s: float) -> Arm:
    from real_bridge.xarm.driver import XArm7

    return XArm7(address, patience_s)


def _leap(port: str, joint_names, zeros, patience_s: float) -> Hand:
    from real_bridge.leap_hand.driver import LeapHand

    return LeapHand(port, joint_names, zeros, patience_s)


ARMS.add("xarm7", ArmKind(_xarm7, "real_bridge.xarm.stop:XArmStop", 7, "xarm7_leap"))
HANDS.add("leap", HandKind(_leap, "real_bridge.leap_hand.release:release"))
