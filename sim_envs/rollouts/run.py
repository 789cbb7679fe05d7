"""Makes the parts of a run, in any number of processes, and keeps the joined dataset up to date."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lace.core.counting import counted
from lace.core.embodiment import Embodiment
from lace.core.errors import IntegrityError
from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.geometry import Array
from lace.core.parts import Part, parts_of
from lace.core.progress import Meter, progress_bar
from lace.core.store import require_local
from lace.core.workers import make_parts
from lace.data.schema import constants_of
from lace.data.shards import publish_renumbered, shard_name, write_shard
from lace.data.verify import check_frames
from policies.outcome import Result
from sim_envs.frames.encoding import encoded
from sim_envs.rollouts.config import RolloutsConfig
from sim_envs.rollouts.folder import (
    FRAMES,
    identity,
    is_made,
    join_parts,
    join_steps,
    joined_parts,
    joining,
    opened_folder,
    part_path,
    published_folder,
    read_part,
)

if TYPE_CHECKING:
    from sim_envs.rollouts.episode import Episode


class Demonstrator(Protocol):
    """Rolls out trials and draws them; everything depends on (configuration, trial) alone."""

    embodiment: Embodiment

    def episodes(self, trials: Sequence[int]) -> "list[Episode]":
        """How each trial went."""
        ...

    def draw(self, episode: "Episode", first_index: int) -> tuple[Array, list[FrameRecord]]:
        """Pictures (f, height, width, 3) uint8; labelled frames, numbered from `first_index`, if the run wants them."""
        ...

    def close(self) -> None:
        """Frees the simulator."""
        ...


Build = Callable[[RolloutsConfig], Demonstrator]


def simulated(config: RolloutsConfig) -> Demonstrator:
    """The simulated cell; the engines take seconds to import."""
    from sim_envs.rollouts.episode import SimulatedDemonstrator

    return SimulatedDemonstrator(config)


@dataclass
class PartMaker:
    """Implements `lace.core.workers.Maker`: publishes whole parts."""

    config: RolloutsConfig
    demonstrator: Demonstrator

    def make(self, part: int) -> None:
        """Rolls out and publishes one part."""
        make_part(self.demonstrator, self.config, part)

    def close(self) -> None:
        """Frees the simulator."""
        self.demonstrator.close()


def _open(config: RolloutsConfig, build: Build) -> PartMaker:
    return PartMaker(config, build(config))


def make_part(demonstrator: Demonstrator, config: RolloutsConfig, part: int) -> None:
    """Rolls out and publishes one part; its labelled frames are numbered from 0 until they are joined."""
    from sim_envs.rollouts.lerobot_files import DatasetWriter

    records: list[FrameRecord] = []
    episodes = demonstrator.episodes(config.trials_of(part))
    kept = [episode for episode in episodes if episode.outcome.success or config.keep_failures]
    with published_folder(part_path(config.out, part)) as folder:
        if kept:
            writer = DatasetWriter(folder / "dataset", demonstrator.embodiment, config)
            for episode in kept:
                images, labelled = demonstrator.draw(episode, len(records))
                records += labelled
                writer.add(episode, images)
            writer.close()
        results = {episode.trial.index: episode.outcome.result for episode in episodes}
        done = {"results": results, "episodes": len(kept), "frames": len(records)}
        publish_frames(folder / FRAMES, records)
        (folder / "part.json").write_text(json.dumps(done))


def publish_frames(path: Path, records: list[FrameRecord]) -> None:
    """One shard of labelled frames, if there are any.

    Raises:
        IntegrityError: A label does not fit its picture. (Pictures may repeat, and the hand may leave the view.)
    """
    if not records:
        return
    problems = [problem for problem in check_frames(records) if problem.check not in ("repeated", "in_view")]
    if problems:
        raise IntegrityError(
            "labelling a rollout", str(problems[0]), "labels that pass every check", "report this with rollouts.json"
        )
    write_shard(path, [encoded(record) for record in records], constants_of(records[0]), {})


def join(config: RolloutsConfig, upto: int) -> None:
    """Brings out/dataset and out/frames to the first `upto` parts, all finished."""
    from sim_envs.rollouts.lerobot_files import join as joined

    first = 0  # frames come first: the link to the episodes says how far the last join came
    for part in range(upto):
        fresh, shard = part_path(config.out, part) / FRAMES, config.out / "frames" / "shards" / shard_name(part)
        if fresh.is_file():
            publish_renumbered(fresh, shard, first)
            fresh.unlink()
        first += read_part(config.out, part)["frames"]
    if config.frames:
        meta: dict[str, Any] = {"format": 1, "kind": "frames", "embodiment": config.embodiment, "seed": config.seed}
        meta |= {"frames": first, "config": identity(config)}
        publish_bytes(config.out / "frames" / "dataset.json", json.dumps(meta, indent=1).encode())
    join_parts(config.out, upto, joined)


def run(config: RolloutsConfig, build: Build = simulated) -> Counter:
    """Makes the missing parts and shows progress; returns how many of its trials ended in each result."""
    require_local(config.out, "a LeRobot dataset")
    with opened_folder(config):
        counts = _make_missing(config, build)
        if not missing_parts(config):
            with joining(config.out):
                _join_ready(config)
    return counts


def missing_parts(config: RolloutsConfig) -> list[int]:
    """Parts of the whole run that no process has made yet."""
    return [part for part in range(config.parts) if not is_made(config.out, part)]


def _make_missing(config: RolloutsConfig, build: Build) -> Counter:
    counts: Counter = Counter()

    def count(part: int) -> None:
        counts.update(read_part(config.out, part)["results"].values())

    todo = [part for part in config.mine if not is_made(config.out, part)]
    for part in set(config.mine) - set(todo):
        count(part)
    total, meter = sum(len(config.trials_of(part)) for part in config.mine), Meter("trials")
    named, home = f"group of {config.part_trials} trials of seed {config.seed}, number", config.out / "rollouts.json"
    build_maker, ready = partial(_open, config, build), lambda: meter.start(counts.total())
    parts = make_parts(build_maker, todo, config, ready, named, home)
    with progress_bar("grasping", meter=meter) as advance, closing(parts) as made:
        for part, _report in made:
            if not Part.named(config.part):
                with joining(config.out):
                    _join_ready(config)
            count(part)
            advance(counts.total(), total, f"{counts[Result.SUCCESS]} grasped")
    return counts


def _join_ready(config: RolloutsConfig) -> None:
    """Joins as far as parts are finished without a gap, in steps that do not depend on who made them when."""
    ready = next(iter(missing_parts(config)), config.parts)
    for step in join_steps(config.parts):
        if joined_parts(config.out) < step <= ready:
            join(config, step)


def main(config: RolloutsConfig) -> int:
    """`lace generate rollouts`: runs and prints a summary. Returns the exit code."""
    from sim_envs.config.kinds import require_grasping

    require_grasping(config)
    print(
        f"grasping in {counted(config.trials, 'scene')} at {config.fps} Hz "
        f"(preset {config.preset}, {config.width}x{config.height})"
    )
    counts = run(config)
    ends = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    if missing := missing_parts(config):
        print(
            f"{ends}; part {config.part} of {config.out} is finished; {len(missing)} of {config.parts} groups of "
            f"{config.part_trials} trials are missing: of part {parts_of(missing, Part.named(config.part))}"
        )
        return 0
    episodes = sum(read_part(config.out, part)["episodes"] for part in range(config.parts))
    print(f"{ends}; {episodes} episodes in {config.out / 'dataset'}" if episodes else f"{ends}; no episode was kept")
    return 0
