"""The emulated LEAP Hand: protocol 2.0 as in ROBOTIS's manual, the control table's rules, the vendor's client."""

from contextlib import contextmanager

import numpy as np
import pytest

from real_bridge.emulator.command_log import CommandLog
from real_bridge.emulator.faults import FaultBoard
from real_bridge.emulator.leap import control_table as table
from real_bridge.emulator.leap import packets
from real_bridge.emulator.leap.bus import Bus
from real_bridge.emulator.leap.motor import Motor
from tests.emulated import eventually, needs_ports

PRINTED = {
    "ping 1": (packets.packet(1, 1), "FF FF FD 00 01 03 00 01 19 4E"),
    "read 132 of 1": (packets.packet(1, 2, bytes.fromhex("84000400")), "FF FF FD 00 01 07 00 02 84 00 04 00 1D 15"),
    "write 116 = 512 to 1": (
        packets.packet(1, 3, bytes.fromhex("740000020000")), "FF FF FD 00 01 09 00 03 74 00 00 02 00 00 CA 89",
    ),
    "reboot 1": (packets.packet(1, 8), "FF FF FD 00 01 03 00 08 2F 4E"),
}  # fmt: skip
"""Packets of the e-manual's examples."""


@pytest.mark.parametrize("name", PRINTED)
def test_packets_are_the_manuals(name):
    made, printed = PRINTED[name]
    assert made == bytes.fromhex(printed)


def test_stuffed_packets_round_trip():
    body = b"\xff\xff\xfd\x00" + b"\xff\xff\xfd"
    whole = packets.packet(3, 3, body)
    assert whole.count(b"\xff\xff\xfd\xfd") == 2
    reader = packets.Reader()
    found = [one for byte in b"\x00\xff" + whole for one in reader.feed(bytes([byte]))]
    assert found == [(3, 3, body)]


def test_a_broken_checksum_is_noticed():
    whole = bytearray(packets.packet(3, 1))
    whole[-1] ^= 1
    assert packets.Reader().feed(bytes(whole)) == [(3, None, b"")]


def make_bus() -> Bus:
    return Bus([Motor(i) for i in range(16)], FaultBoard(), CommandLog())


def asked(bus: Bus, ident: int, instruction: int, body: bytes = b"") -> list[tuple[int, int | None, bytes]]:
    return packets.Reader().feed(bus.receive(packets.packet(ident, instruction, body)))


def write(address: int, value: int) -> bytes:
    return address.to_bytes(2, "little") + value.to_bytes(table.FIELDS[address].size, "little", signed=value < 0)


@pytest.mark.parametrize(
    ("torque", "address", "value", "error"),
    [
        (0, table.OPERATING_MODE, 5, 0),
        (1, table.OPERATING_MODE, 5, 7),
        (1, table.GOAL_CURRENT, table.MAX_CURRENT + 1, 6),
        (1, table.GOAL_POSITION, 5000, 6),
        (1, table.GOAL_POSITION, 4000, 0),
        (0, 132, 1, 7),
    ],
)
def test_writes_follow_the_control_table(torque, address, value, error):
    bus = make_bus()
    asked(bus, 2, 3, write(table.TORQUE_ENABLE, torque))
    ((_ident, status, body),) = asked(bus, 2, 3, write(address, value))
    assert (status, body[0] & 0x7F) == (packets.STATUS, error)


def test_synchronous_writes_fail_silently():
    bus = make_bus()
    asked(bus, 2, 3, write(table.TORQUE_ENABLE, 1))
    assert asked(bus, packets.BROADCAST, 0x83, bytes.fromhex("0b000100") + bytes([2, 5])) == []
    assert bus.refused == [(2, table.OPERATING_MODE, 7)]
    assert bus.motors[2].get(table.OPERATING_MODE) == 3


def test_an_overheated_motor_switches_off_and_reports_it():
    bus = make_bus()
    asked(bus, 4, 3, write(table.TORQUE_ENABLE, 1))
    motor = bus.motors[4]
    motor.temperature_c = 80
    motor.sense(0.0, 0.0, 0.0, 0.004)
    assert motor.drive().max_torque == 0
    ((_ident, _status, body),) = asked(bus, 4, 2, bytes([70, 0, 1, 0]))
    assert body[0] & 0x80
    assert body[1] == table.OVERHEATED
    asked(bus, 4, 3, write(table.TORQUE_ENABLE, 1))
    assert motor.get(table.TORQUE_ENABLE) == 0, "only a reboot brings it back"


@contextmanager
def vendor_hand(path):
    """ROBOTIS' own client."""
    import dynamixel_sdk as sdk

    port, handler = sdk.PortHandler(str(path)), sdk.PacketHandler(2.0)
    assert port.openPort() and port.setBaudRate(4_000_000)
    try:
        yield sdk, port, handler
    finally:
        port.closePort()


@needs_ports
def test_the_vendors_client_moves_the_simulated_fingers(emulator):
    with vendor_hand(emulator.hand) as (sdk, port, handler):
        for ident in range(16):
            assert eventually(lambda i=ident: handler.ping(port, i)[:2] == (table.MODEL_NUMBER, 0))
            assert eventually(lambda i=ident: handler.write1ByteTxRx(port, i, table.OPERATING_MODE, 5) == (0, 0))
            assert eventually(lambda i=ident: handler.write1ByteTxRx(port, i, table.TORQUE_ENABLE, 1) == (0, 0))
        start = np.array(emulator.admin.truth()["hand_goals"])
        goals = 2048 + np.arange(16) * 10
        write = sdk.GroupSyncWrite(port, handler, table.GOAL_POSITION, 4)
        for ident, goal in enumerate(goals):
            write.addParam(ident, list(int(goal).to_bytes(4, "little", signed=True)))
        assert write.txPacket() == 0
        read = sdk.GroupSyncRead(port, handler, table.PRESENT_POSITION, 4)
        for ident in range(16):
            read.addParam(ident)

        def arrived() -> bool:
            if read.fastSyncRead() != 0:  # the vendor's 34 ms limit, on a busy machine
                return False
            there = np.array([read.getData(i, table.PRESENT_POSITION, 4) for i in range(16)])
            return np.abs(there - goals).max() <= 20

        assert eventually(arrived)
        assert np.abs(start - np.array(emulator.admin.truth()["hand_goals"])).max() > 0.1


@needs_ports
def test_motors_move_the_joint_of_their_name(emulator):
    """Motor 1 flexes the index finger's base, motor 0 swings it sideways: the manufacturer's order, not the model's."""
    with vendor_hand(emulator.hand) as (_sdk, port, handler):
        names = emulator_joints()
        for ident, joint in ((1, "leap_if_mcp"), (0, "leap_if_rot"), (12, "leap_th_cmc")):
            before = np.array(emulator.admin.truth()["joint_positions"])
            assert eventually(lambda i=ident: handler.write1ByteTxRx(port, i, table.TORQUE_ENABLE, 1) == (0, 0))
            goal = handler.read4ByteTxRx(port, ident, table.PRESENT_POSITION)[0] + 200
            assert eventually(lambda i=ident, g=goal: handler.write4ByteTxRx(port, i, table.GOAL_POSITION, g) == (0, 0))
            moved = names.index(joint)
            assert eventually(lambda k=moved, b=before: emulator.admin.truth()["joint_positions"][k] - b[k] > 0.2)


def emulator_joints() -> list[str]:
    from assets.robots import ROBOTS

    return list(ROBOTS["xarm7_leap"](None).embodiment.joint_names)
