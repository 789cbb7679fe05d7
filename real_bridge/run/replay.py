"""`lace bridge replay`: repeats the decisions of a recorded trial without devices; all of them must be the same."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import Positional

from assets.grasps import grasp_for
from assets.robots import ROBOTS
from lace.core.counting import counted
from lace.core.errors import DatasetError, IntegrityError
from lace.core.files import reading
from lace.core.limits import Within, check_numbers
from policies import make_policy
from policies.primitives.checker import Workspace
from policies.primitives.grasp import GraspPrimitive
from policies.runner import run_trial
from policies.trials.records import plain
from real_bridge.cameras.mount import Mount
from real_bridge.cell import CellConfig, RealCell
from real_bridge.cell_log import ReplayedPorts
from real_bridge.run.session import TRIAL
from real_bridge.run.trials import log_folder
from real_bridge.safety.limits import SafetyLimits


@dataclass(frozen=True)
class ReplayConfig:
    """Plays recorded trials again, offline."""

    run: Positional[Path]
    """Folder of `lace bridge run`."""
    trial: Annotated[tuple[int, ...], Within(0)] = ()
    """Which trials; all by default."""

    def __post_init__(self):
        check_numbers(self)


def main(config: ReplayConfig) -> int:
    """Replays; IntegrityError at the first difference."""
    numbers = config.trial or tuple(sorted(int(path.name[-5:]) for path in (config.run / "logs").glob("trial-*")))
    if not numbers:
        raise DatasetError(
            "replaying", f"no logs in {config.run}", "a folder of `lace bridge run --live`", "check the path"
        )
    for number in numbers:
        result, compared = replay(log_folder(config.run, number))
        same = counted(compared, "command or decision", "commands and decisions")
        print(f"trial {number}: {result} again, {same} the same")
    return 0


def replay(folder: Path) -> tuple[str, int]:
    """Repeats the decisions of the trial in `folder`; its result and the number of comparisons."""
    with reading(folder / TRIAL, f"{TRIAL} beside the log", "check the folder"):
        about = dict(json.loads((folder / TRIAL).read_bytes()))
    if "outcome" not in about:
        raise DatasetError(
            "replaying", f"the trial in {folder} was cut off", "a trial that came to its end", "choose another trial"
        )
    robot = ROBOTS[about["embodiment"]](None)
    ports = ReplayedPorts(folder)
    settings = CellConfig(about["speed"], _limits(about["limits"]))
    cell = RealCell(
        ports, robot.embodiment, robot.xml_path, about["table_z"], settings, _mount(about["mount"]), ports.tell
    )
    primitive = GraspPrimitive(robot.embodiment, robot.xml_path, grasp_for(about["target"]))
    outcome = json.loads(json.dumps(plain(run_trial(make_policy(about["policy"]), cell, primitive, about["seed"]))))
    if outcome != about["outcome"] or not ports.finished:
        raise IntegrityError(
            f"replaying {folder}", f"it ended {outcome}", f"{about['outcome']}", "the code or the policy has changed"
        )
    return outcome["result"], ports.compared


def _limits(values: dict) -> SafetyLimits:
    box = {name: tuple(corner) for name, corner in values["workspace"].items()}
    fields: dict[str, Any] = values | {"workspace": Workspace(**box)}
    return SafetyLimits(**fields)


def _mount(values: dict | None) -> Mount | None:
    if values is None:
        return None
    arrays = {name: np.array(values[name]) for name in ("K", "T_base_cam")}
    fields: dict[str, Any] = values | arrays | {"distortion": tuple(values["distortion"])}
    return Mount(**fields)
