"""`lace generate study`: makes the missing datasets of a study, then prints all of them with their hashes."""

import json
from dataclasses import asdict

from rich.console import Console

from lace.core.counting import counted
from lace.core.files import publish_bytes
from lace.core.run_identity import RunIdentity
from lace.core.workers import WORKER_OPTIONS
from policies.labelled import read_episodes
from sim_envs.config.generate import GenerateConfig
from sim_envs.frames.folder import opened_folder
from sim_envs.frames.generate import make_shards
from sim_envs.frames.progress import shown
from sim_envs.study.parts import ORIGIN, StudyConfig, parts

RUN_ONLY = ("out", "device", "phantom", *WORKER_OPTIONS)
"""Options that change nothing in the other datasets."""
MANIFEST = "manifest.json"


def main(config: StudyConfig) -> int:
    """Runs it; returns the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    options = {name: value for name, value in asdict(config).items() if name not in RUN_ONLY}
    manifest = {}
    with RunIdentity(config.out / ORIGIN, "a study", {"config": json.loads(json.dumps(options))}).opened():
        for folder, _kind, one in parts(config):
            _make(one, folder, console)
            if config.phantom and folder.startswith("human/"):
                _draw_over(one, config, folder, console)
            manifest[folder] = [asdict(episode) | {"folder": folder} for episode in read_episodes(one.out)]
        publish_bytes(config.out / MANIFEST, json.dumps(manifest, indent=1).encode())
    total = sum(len(episodes) for episodes in manifest.values())
    console.print(f"{total} demonstrations and frames in {config.out}; their hashes are in {MANIFEST}", markup=False)
    return 0


def _draw_over(one: GenerateConfig, config: StudyConfig, folder: str, console: Console) -> None:
    """The same frames with the robot in the human's place."""
    from sim_envs.study import phantom

    there = folder.replace("human/", "phantom/")
    made, of = phantom.make(one, config.out / there)
    console.print(f"{there}: the robot over {made} of {of} frames; the arm does not reach the others", markup=False)


def _make(one: GenerateConfig, folder: str, console: Console) -> None:
    """What is missing of one dataset."""
    with opened_folder(one) as todo:
        console.print(f"{folder}: {counted(one.total, 'frame')}, {'to make' if todo else 'there'}", markup=False)
        if todo:
            with shown(one, len(todo)) as report:
                make_shards(one, todo, report)
