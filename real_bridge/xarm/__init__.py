"""UFACTORY xArm7 through the maker's SDK."""

from real_bridge.arm import ARMS, ArmKind


def _connect(address: str, patience_s: float):
    from real_bridge.xarm.driver import XArm7

    return XArm7(address, patience_s)


ARMS.add("xarm7", ArmKind(_connect, "real_bridge.xarm.stop:XArmStop", 7, "xarm7_leap"))
