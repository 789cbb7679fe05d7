"""Latency and rates of the bridge on the emulator, beside a loop of the maker's SDK alone, in the same run.

    uv run python -m benchmarks.bridge --seconds 4 --stops 5

Both ends share one machine: the numbers are of the software, not of an arm. The machine's load is printed with them.
The table is Markdown: median, 99th percentile and maximum. Port 502 needs root, or `unshare -rn`.
"""

import argparse
import io
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.geometry import minimum_jerk
from policies.outcome import SafetyStop
from policies.path import CheckedPath, JointPath, sealed
from real_bridge.cell_log import read_log
from tests.bridged import PATIENT, Bench, bench

HOST, SWING_RAD, STILL_RAD_S = "127.45.0.1", 0.5, 0.02
CALLS = 300
RATES_HZ = (100.0, 250.0)
LEAST_S = 2.0
"""Shortest motion of SWING_RAD there and back that the safety layer allows at its joint speed limit."""
STOP_AFTER_S = 0.8
"""When the stop is asked for, within a motion of 2 s [s]."""


def milliseconds(seconds: Any) -> str:
    """Median, 99th percentile and maximum [ms]."""
    ms = 1000 * np.asarray(seconds)
    return f"{np.median(ms):.2f} / {np.percentile(ms, 99):.2f} / {ms.max():.2f}"


def timed(call: Callable[[], Any], times: int = CALLS) -> str:
    """`milliseconds` of `call`."""
    taken = []
    for _ in range(times):
        start = time.monotonic()
        call()
        taken.append(time.monotonic() - start)
    return milliseconds(taken)


def swing(start: np.ndarray, seconds: float) -> CheckedPath:
    """The first joint there and back."""
    times = np.linspace(0, seconds, max(int(seconds * 50), 3))
    there = np.minimum(2 * times / seconds, 2 - 2 * times / seconds)
    q = np.tile(start, (len(times), 1))
    q[:, 0] += SWING_RAD * np.array([minimum_jerk(share) for share in there])
    return sealed(JointPath(times, q), 0.0)


def held(stamps: list[float], hertz: float) -> str:
    """Rate of commands as they arrived, and how far their periods are from what was asked."""
    periods = np.diff(stamps)
    return f"{1 / periods.mean():.1f} Hz; jitter [ms] {milliseconds(np.abs(periods - 1 / hertz))}"


def arrivals(site: Bench, since: float) -> list[float]:
    """When motion commands arrived [s]."""
    return [row["stamp_s"] for row in site.emulator.admin.commands(since) if row["name"].startswith("MOVE")]


def standstill(site: Bench, since: float) -> float:
    """Time from `since` until the arm stands [s]."""
    while np.abs(site.emulator.admin.truth()["joint_velocities"][:7]).max() > STILL_RAD_S:
        time.sleep(0.001)
    return time.monotonic() - since


def stop_rows(last: Iterable[float], still: Iterable[float]) -> dict[str, str]:
    """From the call of stop to the last command that arrives, and to standstill."""
    return {
        "stop called to last command [ms]": milliseconds(list(last)),
        "stop called to standstill [ms]": milliseconds(list(still)),
    }


@contextmanager
def bare(site: Bench) -> Iterator[Any]:
    """The SDK alone, in servo mode."""
    from xarm.wrapper import XArmAPI

    site.reset()
    with redirect_stdout(io.StringIO()):
        api = XArmAPI(site.emulator.arm, is_radian=True, forbid_uds=True)
        for code in (api.motion_enable(True), api.set_mode(1), api.set_state(0)):
            assert code == 0
        time.sleep(0.3)
        try:
            yield api
        finally:
            api.disconnect()


def bare_loop(api: Any, path: CheckedPath, hertz: float, go_on: Callable[[], bool] = lambda: True) -> None:
    """Sends the path's positions at a fixed rate."""
    due = time.monotonic()
    for at in np.arange(0, path.duration_s, 1 / hertz):
        if not go_on():
            return
        api.set_servo_angle_j(path.at(np.array([at]))[0].tolist(), is_radian=True)
        due += 1 / hertz
        time.sleep(max(0.0, due - time.monotonic()))


