"""Bytes of others on every wire: damaged frames of a camera, replies as the vendor prints them, and noise."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lace.core.camera import PinholeCamera, intrinsics
from real_bridge.cameras.camera import CameraError, Frame
from real_bridge.cameras.wire import HEADER, pack, receive
from real_bridge.emulator import faults
from real_bridge.emulator.arm.controller import ALL_MOTORS, Controller
from real_bridge.emulator.arm.registers import REGISTERS
from real_bridge.emulator.arm.server import ArmServer
from real_bridge.emulator.arm.wire import INVALID, Packet
from real_bridge.emulator.camera import Sender
from real_bridge.emulator.command_log import CommandLog
from real_bridge.emulator.leap import packets
from real_bridge.xarm import stop
from tests.emulated import READY

FRAME = Frame(
    np.arange(48, dtype=np.uint8).reshape(4, 4, 3), 12.5, 3, PinholeCamera(intrinsics(0.9, 4, 4), np.eye(4), 4, 4)
)
MESSAGE = pack(FRAME)


def received(data: bytes) -> Frame:
    """The first frame in `data`, after which the stream ends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.close()
        return receive(ours)


def test_a_whole_frame_comes_as_it_was_sent():
    frame = received(MESSAGE)
    assert (frame.image == FRAME.image).all()
    assert (frame.stamp_s, frame.number) == (12.5, 3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(MESSAGE) - 1), st.integers(1, 255))
def test_a_frame_with_any_one_byte_wrong_is_never_a_frame(at, change):
    with pytest.raises(CameraError):
        received(MESSAGE[:at] + bytes([MESSAGE[at] ^ change]) + MESSAGE[at + 1 :])


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=2 * HEADER.size))
def test_noise_is_never_a_frame(data):
    with pytest.raises(CameraError):
        received(data)


class Sent:
    """Collects what a `Sender` sends."""

    def __init__(self):
        self.messages: list[tuple[bytes, bool]] = []

    def send(self, message: bytes, cut: bool = False) -> None:
        self.messages.append((message, cut))


def sent_with(*wrong: faults.Fault) -> tuple[list[tuple[bytes, bool]], Frame, Frame]:
    """Messages of two frames, the second with faults; and the two frames."""
    end, frames = Sent(), []
    sender = Sender(end)
    for number, shade in ((1, 10), (2, 200)):
        frames.append(Frame(np.full((4, 4, 3), shade, np.uint8), float(number), number, FRAME.camera))
        sender.send(frames[-1], list(wrong) if number == 2 else [])
    return end.messages, *frames


def test_a_torn_frame_has_its_lower_half_from_the_one_before():
    messages, first, second = sent_with(faults.TornFrames())
    torn = received(messages[1][0])
    assert (torn.image[:2] == second.image[:2]).all()
    assert (torn.image[2:] == first.image[2:]).all()
    assert torn.stamp_s == second.stamp_s


def test_a_frozen_frame_is_the_old_picture_with_a_new_stamp():
    messages, first, second = sent_with(faults.FrozenCamera())
    frozen = received(messages[1][0])
    assert (frozen.image == first.image).all()
    assert (frozen.stamp_s, frozen.number) == (second.stamp_s, second.number)


def test_a_stale_clock_moves_the_stamp():
    assert received(sent_with(faults.StaleClock(-60.0))[0][1][0]).stamp_s == 2.0 - 60.0


def test_a_delayed_frame_is_not_sent_yet_and_a_silent_camera_sends_none():
    assert len(sent_with(faults.DelayedFrames(60.0))[0]) == 1
    assert len(sent_with(faults.SilentCamera())[0]) == 1


