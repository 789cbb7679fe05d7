"""The `lace annotate` command."""

from contextlib import suppress
from pathlib import Path

from rich.console import Console

from lace.cli.imports import run
from lace.data.annotate.server import AnnotationServer
from lace.data.annotate.session import LABELS_NAME, Session


def annotate(folder: Path, /, export: Path | None = None, embodiment: str | None = None, port: int = 0) -> int:
    """Click the shared keypoints on frames, in a page that only this machine can open; Ctrl-C ends it.

    Args:
        folder: A dataset, or a folder of images; the labels are kept in it and the next call continues them.
        export: Do not open the page: write what is labelled to this dataset folder.
        embodiment: What the images show, for the export; by default what the dataset says, else human_right.
        port: Port of the page; 0 takes a free one.
    """
    session = Session(folder)
    if export is not None:
        embodiment = embodiment or session.embodiment
        facts = {"source": "annotate", "embodiment": embodiment, "labels": session.labels}
        return run(export, session.candidates(embodiment), facts)
    console = Console(soft_wrap=True, highlight=False)
    with suppress(KeyboardInterrupt), AnnotationServer(session, port) as server:
        console.print(f"open {server.url}\nlabels go to {folder / LABELS_NAME}; Ctrl-C ends", markup=False)
        server.serve_forever()
    console.print(
        f"labels of {len(session.labels)} of {len(session.names)} frames are in {folder / LABELS_NAME}", markup=False
    )
    return 0
