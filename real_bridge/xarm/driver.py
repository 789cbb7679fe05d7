"""The xArm7 in SI units, through the maker's SDK in its servo mode (mode 1: one joint target each period).

Problems of the SDK that were found by testing, and how they are handled here:
its degrees by default (every call is in radians, checked at the border); getters that return old values beside an error
code (a reading is raised or whole); switches that return 0 under a latched error (mode, state and error are read back);
`set_collision_sensitivity`, which re-arms a stopped arm (called in `enable` alone, before the mode switch, and never
once stopped); a unix socket under a fixed name that takes over every address (forbidden); a process-wide socket time
limit and prints (not let through, kept quiet); a two-second wait for each answer (shortened).
"""

import contextlib
import io
import logging
import socket
import threading
import time
import warnings
from types import SimpleNamespace

import numpy as np

from lace.core.geometry import Array, axis_angle, transform
from real_bridge.arm import ArmSetup, ArmState, require_joints
from real_bridge.faults import DeviceFault
from real_bridge.xarm.codes import API_CODES, ERRORS
from real_bridge.xarm.stop import XArmStop

JOINTS = 7
SERVO_MODE = 1
READY_STATES = (0, 1, 2)
"""In motion, or ready for it; 3 is suspended, 4 stopped, 5 stopped by a change of mode."""
STEP_S = 0.1
"""Longest wait of a stop for a step that is being sent [s]."""
SETTLE_S = 1.0
"""How long the controller gets to report the mode and state that it was put into [s]."""
REPORT_S = 0.3
"""Reports come at 100 Hz on the port that is used; this much silence [s] means that they have stopped."""


class XArm7:
    """Implements Arm."""

    def __init__(self, address: str, patience_s: float = 0.1):
        """Connects and stays passive: nothing is enabled, cleared or moved.

        Args:
            address: Of the controller.
            patience_s: Longest wait for an answer [s]; the SDK's own limit is two seconds.

        Raises:
            DeviceFault: Nobody answers at `address`, or it is no arm of seven joints.
        """
        self._gate, self._stopping, self._stopped, self._closed = threading.Lock(), threading.Lock(), False, False
        self._commanded = False
        try:
            self._stopper = XArmStop(address)
        except OSError as error:
            raise _unreachable(address, str(error)) from error
        self._api = _open(address, self._stopper, patience_s)
        self._reported_s = 0.0
        self._api.register_report_callback(self._on_report, report_joints=False)
        if self._api.axis != JOINTS:
            self.close()
            raise _unreachable(address, f"an arm of {self._api.axis} joints answered")
        end = time.monotonic() + SETTLE_S
        while not self._reported_s and time.monotonic() < end:
            time.sleep(0.01)

    @property
    def versions(self) -> dict[str, str]:
        """Firmware and serial numbers."""
        api = self._api
        return {"firmware": str(api.version), "arm": str(api.sn), "control_box": str(api.control_box_sn)}

    def read(self) -> ArmState:
        """See Arm."""
        start_s = time.monotonic()
        positions, velocities = self._ask("reading the joints", self._api.get_joint_states, is_radian=True, num=2)[:2]
        pose = self._ask("reading the pose", self._api.get_position, is_radian=True)
        span_s = time.monotonic() - start_s
        state = self._ask("reading the state", self._api.get_state)
        error, _warning = self._ask("reading the error", self._api.get_err_warn_code)
        q, dq, pose = (np.asarray(v, float) for v in (positions[:JOINTS], velocities[:JOINTS], pose))
        if not (np.isfinite(q).all() and np.isfinite(pose).all()):
            raise DeviceFault(
                "reading the arm", "numbers that are not finite", "joint angles and a pose", "look at the arm"
            )
        mode, reports = self._api.mode, time.monotonic() - self._reported_s <= REPORT_S
        ready = not error and state in READY_STATES and mode == SERVO_MODE and reports
        return ArmState(q, dq, _pose(pose), start_s, span_s, _fault(error, state, mode, reports), ready)

    def enable(self, setup: ArmSetup) -> None:
        """See Arm."""
        self._require_running("enabling the arm")
        if setup.collision_sensitivity not in range(1, 6):
            raise DeviceFault(
                "enabling the arm",
                f"collision sensitivity {setup.collision_sensitivity}",
                "1 to 5: 0 switches it off",
                "set it in the rig's options",
            )
        error, _warning = self._ask("reading the error", self._api.get_err_warn_code)
        if error:
            raise DeviceFault(
                "enabling the arm",
                _error(error),
                "an arm without errors",
                "look at the arm; when the cause is gone, a person clears it with `lace bridge clear`",
            )
        self._commanded = True
        api, centre = self._api, [1000 * x for x in setup.load_centre_m]
        for call, arguments in (
            ("motion_enable", (True,)),
            ("set_collision_sensitivity", (setup.collision_sensitivity,)),
            ("set_collision_rebound", (False,)),
            ("set_self_collision_detection", (True,)),
            ("set_tcp_load", (setup.load_kg, centre)),
            ("set_reduced_tcp_boundary", (_boundary(setup),)),
            ("set_fence_mode", (True,)),
            ("set_mode", (SERVO_MODE,)),
            ("set_state", (0,)),
        ):
            self._set_up(call, getattr(api, call), arguments)
        self._require_ready()

    def servo(self, positions: Array) -> None:
        """See Arm."""
        q = require_joints(positions, JOINTS)
        with self._gate:
            self._require_running("moving the arm")
            code = self._api.set_servo_angle_j(q.tolist(), is_radian=True)
        if code:
            raise DeviceFault(
                "moving the arm",
                f"the controller answered {_code(code)}{self._why()}",
                "a step that is carried out",
                "look at the arm; nothing is tried again",
            )

    def stop(self) -> bool:
        """See Arm."""
        self._stopped = True  # before the lock: no further step starts, whoever holds it
        if self._gate.acquire(timeout=STEP_S):  # a step under way has left; then the stop is the last word
            self._gate.release()
        return self._stand()

    def clear(self) -> None:
        """Clears latched errors and warnings. Called only by `lace bridge clear`, after a person has confirmed."""
        self._api.clean_error(), self._api.clean_warn()  # their codes also tell of the other one, so read back
        error, warning = self._ask("reading the error", self._api.get_err_warn_code)
        if error or warning:
            got = _error(error) if error else f"warning W{warning}"
            raise DeviceFault("clearing the arm", got, "no error", "release the emergency stop; look at the arm")

    def close(self) -> None:
        """See Arm."""
        if not self._closed:
            self._closed = True
            if self._commanded:  # who only looked does not stop an arm that another program moves
                self.stop()
            self._stopper.close()
            self._api.disconnect()

    def _stand(self) -> bool:
        with self._stopping:
            return self._stopper.stop()

    def _set_up(self, call: str, setter, arguments: tuple) -> None:
        """One step of `enable`. Some steps make the arm ready, so a stop that arrived meanwhile is sent again."""
        with self._gate:
            self._require_running("enabling the arm")
            code = setter(*arguments)
        if self._stopped:
            self._stand()
            self._require_running("enabling the arm")
        self._done(call, code)

    def _on_report(self, _values: dict) -> None:
        self._reported_s = time.monotonic()

    def _require_running(self, doing: str) -> None:
        if self._stopped:
            raise DeviceFault(
                doing, "it was stopped", "an arm that was not stopped", "connect again after looking at it"
            )

    def _require_ready(self) -> None:
        """Waits until the controller reports what it was put into."""
        since = time.monotonic()
        while time.monotonic() - since < SETTLE_S:
            state = self.read()
            if state.ready and self._reported_s > since:
                return
            time.sleep(0.02)
        raise DeviceFault(
            "enabling the arm",
            state.fault or "the controller does not report that it is ready",
            "no error, servo mode, a ready state",
            "look at the arm and at its e-stop",
        )

    def _ask(self, doing: str, getter, **options):
        """What `getter` returns beside code 0; the SDK returns old values beside any other code."""
        answer = getter(**options)
        code, value = answer[0], answer[1]
        if code:
            raise DeviceFault(
                doing, f"the controller answered {_code(code)}", "a fresh value", "look at the cable and the arm"
            )
        return value

    def _done(self, call: str, code) -> None:
        """Some setters return a code, some a list with it."""
        code = code[0] if isinstance(code, (list, tuple)) else code
        if code:
            raise DeviceFault("setting the arm up", f"{call} answered {_code(code)}", "0", "look at the arm")

    def _why(self) -> str:
        code, codes = self._api.get_err_warn_code()
        return f", {_error(codes[0])}" if not code and codes[0] else ""


