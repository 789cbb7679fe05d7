"""Commands that use the bridge together with the renderer: recordings are labelled by rendering the robot."""

from typing import Any

from rich.console import Console

from lace.core.counting import counted


def record(config: Any) -> int:
    """`lace bridge record`; a real_bridge.record.command.RecordConfig."""
    from lace.cli.recordings import label
    from lace.data.recordings.folder import read_facts, read_folder
    from real_bridge.record.command import record as record_demonstration

    console = Console(highlight=False)
    with console.status("recording; Enter ends") as status:
        folder, tally = record_demonstration(config, lambda s: status.update(f"recording {s:.1f} s; Enter ends"))
    console.print(
        f"recorded {counted(tally.images, 'image')} and {counted(tally.states, 'joint state')} in "
        f"{tally.seconds:.1f} s to {folder}"
    )
    embodiment = read_facts(folder)["embodiment"]
    # One clock stamped both: the lag is reported, and not corrected.
    return label(read_folder(folder), config.out / "dataset", embodiment, config.frames, 0.0, config.assets)
