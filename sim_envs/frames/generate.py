"""`lace generate robot` and `lace generate human`: makes the missing shards of a dataset, then a contact sheet."""

import time
from contextlib import closing
from functools import partial

from lace.core.counting import counted
from lace.core.parts import Part, parts_of
from lace.core.workers import make_parts
from lace.data.show import save_contact_sheet
from sim_envs.config.generate import GenerateConfig
from sim_envs.config.kinds import require_kind
from sim_envs.frames.folder import missing_shards, opened_folder, shard_indices
from sim_envs.frames.progress import READY, ShardCallback, shown
from sim_envs.frames.shard_maker import ShardMaker


def main(config: GenerateConfig, kind: str) -> int:
    """Generates frames of a `kind` of embodiment; returns the exit code."""
    require_kind(config, kind)
    with opened_folder(config) as todo, shown(config, len(todo)) as report:
        totals = make_shards(config, todo, report)
    if missing := missing_shards(config, range(config.shards)):
        print(
            f"part {config.part} of {config.out} is finished; {len(missing)} of {config.shards} shards are missing: "
            f"of part {parts_of(missing, Part.named(config.part))}"
        )
        return 0
    sheet = config.out / "contact_sheet.png"
    save_contact_sheet(config.out, sheet, n=24, seed=0, overlay=True)
    rate = f", {totals['frames'] / totals['seconds']:.1f} frames/s" if totals["frames"] else ", all there already"
    print(f"{counted(config.total, 'frame')} in {config.out}{rate}; {totals['redrawn']} redrawn; look at {sheet}")
    return 0


def run(config: GenerateConfig, report: ShardCallback) -> dict[str, float]:
    """Generates the missing shards and returns totals (frames, redrawn, seconds); calls `report` for each shard.

    Raises:
        LaceError: As the parts do; finished shards stay.
    """
    with opened_folder(config) as todo:
        return make_shards(config, todo, report)


def make_shards(config: GenerateConfig, todo: list[int], report: ShardCallback) -> dict[str, float]:
    """Generates the shards `todo` of an opened folder; as `run`."""
    redrawn, started = 0, time.monotonic()

    def ready() -> None:
        nonlocal started
        started = time.monotonic()
        report(READY)

    named, home = f"shard of seed {config.seed}, number", config.out / "dataset.json"
    parts = make_parts(partial(ShardMaker, config), todo, config, ready, named, home)
    with closing(parts) as made:
        for _shard, done in made:
            redrawn += done.redrawn
            report(done)
    frames = sum(len(shard_indices(config, shard)) for shard in todo)
    return {"frames": frames, "redrawn": redrawn, "seconds": time.monotonic() - started}
