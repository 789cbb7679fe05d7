"""Shared by tests of the emulated devices: a loopback address, and clients as the vendors distribute them."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from real_bridge.emulator.process import EmulatorProcess

READY = np.array([0.0, -0.35, 0.0, 0.9, 0.0, 1.25, 0.0])
"""Arm joints of the plain scene [rad]."""


def own_host(number: int = 1) -> str:
    """An address of the loopback network that no other test process uses."""
    pid = os.getpid()
    return f"127.{80 + pid % 100}.{pid // 100 % 256}.{number}"


def may_listen() -> bool:
    """Whether this process may open the vendor's fixed port 502."""
    try:
        with socket.socket() as probe:
            probe.bind((own_host(250), 502))
        return True
    except OSError:
        return False


needs_ports = pytest.mark.skipif(not may_listen(), reason="port 502 needs root, or `unshare -rn`")


@contextmanager
def running(folder: Path, number: int = 1, *arguments: str) -> Iterator[EmulatorProcess]:
    """An emulator with its own options."""
    with EmulatorProcess(own_host(number), folder, arguments) as process:
        yield process


@contextmanager
def vendor_arm(host: str, ready: bool = True) -> Iterator:
    """UFACTORY's own client; `ready` in position mode."""
    from xarm.wrapper import XArmAPI

    arm = XArmAPI(host, is_radian=True, forbid_uds=True)
    if ready:
        assert [arm.motion_enable(True), arm.set_mode(0), arm.set_state(0)] == [0, 0, 0]
    try:
        yield arm
    finally:
        arm.disconnect()


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Whether `condition` becomes true before the timeout."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
