"""Correspondence before and after, joint PCA and drift, on frames that training never saw."""

import json
from typing import Any

from lace.reports.paper import PAPER
from lace.reports.report import Grid, Section, Text
from sim_envs.demo.alignment import TUNED
from sim_envs.demo.config import DemoConfig
from sim_envs.demo.frames import KINDS
from sim_envs.demo.stage import Command, Stage, picture

MEASURED = "measured"
PAIRS = {"human-robot": "hr", "human-human": "hh", "robot-robot": "rr"}
"""Pair of a measurement -> column of the paper's table 1."""


def _commands(config: DemoConfig) -> list[Command]:
    words = ["evaluate", "correspondence", "--images", str(config.held_out), "--image-size", str(config.image_size)]
    for kind in KINDS:
        words += [f"--{kind}", str(config.out / f"{kind}_test"), f"--{kind}-train", str(config.out / f"{kind}_train")]
    tuned = str(config.out / TUNED / "backbone")
    return [[*words, "--backbone", tuned, "--before", config.backbone, "--out", str(config.out / MEASURED)]]


def _sections(config: DemoConfig) -> list[Section]:
    folder = config.out / MEASURED
    found = json.loads((folder / "correspondence.json").read_text())
    before, after = found["before"]["pairs"], found["pairs"]
    return [
        Text(
            "3. Before and after",
            [
                "Take a keypoint of the human hand and ask: which patch of the robot frame has the most similar "
                "feature? Before LACE the answers are scattered; after it they should lie on the robot's hand, the "
                "thumb's on the thumb.",
                outcome(before["human-robot"], after["human-robot"], found["trivial"]["robot"]["chance"]),
            ],
        ),
        picture(
            folder / "correspondence_human-robot.png",
            "Where the backbone finds each part",
            "Left the keypoints asked for, a colour for each finger (T thumb, I index, M middle, R ring, W wrist). In "
            "the robot frame a dot is the answer, the ring of its colour the right place, the line the error.",
        ),
        _grid(before, after),
        picture(
            folder / "joint_pca_of_hand_patches.png",
            "Features as colours",
            "Similar colours are similar features (joint PCA). Before, human and robot share few colours; after, "
            "fingertips should match fingertips and palm match palm.",
        ),
        picture(
            folder / "feature_drift.png",
            "What else changed",
            "Right column: how far each patch's feature moved. The hand should move most; objects and the room little, "
            "so that what was built on the old features keeps working.",
        ),
    ]


def outcome(before: dict[str, Any], after: dict[str, Any], chance: float) -> str:
    """The human-robot result in two sentences, also if it got worse."""
    was, now = before["epe_px"]["value"], after["epe_px"]["value"]
    parts = [row["part_accuracy"]["value"] for row in (before, after)]
    return (
        f"On average the answer was {was:.0f} px away from the right place, and is now {now:.0f} px away. Asked for "
        f"the right one among the visible keypoints, the backbone was right in {100 * parts[0]:.0f} % of cases, and is "
        f"now in {100 * parts[1]:.0f} %; guessing is right in {100 * chance:.0f} %."
    )


def _grid(before: dict[str, Any], after: dict[str, Any]) -> Grid:
    rows = []
    for pair, column in PAIRS.items():
        papers = [getattr(PAPER[1][row], column)[0] for row in ("DINO", "LACE-DINO")]
        rows.append(
            [
                pair,
                _cell(before[pair]["epe_px"], 1),
                _cell(after[pair]["epe_px"], 1),
                f"{papers[0]:.1f} to {papers[1]:.1f}",
                _cell(before[pair]["part_accuracy"], 2),
                _cell(after[pair]["part_accuracy"], 2),
            ]
        )
    note = (
        "Mean over all pairs of held-out frames with the 95 % interval. The paper's numbers are of another backbone "
        "and of photographs: compare direction and size of the change, not the digits."
    )
    headings = ["pair", "error before [px]", "after", "the paper's", "part accuracy before", "after"]
    return Grid("The numbers", headings, rows, note)


def _cell(interval: dict[str, float], digits: int) -> str:
    return f"{interval['value']:.{digits}f} [{interval['low']:.{digits}f}, {interval['high']:.{digits}f}]"


MEASUREMENT = Stage("measurement", "measure both backbones on frames that training never saw", 60, _commands, _sections)
