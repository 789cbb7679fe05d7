"""`lace bridge emulate`: starts the emulator and says where its devices are."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from lace.core.errors import InvalidValueError, LaceError
from lace.core.files import reading
from lace.core.limits import Within, check_numbers
from real_bridge.emulator import faults as fault_plan
from real_bridge.emulator.admin import AdminServer
from real_bridge.emulator.host import Emulator, EmulatorConfig, EmulatorError
from real_bridge.priority import first_in_line

ORPHAN_LOOK_S = 0.5
"""How often an emulator that a test started checks that the test still runs [s]."""


@dataclass(frozen=True)
class EmulateConfig:
    """An xArm7 with a LEAP Hand over a table, emulated on the wire."""

    host: str = "127.0.0.1"
    """IPv4 address of the arm's ports 502, 503 and 30000 to 30003; another emulator needs another 127.x.y.z."""
    hand: Path | None = None
    """Make this link to the hand's serial device."""
    admin_port: Annotated[int, Within(0, 65535)] = 0
    """Port for tests: inject faults, read the truth; 0 lets the system choose."""
    camera: bool = False
    """Also start a camera that draws the scene, which then is a trial of `lace simulate` (takes some seconds)."""
    width: Annotated[int, Within(16, 8192)] = 224
    height: Annotated[int, Within(16, 8192)] = 224
    """The camera's image size [px]."""
    fps: Annotated[float, Within(0, 240, open_low=True)] = 10.0
    """The camera's frames per second, at most."""
    hand_strength: Annotated[float, Within(0, 100, open_low=True)] = 1.0
    """Torque of the hand's motors, as a multiple of the XC330's: with 5, a hand capped to 0.35 A is as strong as the
    simulated hand, whose motors have all of their current."""
    preset: str = "lab"
    """The camera's scenes: clean, lab, kitchen, office, randomized."""
    trial: Annotated[int, Within(0)] = 0
    """Which trial of the seed the camera begins with."""
    faults: Path | None = None
    """JSON list of faults to come (docs/bridge/emulator.md)."""
    log: Path | None = None
    """Write every command that arrives into this file, as JSON lines."""
    seed: int = 0
    """Of everything random: the scenes, which checksums break."""
    with_parent: bool = False
    """End when the process that started this one has ended (for tests)."""

    def __post_init__(self):
        check_numbers(self)


def read_plan(path: Path) -> list[fault_plan.PlannedFault]:
    """The faults of a JSON file; InvalidValueError where it is none."""
    with reading(path, "a JSON list of faults", "see docs/bridge/emulator.md", InvalidValueError):
        return [fault_plan.from_plain(row) for row in json.loads(path.read_bytes())]


def main(config: EmulateConfig) -> int:
    """Runs until it is interrupted."""
    planned = read_plan(config.faults) if config.faults else []
    emulator = Emulator(EmulatorConfig(config.host, config.hand, config.log, config.seed, config.hand_strength))
    emulator.faults.plan(planned)
    with suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(_serve(config, emulator))
    return 0


async def _serve(config: EmulateConfig, emulator: Emulator) -> None:
    first_in_line()  # a real controller answers in time on a busy computer too
    this = asyncio.current_task()
    assert this is not None  # a coroutine runs in a task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    admin = AdminServer(emulator)
    port = await admin.open(config.host, config.admin_port)
    tasks = [asyncio.create_task(emulator.run())]
    if config.with_parent:
        tasks.append(asyncio.create_task(_until_orphaned()))
    hand = config.hand or emulator.hand_path
    tasks.append(
        asyncio.create_task(
            _announce(config, emulator, {"arm": config.host, "hand": str(hand), "admin": [config.host, port]})
        )
    )
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    for task in done:
        task.result()


async def _announce(config: EmulateConfig, emulator: Emulator, where: dict) -> None:
    """Says where everything is, once it is there; with a camera, looks after it and raises when it ends."""
    await emulator.listening.wait()
    if not config.camera:
        _say(emulator, where)
        return
    host, port = where["admin"]
    options = {"admin-host": host, "admin-port": port} | {
        name: getattr(config, name) for name in ("width", "height", "fps", "preset", "seed", "trial")
    }
    command = ["-m", "real_bridge.emulator.camera", *(text for n, v in options.items() for text in (f"--{n}", str(v)))]
    camera = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    try:
        output = camera.stdout
        assert output is not None  # it is PIPE
        while line := (await output.readline()).decode():
            if line.startswith("{"):
                _say(emulator, where | {"camera": f"shared:{host}:{json.loads(line)['port']}"})
        raise EmulatorError(
            "drawing the scene",
            f"the camera ended ({await camera.wait()})",
            "a running camera",
            "read its output above",
        )
    finally:
        if camera.returncode is None:
            camera.kill()


def _say(emulator: Emulator, where: dict) -> None:
    print(json.dumps(where | {"table_z": emulator.devices.scene.table_z}), flush=True)


async def _until_orphaned() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(ORPHAN_LOOK_S)
    raise EmulatorError(
        "emulating", "the process that started it has ended", "a parent", "start it without --with-parent"
    )


def entry() -> int:
    """The command line of `python -m real_bridge.emulator`."""
    try:
        return main(tyro.cli(EmulateConfig, prog="lace bridge emulate"))
    except LaceError as error:
        print(error, file=sys.stderr)
        return 2