def measure_bare(site: Bench, seconds: float, stops: int) -> dict[str, str]:
    """Everything for the SDK alone."""
    found = {}
    with bare(site) as api:
        q = np.array(api.get_servo_angle(is_radian=True)[1])
        found["read of the joints [ms]"] = timed(lambda: api.get_joint_states(is_radian=True, num=2))
        found["servo command [ms]"] = timed(lambda: api.set_servo_angle_j(q.tolist(), is_radian=True))
        for hertz in RATES_HZ:
            since = time.monotonic()
            bare_loop(api, swing(q, seconds), hertz)
            found[f"servo rate, {hertz:.0f} Hz asked"] = held(arrivals(site, since), hertz)
    last, still = [], []
    for _ in range(stops):
        with bare(site) as api:
            since, running, asked = time.monotonic(), threading.Event(), []

            def stop(api=api, running=running, asked=asked) -> None:
                asked.append(time.monotonic())
                running.set()
                api.set_state(4)

            timer = threading.Timer(STOP_AFTER_S, stop)
            timer.start()
            bare_loop(api, swing(q, 2.0), 100.0, lambda running=running: not running.is_set())
            timer.join()
            still.append(standstill(site, asked[0]))
            last.append(max(arrivals(site, since)[-1] - asked[0], 0.0))
    return found | stop_rows(last, still)


def measure_bridge(site: Bench, seconds: float, stops: int) -> dict[str, str]:
    """Everything for the bridge: driver, safety layer, hand, recording."""
    found, ages = {}, np.zeros(0)
    site.reset()
    with site.rig() as rig:
        rig.enable()
        q = rig.arm.read().positions
        found["read of the joints [ms]"] = timed(rig.arm.read)
        found["servo command [ms]"] = timed(lambda: rig.arm.servo(q))
    for hertz in RATES_HZ:
        site.reset()
        with site.cell(replace(PATIENT, rate_hz=hertz)) as cell:
            start, since = cell.observe().joint_positions[:7], time.monotonic()
            used = time.process_time()
            cell.follow(swing(start, seconds))
            used = time.process_time() - used
            stamps = arrivals(site, since)
            found[f"processor time of a step, {hertz:.0f} Hz asked [ms]"] = f"{1000 * used / len(stamps):.2f} (mean)"
            found[f"servo rate, {hertz:.0f} Hz asked"] = held(stamps, hertz)
            ages = ages if hertz > 100 else image_ages(cell.record, stamps)
    last, still = zip(*[stop_once(site) for _ in range(stops)], strict=True)
    found |= stop_rows(last, still)
    return found | {"image to command, camera at 20 frames/s [ms]": milliseconds(ages)}


def image_ages(record: Path, stamps: list[float]) -> np.ndarray:
    """From the moment of the newest image to the arrival of each command [s]."""
    newest, ages, arrived = 0.0, [], iter(stamps)
    for name, value in read_log(record):
        newest = value["stamp_s"] if name == "sight" else newest
        if name == "move":
            ages.append(next(arrived) - newest)
    return np.array(ages)


def stop_once(site: Bench) -> tuple[float, float]:
    """Stops the bridge from another thread while it moves: to the last command, to standstill [s]."""
    site.reset()
    with site.cell() as cell:
        start, since, asked = cell.observe().joint_positions[:7], time.monotonic(), []

        def stop() -> None:
            asked.append(time.monotonic())
            cell.rig.stop("a benchmark")

        timer = threading.Timer(STOP_AFTER_S, stop)
        timer.start()
        with suppress(SafetyStop):
            cell.follow(swing(start, 2.0))
        timer.join()
        still = standstill(site, asked[0])
        return max(arrivals(site, since)[-1] - asked[0], 0.0), still


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=4.0, help="of motion for each rate")
    options.add_argument("--stops", type=int, default=5)
    given = options.parse_args()
    if given.seconds < LEAST_S:
        options.error(f"--seconds {given.seconds:g}: at least {LEAST_S:g}, or the arm is too fast for its limit")
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder), HOST) as site:
        alone, ours = measure_bare(site, given.seconds, given.stops), measure_bridge(site, given.seconds, given.stops)
    print("| median / 99 % / most | SDK alone | bridge |\n|---|---|---|")
    for name, value in ours.items():
        print(f"| {name} | {alone.get(name, '-')} | {value} |")
    print(f"load of the machine {before:.1f} before, {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
