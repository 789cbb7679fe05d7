"""The `lace import ...` commands. Each is a function whose signature is its command line."""

from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from lace.core.counting import counted
from lace.core.limits import Within
from lace.core.progress import progress_bar
from lace.core.semantics import HUMAN_HAND
from lace.data.imports.change import MIN_CHANGE
from lace.data.imports.hand_labels import HandLabels
from lace.data.imports.writing import REPORT_NAME, Candidate, ImportReport, write_frames

Labels = Annotated[HandLabels, tyro.conf.OmitArgPrefixes]
Change = Annotated[float, Within(0, 255)]
AS_USUAL = HandLabels()


def hint(
    folder: Path,
    /,
    out: Path,
    splits: tuple[Literal["epick", "newdays", "ego4d"], ...] = ("epick",),
    parts: tuple[Literal["TRAIN", "VAL", "TEST"], ...] = ("TRAIN",),
    crop: bool = False,
    image_size: Annotated[int | None, Within(1)] = None,
    detector: str | None = None,
) -> int:
    """Import the right hands of HInt from its unpacked folder.

    Args:
        folder: HInt's folder.
        out: Dataset folder to write; the same command resumes an interrupted import.
        splits: Which sources; the paper trains on epick.
        parts: Which parts; TRAIN to train on, VAL and TEST to measure on.
        crop: Cut a square of twice the hand's size around it, from the full-size image.
        image_size: Longer side of the images [px], scaled after the crop; by default unchanged.
        detector: `mediapipe`, or the hub name or folder of a hand detector for `transformers`; keeps frames with
            exactly one detected hand that is not a left one, as the paper does.
    """
    from lace.data.imports import hint as module
    from lace.data.imports.one_hand import hand_detector, right_hand_alone

    facts = {"splits": splits, "parts": parts, "crop": crop, "image_size": image_size} | (
        {"detector": detector} if detector else {}
    )
    check = right_hand_alone(hand_detector(detector)) if detector else None
    if not detector:
        note("no hand detector was used: images with a second hand may be among these; --detector mediapipe drops them")
    found = module.candidates(folder, splits, parts, crop, image_size, check)
    return run(out, found, {"source": "hint", "embodiment": HUMAN_HAND, **facts}, detector)


def coco(
    file: Path,
    /,
    images: Path,
    map: tuple[str, ...],
    out: Path,
    embodiment: str = HUMAN_HAND,
    category: str | None = None,
    detector: str | None = None,
) -> int:
    """Import keypoints in COCO's format (exports of CVAT, FiftyOne), one hand per image.

    Args:
        file: The json file.
        images: Folder of its images.
        map: NAME=keypoint for every keypoint to take: the name in the file, then ours ("thumb4=thumb_tip").
        out: Dataset folder to write.
        embodiment: What the images show.
        category: Which category, where several have keypoints.
        detector: `mediapipe`, or the hub name or folder of a hand detector for `transformers`; keeps images in which
            one right hand alone is seen.
    """
    from lace.data.imports import coco as module
    from lace.data.imports.one_hand import checked, hand_detector, right_hand_alone

    mapping = module.parse_mapping(map)
    found = module.candidates(file, images, mapping, embodiment, category)
    if detector:
        found = checked(found, right_hand_alone(hand_detector(detector)))
    facts = {"source": "coco", "embodiment": embodiment, "map": mapping, "category": category}
    return run(out, found, facts | ({"detector": detector} if detector else {}))


def video(
    path: Path,
    /,
    out: Path,
    every: Annotated[int, Within(1)] = 1,
    change: Change = MIN_CHANGE,
    labels: Labels = AS_USUAL,
) -> int:
    """Your own recordings of hands, with keypoints by MediaPipe's hand models.

    Args:
        path: A video, or a folder of videos.
        out: Dataset folder to write; the same command resumes an interrupted import.
        every: Take every n-th frame; 1 takes all.
        change: Grey levels, of 255, by which a frame must differ somewhere from the one taken before; 0 takes all.
        labels: What is wanted.
    """
    from lace.data.imports import video as module

    files = module.video_files(path)
    detector = labels.load()
    with progress_bar("looking for new frames") as advance:
        found = module.candidates(files, every, change, labels, detector, advance)
    facts = {"source": "video", "embodiment": HUMAN_HAND, "files": module.content_digest(list(files.values()))}
    return run_labelled(out, found, {**facts, "every": every, "change": change, **labels.facts})


def photos(folder: Path, /, out: Path, change: Change = MIN_CHANGE, labels: Labels = AS_USUAL) -> int:
    """Your own photographs of hands, with keypoints by MediaPipe's hand models.

    Args:
        folder: Folder of photographs, turned as EXIF says.
        out: Dataset folder to write; the same command resumes an interrupted import.
        change: Grey levels, of 255, by which a photograph must differ somewhere from the one taken before; 0 takes all.
        labels: What is wanted.
    """
    from lace.data.imports import photos as module
    from lace.data.imports.video import content_digest

    files = module.photo_files(folder)
    detector = labels.load()
    with progress_bar("looking for new photographs") as advance:
        found = module.candidates(files, change, labels, detector, advance)
    facts = {"source": "photos", "embodiment": HUMAN_HAND, "files": content_digest(list(files.values()))}
    return run_labelled(out, found, {**facts, "change": change, **labels.facts})