def _keep_default_timeout() -> None:
    """The SDK sets the default timeout of all sockets of the process, also from its threads; its own have one each."""
    from xarm.core.comm import socket_port

    own = SimpleNamespace(**vars(socket) | {"setdefaulttimeout": lambda _seconds: None})
    vars(socket_port)["socket"] = own


def _open(address: str, stopper: XArmStop, patience_s: float):
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its sources hold invalid escapes
            from xarm.core.utils.log import logger
            from xarm.wrapper import XArmAPI

            _keep_default_timeout()
            logger.setLevel(logging.CRITICAL)  # its warnings compare with reports that are late; what matters is raised
            api = XArmAPI(
                address,
                is_radian=True,
                do_not_open=False,
                forbid_uds=True,
                report_type="real",
                check_joint_limit=False,
            )
    except Exception as error:  # noqa: BLE001  (the SDK raises bare Exceptions)
        stopper.close()
        raise _unreachable(address, str(error)) from error
    api.set_timeout(patience_s)
    return api


def _unreachable(address: str, got: str) -> DeviceFault:
    return DeviceFault(
        "connecting to the xArm",
        f"{got} at {address}",
        "the controller of an xArm7 on port 502",
        "check the address, the cable and that the control box is on",
    )


def _pose(pose: Array) -> Array:
    """T (4, 4) from the controller's x, y, z [mm], roll, pitch, yaw [rad] (fixed axes: yaw last)."""
    roll, pitch, yaw = pose[3:]
    R = axis_angle([0, 0, 1], yaw) @ axis_angle([0, 1, 0], pitch) @ axis_angle([1, 0, 0], roll)
    return transform(R, pose[:3] / 1000)


def _boundary(setup: ArmSetup) -> list[int]:
    """The controller's order and unit: x max, x min, y max, y min, z max, z min [mm]."""
    pairs = zip(setup.fence_high_m, setup.fence_low_m, strict=True)
    return [round(1000 * value) for pair in pairs for value in pair]


def _fault(error: int, state: int, mode: int, reports: bool) -> str:
    if error:
        return _error(error)
    if not reports:
        return "the controller's reports have stopped"
    if state == 3:
        return "the arm was suspended from elsewhere"
    if mode not in (0, SERVO_MODE):
        return f"the arm was put into mode {mode} from elsewhere"
    return ""


def _error(code: int) -> str:
    return f"controller error C{code} ({ERRORS.get(code, 'see the maker`s manual')})"


def _code(code: int) -> str:
    return f"code {code} ({API_CODES.get(code, 'see the SDK`s code table')})"