def test_a_damaged_frame_fails_its_checksum_and_a_cut_one_ends_the_stream():
    message, cut = sent_with(faults.DamagedFrames())[0][1]
    assert not cut
    with pytest.raises(CameraError, match="wrong checksum"):
        received(message)
    message, cut = sent_with(faults.CutFrames())[0][1]
    assert cut
    with pytest.raises(CameraError, match="stream ended"):
        received(message[: len(message) // 2])


SET_STOP, IS_STOPPED = "0002 0002 0C 04", "0002 0001 0D"
"""Set state 4 and get state, without their number, as in UFACTORY's protocol document."""
NEWS = bytes.fromhex("0001 0002 000F FF 00 01 17 0000 00 0000000000000001 0000")[: 6 + 15]
"""A message about a motion that nobody asked for; it may come before any answer."""


@contextmanager
def controller(script: Callable[[bytes, int], list[bytes]], monkeypatch):
    """A controller that answers the n-th request with the pieces that `script` gives; yields its requests."""
    server, asked = socket.create_server(("127.0.0.1", 0)), []
    monkeypatch.setattr(stop, "PORT", server.getsockname()[1])

    def serve() -> None:
        client, _address = server.accept()
        with client:
            while len(head := client.recv(6, socket.MSG_WAITALL)) == 6:
                request = head + client.recv(struct.unpack(">HHH", head)[2], socket.MSG_WAITALL)
                asked.append(request)
                for piece in script(request, len(asked)):
                    client.sendall(piece)
                    time.sleep(0.002)

    thread = threading.Thread(target=serve)
    thread.start()
    yield asked
    server.close()
    thread.join(5)


def vendor_answer(request: bytes) -> bytes:
    """The printed answers: set state is confirmed, get state says 4."""
    rest = {0x0C: "0002 0002 0C 00", 0x0D: "0002 0003 0D 00 04"}[request[6]]
    return request[:2] + bytes.fromhex(rest)


@pytest.mark.parametrize(
    "pieces",
    [
        lambda request, _n: [vendor_answer(request)],
        lambda request, _n: [bytes([byte]) for byte in vendor_answer(request)],
        lambda request, _n: [NEWS + vendor_answer(request)],
        lambda request, n: [b"\x00\x00" + vendor_answer(request)[2:] if n > 1 else b"", vendor_answer(request)],
    ],
    ids=["whole", "byte by byte", "after news", "after an old answer"],
)
def test_the_stop_sends_the_vendors_bytes_and_reads_its_answers(pieces, monkeypatch):
    with controller(pieces, monkeypatch) as asked:
        stopper = stop.XArmStop("127.0.0.1")
        assert stopper.stop()
        stopper.close()
    assert [request[2:] for request in asked] == [bytes.fromhex(SET_STOP), bytes.fromhex(IS_STOPPED)]


def test_an_arm_that_says_it_moves_is_not_taken_for_stopped(monkeypatch):
    def moving(request: bytes, _n: int) -> list[bytes]:
        return [vendor_answer(request)[:-1] + (b"\x01" if request[6] == 0x0D else b"\x00")]

    with controller(moving, monkeypatch) as asked:
        stopper = stop.XArmStop("127.0.0.1")
        assert not stopper.stop()
        stopper.close()
    assert len(asked) == 2 * stop.TRIES


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=40).filter(lambda noise: b"\xff" not in noise), st.integers(0, 252), st.binary(max_size=12))
def test_a_hands_packet_after_noise_is_read_in_any_pieces(noise, ident, body):
    whole = noise + packets.packet(ident, 3, body)
    reader, cut = packets.Reader(), len(whole) // 2
    assert reader.feed(whole[:cut]) + reader.feed(whole[cut:]) == [(ident, 3, body)]


@pytest.mark.parametrize("number", REGISTERS, ids=lambda number: REGISTERS[number].name)
def test_a_register_with_foreign_bytes_is_answered_and_the_arm_stays_somewhere(number):
    """Payloads of other lengths and values, not finite ones too, in each mode, with the controller running on."""
    rng = np.random.default_rng(number)
    payloads = [rng.bytes(n) for n in (0, 1, 3, 7, 28, 57)] + [struct.pack("<14f", *[np.nan] * 14)]
    controller = Controller(READY.copy())
    server = ArmServer(controller, faults.FaultBoard(), CommandLog())
    for mode, payload in product((0, 1, 4, 5, 6, 7), payloads):
        controller.clear_error()
        controller.enable(ALL_MOTORS, True)
        controller.set_mode(mode)
        controller.set_state(0)
        bits, reply = server._run(Packet(None, 7, 2, number, payload))
        assert isinstance(reply, bytes)
        assert bits in (0, INVALID)
        for _ in range(5):
            controller.tick(np.array(controller.command), np.zeros(7), 0.01)
        assert np.isfinite(controller.command).all(), (mode, payload.hex())
