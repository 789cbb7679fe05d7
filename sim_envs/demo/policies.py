"""Two policies that have never seen a robot: trained on human frames, one on the features before LACE, one after."""

import json

from lace.measure.bootstrap import Interval
from lace.reports.report import Grid, Section, Text
from policies.evaluate import EVALUATION, predictions_path, shown
from policies.metrics import POINT_METRICS
from sim_envs.demo.alignment import TUNED
from sim_envs.demo.config import DemoConfig
from sim_envs.demo.frames import generated
from sim_envs.demo.stage import Command, Stage, picture

LAB = ["--preset", "lab", "--min-visible", "10", "--axes.clutter.count", "0", "0"]
"""The room that policies are trained and tried in: the lab, with nothing but the target on the table."""
ROWS = {"base": "features before LACE", "lace": "features after LACE"}
HUMAN, ROBOT = "human_lab", "robot_lab"
RATE = "1e-3"


def trained(config: DemoConfig, name: str) -> str:
    """The bundle of a policy of ROWS."""
    return str(config.out / f"policy_{name}" / "policy")


def _commands(config: DemoConfig) -> list[Command]:
    found, first = [], 100_000 + 2 * config.seed
    counts = {"human": (HUMAN, config.scenes), "robot": (ROBOT, config.tests)}
    for number, (kind, (folder, count)) in enumerate(counts.items()):
        size = ["--width", str(config.image_size), "--height", str(config.image_size)]
        found.append(generated(config, kind, count, first + number, [*size, *LAB], folder))
    backbones = {"base": config.backbone, "lace": str(config.out / TUNED / "backbone")}
    fit = ["--fit.iterations", str(config.policy_steps), "--fit.learning-rate", RATE, "--fit.loss", "mse"]
    fit += ["--fit.seed", str(config.seed), "--fit.checkpoint-every", "200"]
    for name, backbone in backbones.items():
        words = ["policy", "train", "--human", str(config.out / HUMAN), "--test", f"robot={config.out / ROBOT}"]
        words += ["--backbone", backbone, "--image-size", str(config.image_size), "--head", "probe", *fit]
        found.append([*words, "--out", str(config.out / f"policy_{name}")])
    return found


def _sections(config: DemoConfig) -> list[Section]:
    rows = []
    for name, label in ROWS.items():
        metrics = json.loads((config.out / f"policy_{name}" / EVALUATION).read_text())["robot"]
        rows.append([label, *(shown(Interval(**metrics[metric]), metric) for metric in POINT_METRICS)])
    pictures = [
        picture(predictions_path(config.out / f"policy_{name}", "robot"), f"Predictions on the robot, {label}")
        for name, label in ROWS.items()
    ]
    return [
        Text(
            "4. Two policies that learned from humans alone",
            [
                "A policy here sees one picture and gives two points: where the hand is and where the target (a green "
                f"dinosaur) is. Both policies were trained on the same {config.scenes} human frames, with the backbone "
                "frozen; the only difference is the backbone: before LACE, or after it. Neither has seen a robot.",
                "The table tests them on robot frames: how often the point lies in the true box of the hand (Emb), of "
                "the target (Obj), in both, and the mean distance as a share of the picture (L1).",
            ],
        ),
        Grid(
            "Hit rates on the robot",
            ["policy on", "Emb %", "Obj %", "Both %", "L1"],
            rows,
            f"{config.tests} robot frames, each of a scene of its own; 95 % intervals. The paper's (DINOv3, "
            "photographs, DETR): Both 16.3 to 74.7.",
        ),
        *pictures,
    ]


POLICIES = Stage(
    "policies",
    "train two policies on human frames, on the features before and after LACE",
    330,
    _commands,
    _sections,
    reduced=(
        ("demonstrations", "200 of a human, 50 frames each", "{scenes:,} human frames, each in a scene of its own"),
        ("policy", "DETR, pretrained, on frozen features", "an attentive probe on frozen features"),
    ),
)
