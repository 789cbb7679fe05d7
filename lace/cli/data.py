"""The `lace data ...` commands. Each is a function whose signature is its command line; heavy imports stay inside."""

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from lace.core.counting import counted
from lace.core.limits import Within
from lace.core.progress import progress_bar

_SHOWN_PROBLEMS = 50


def verify(folder: Path, /) -> int:
    """Repeat every check on a dataset; exit code 1 and the reasons if it fails.

    Args:
        folder: Dataset folder.
    """
    from lace.data.verify import verify_dataset

    with progress_bar("checking shards") as advance:
        report = verify_dataset(folder, advance)
    console = Console(highlight=False, soft_wrap=True)
    for problem in report.problems[:_SHOWN_PROBLEMS]:
        console.print(str(problem), markup=False)
    hidden = len(report.problems) - _SHOWN_PROBLEMS
    if hidden > 0:
        console.print(f"... and {hidden} more")
    size = f"{counted(report.n_frames, 'frame')} in {counted(report.n_shards, 'shard')}"
    if not report.problems:
        many = f"{report.n_markers} " if report.n_markers else ""
        marker = "" if report.marker_error_px is None else f", {many}markers within {report.marker_error_px:.3f} px"
        console.print(f"[green]{size}: every check passed{marker}.[/green]")
        return 0
    counts = ", ".join(f"{check} {n}" for check, n in sorted(report.counts.items()))
    console.print(f"[red]{size}: {counted(len(report.problems), 'problem')} ({counts}).[/red]")
    return 1


def show(
    folder: Path,
    /,
    out: Path | None = None,
    count: Annotated[int, Within(1)] = 24,
    seed: int = 0,
    overlay: bool = True,
    rerun: bool = False,
    save: Path | None = None,
) -> int:
    """Draw a contact sheet of some frames, or log them to rerun.

    Args:
        folder: Dataset folder.
        out: PNG to write; by default contact_sheet.png in the dataset folder.
        count: How many frames.
        seed: Which frames.
        overlay: Draw the labels over the images.
        rerun: Open the rerun viewer instead of drawing a sheet.
        save: Write a rerun file (.rrd) instead of drawing a sheet.
    """
    if rerun or save is not None:
        return _show_rerun(folder, count, seed, save)
    from lace.data.show import save_contact_sheet

    path = save_contact_sheet(folder, out or folder / "contact_sheet.png", count, seed, overlay)
    Console(soft_wrap=True).print(f"wrote {path}", markup=False)
    return 0


def _show_rerun(folder: Path, count: int, seed: int, save: Path | None) -> int:
    from lace.data.dataset import FrameDataset
    from lace.data.rerun_view import view
    from lace.data.show import choose_frames

    dataset = FrameDataset(folder)
    view((dataset[i] for i in choose_frames(len(dataset), count, seed)), save)
    if save is not None:
        Console(soft_wrap=True).print(f"wrote {save}; open it with `rerun {save}`", markup=False)
    return 0


def stats(folder: Path, /, out: Path | None = None, internal: bool = False) -> int:
    """Histograms of every randomisation axis, keypoint visibility rates and pose coverage.

    Args:
        folder: Dataset folder.
        out: Folder for stats.json and stats.png; by default `stats` in the dataset folder.
        internal: Also show draws that mean something to our code alone (numbers of textures, of tried places).
    """
    from lace.data.dataset import FrameDataset
    from lace.data.stats import save_stats
    from lace.data.stats_figure import stats_tables

    out = out or folder / "stats"
    numbers = save_stats(FrameDataset(folder), out, internal)
    console = Console(soft_wrap=True)
    console.print(stats_tables(numbers, internal))
    console.print(f"wrote {out / 'stats.json'} and {out / 'stats.png'}", markup=False)
    return 0


def merge(folders: Annotated[tuple[Path, ...], tyro.conf.Positional], /, out: Path) -> int:
    """Join several datasets to one; their frames are numbered on, everything else stays as it is.

    Args:
        folders: Dataset folders, finished ones, in the order of the result.
        out: New dataset folder; the same command resumes.
    """
    from lace.data.merge import merge as joined

    with progress_bar("copying shards") as advance:
        frames = joined(folders, out, advance)
    Console(soft_wrap=True).print(
        f"wrote {counted(frames, 'frame')} of {counted(len(folders), 'dataset')} to {out}", markup=False
    )
    return 0


def export_coco(folder: Path, /, out: Path) -> int:
    """Write a dataset as COCO: an image folder and annotations.json.

    Args:
        folder: Dataset folder.
        out: New folder to write to.
    """
    from lace.data import coco
    from lace.data.dataset import FrameDataset

    with progress_bar("exporting frames") as advance:
        path = coco.export_coco(FrameDataset(folder), out, advance)
    Console(soft_wrap=True).print(f"wrote {path}", markup=False)
    return 0
