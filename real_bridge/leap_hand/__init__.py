"""LEAP Hand: sixteen Dynamixel XC330 motors on one serial bus."""

from collections.abc import Mapping, Sequence

from real_bridge.hand import HANDS, HandKind


def _connect(port: str, joint_names: Sequence[str], zeros: Mapping[str, float], patience_s: float):
    from real_bridge.leap_hand.driver import LeapHand

    return LeapHand(port, joint_names, zeros, patience_s)


HANDS.add("leap", HandKind(_connect, "real_bridge.leap_hand.release:release"))