def lerobot(
    name: str,
    /,
    out: Path,
    episode: Annotated[int, Within(0)] = 0,
    frames: Annotated[int, Within(1)] = 10,
    embodiment: str = "robot",
    camera: str | None = None,
) -> int:
    """Import frames of one episode of a LeRobot dataset, ready for `lace annotate`.

    Args:
        name: Hub name or folder of a LeRobot dataset (v3).
        out: Dataset folder to write.
        episode: Which episode.
        frames: How many frames, spread evenly over it.
        embodiment: What the images show.
        camera: Which camera, where there are several.
    """
    from lace.data.imports import lerobot as module

    found = module.candidates(name, episode, frames, embodiment, camera)
    return run(out, found, {"source": "lerobot", "name": Path(name).name, "embodiment": embodiment, "camera": camera})


def note(text: str) -> None:
    """Says on screen what a user must know of the labels."""
    Console(soft_wrap=True, highlight=False).print(text, style="yellow", markup=False)


def detect_target(
    folder: Path,
    /,
    out: Path,
    text: str = "a green dinosaur doll",
    detector: str = "google/owlv2-base-patch16-ensemble",
    threshold: Annotated[float, Within(0, 1)] = 0.3,
) -> int:
    """Box the target in the images of a dataset by a text (OWLv2); the dataset's copy gets the box target@owlv2.

    Args:
        folder: Dataset folder.
        out: New dataset folder.
        text: What to look for.
        detector: Hub name or folder of OWLv2 or another detector that takes a text.
        threshold: Least score of a box, in [0, 1].
    """
    from lace.data.dataset import FrameDataset
    from lace.data.imports import targets
    from lace.data.imports.detectors import load_detector

    dataset = FrameDataset(folder)
    found = targets.candidates(dataset, load_detector(detector), text, threshold)
    facts = {"embodiment": dataset.meta.get("embodiment"), "text": text, "detector": detector, "threshold": threshold}
    code = run(out, found, {"source": f"{Path(folder).name} with target boxes", **facts}, detector)
    share = targets.share_found(FrameDataset(out).column("box_target_owlv2")) if code == 0 else 0.0
    note(f"a box of {text!r} in {share:.0%} of the frames")
    return code


def run_labelled(out: Path, candidates: list[Candidate], facts: dict[str, Any]) -> int:
    """As `run`, with a word on what the labels are."""
    report = imported(out, candidates, facts)
    other = report.counts.get(f"a {'left' if facts['hand'] == 'right' else 'right'} hand", 0)
    if other and not facts["mirrored"]:
        note(f"{other} show another hand alone: --hand chooses the hand, --mirrored turns mirrored selfies back")
    if report.n_frames:
        note(
            f"visibility is an estimate: points in the picture count as visible; `lace annotate {out}` corrects labels"
        )
    return 0 if report.n_frames else 1


def run(out: Path, candidates: list[Candidate], facts: dict[str, Any], *models: str | None) -> int:
    """Writes the candidates and prints what was kept and skipped; returns 1 if nothing was kept."""
    return 0 if imported(out, candidates, facts, *models).n_frames else 1


def imported(out: Path, candidates: list[Candidate], facts: dict[str, Any], *models: str | None) -> ImportReport:
    """Writes the candidates, draws a contact sheet, and prints what was kept and skipped.

    Args:
        out: Dataset folder to write.
        candidates: What to write.
        facts: As `write_frames` takes them.
        *models: Names or folders of the models that were used; None where none was.
    """
    from lace.data.show import save_contact_sheet

    with progress_bar("importing", "frames") as advance:
        report = write_frames(out, candidates, facts, advance, sources=[model for model in models if model])
    console = Console(soft_wrap=True, highlight=False)
    print_summary(console, report)
    console.print(
        f"wrote {counted(report.n_frames, 'frame')} to {out}; every name is in {out / REPORT_NAME}", markup=False
    )
    if report.n_frames:
        note(f"look at {save_contact_sheet(out, out / 'contact_sheet.png')}")
    return report


def print_summary(console: Console, report: ImportReport) -> None:
    """Counts of what was kept and of each reason to skip, with the first name of each."""
    table = Table(Column("import", no_wrap=True), "frames", Column("for instance", overflow="fold"))
    table.add_row("kept", str(report.n_frames), "")
    for reason, count in report.counts.items():
        first = next(skip for skip in report.skipped if skip["reason"] == reason)
        table.add_row(Text(f"skipped: {reason}"), str(count), Text(f"{first['name']} {first['detail']}".strip()))
    console.print(table)
