"""Makes the parts of a run, one after the other, and keeps the joined dataset up to date."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lace.core.embodiment import Embodiment
from lace.core.errors import IntegrityError
from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.geometry import Array
from lace.core.progress import Meter, progress_bar
from lace.data.schema import constants_of
from lace.data.shards import shard_name, write_shard
from lace.data.verify import check_frames
from policies.outcome import Result
from sim_envs.frames.encoding import encoded
from sim_envs.rollouts.config import RolloutsConfig
from sim_envs.rollouts.folder import identity, join_parts, opened_folder, part_path, published_folder, read_part

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


def make_part(demonstrator: Demonstrator, config: RolloutsConfig, part: int) -> None:
    """Rolls out and publishes one part. Only the numbers of its labelled frames depend on the parts before it."""
    from sim_envs.rollouts.lerobot_files import DatasetWriter

    out, records = config.out, []
    first = sum(read_part(out, earlier)["frames"] for earlier in range(part))
    episodes = demonstrator.episodes(config.trials_of(part))
    kept = [episode for episode in episodes if episode.outcome.success or config.keep_failures]
    with published_folder(part_path(out, part)) as folder:
        if kept:
            writer = DatasetWriter(folder / "dataset", demonstrator.embodiment, config)
            for episode in kept:
                images, labelled = demonstrator.draw(episode, first + len(records))
                records += labelled
                writer.add(episode, images)
            writer.close()
        results = {episode.trial.index: episode.outcome.result for episode in episodes}
        done = {"results": results, "episodes": len(kept), "frames": len(records)}
        (folder / "part.json").write_text(json.dumps(done))
        publish_frames(out / "frames" / "shards" / shard_name(part), records)


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
    rows = [encoded(record) for record in records]
    write_shard(path, rows, constants_of(records[0]), {})


def publish_frames_meta(config: RolloutsConfig, parts: int) -> None:
    """frames/dataset.json of the first `parts` parts, so that `lace data` reads them."""
    frames = sum(read_part(config.out, part)["frames"] for part in range(parts))
    meta: dict[str, Any] = {"format": 1, "kind": "frames", "embodiment": config.embodiment, "seed": config.seed}
    meta |= {"frames": frames, "config": identity(config)}
    publish_bytes(config.out / "frames" / "dataset.json", json.dumps(meta, indent=1).encode())


def run(config: RolloutsConfig, build: Build = simulated) -> Counter:
    """Makes the missing parts and shows progress; returns how many trials ended in each result."""
    with opened_folder(config):
        return _make_missing(config, build)


def _make_missing(config: RolloutsConfig, build: Build) -> Counter:
    from sim_envs.rollouts.lerobot_files import join

    counts: Counter = Counter()
    demonstrator, meter = None, Meter("trials")
    with progress_bar("grasping", meter=meter) as advance:
        for part in range(config.parts):
            if not part_path(config.out, part).is_dir():
                if demonstrator is None:
                    demonstrator = build(config)
                    meter.start(counts.total())
                make_part(demonstrator, config, part)
            join_parts(config.out, part + 1, join)
            if config.frames:
                publish_frames_meta(config, part + 1)
            counts.update(read_part(config.out, part)["results"].values())
            if demonstrator:
                advance(counts.total(), config.trials, f"{counts[Result.SUCCESS]} grasped")
    if demonstrator:
        demonstrator.close()
    return counts


def main(config: RolloutsConfig) -> int:
    """`lace generate rollouts`: runs and prints a summary. Returns the exit code."""
    from sim_envs.config.kinds import require_grasping

    require_grasping(config)
    print(
        f"grasping in {config.trials} scenes at {config.fps} Hz "
        f"(preset {config.preset}, {config.width}x{config.height})"
    )
    counts = run(config)
    ends = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    episodes = sum(read_part(config.out, part)["episodes"] for part in range(config.parts))
    print(f"{ends}; {episodes} episodes in {config.out / 'dataset'}" if episodes else f"{ends}; no episode was kept")
    return 0
