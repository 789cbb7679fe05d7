"""Labelled frames of a robot hand and of a human hand, for training and held out."""

from lace.reports.report import Section, Text
from sim_envs.demo.config import DemoConfig
from sim_envs.demo.stage import Command, Stage, picture

KINDS = ("robot", "human")
NEAR = ["--min-visible", "10", "--axes.camera.distance-m", "0.45", "0.8"]
"""Hands that fill a fair part of the frame, as in the paper's crops."""


def generated(config: DemoConfig, kind: str, count: int, seed: int, words: list[str], folder: str) -> Command:
    """The command that makes `count` frames of a kind with further options `words`, in a folder of the demo."""
    numbers = ["--frames", str(count), "--seed", str(seed), "--workers", str(config.workers)]
    return ["generate", kind, *numbers, *words, "--out", str(config.out / folder)]


def _commands(config: DemoConfig) -> list[Command]:
    """Each dataset has a seed of its own, so no scene is in two of them."""
    found, seed = [], 4 * config.seed
    for part, count in (("train", config.frames), ("test", config.held_out)):
        for kind in KINDS:
            found.append(generated(config, kind, count, seed, NEAR, f"{kind}_{part}"))
            seed += 1
    return found


def _sections(config: DemoConfig) -> list[Section]:
    return [
        Text(
            "1. The frames",
            [
                f"A simulator renders {config.frames} frames of a robot (an xArm7 with a LEAP Hand) and as many "
                f"of a person's right hand, each in a random room, light and pose; and {config.held_out} of each for "
                "the test, from other seeds.",
                "The simulator knows where every joint is, so each frame comes with labels: 21 named keypoints (the "
                "wrist, and four on every finger from the thumb on) and whether each is hidden. The LEAP Hand has no "
                "little finger. Nobody clicked anything.",
                "In the sheets below the dots are these keypoints, the line runs around the hand with its arm, and the "
                "green box is the object that the hand reaches for.",
            ],
        ),
        *(picture(config.out / f"{kind}_train" / "contact_sheet.png", f"Some {kind} frames") for kind in KINDS),
    ]


FRAMES = Stage(
    "frames",
    "render labelled frames of a robot hand and of a human hand",
    110,
    _commands,
    _sections,
    reduced=(
        ("robot images", "photographs of a real xArm with a LEAP Hand", "simulated"),
        ("human images", "photographs (HInt, EpicKitchens part)", "simulated"),
    ),
)
