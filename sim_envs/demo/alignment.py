"""Alignment stage: fine-tunes the backbone with LACE."""

from lace.alignment.config import RECIPES
from lace.reports.report import Section, Text
from sim_envs.demo.config import DemoConfig
from sim_envs.demo.frames import KINDS
from sim_envs.demo.stage import Command, Stage, picture

TUNED = "lace"
"""Folder of the fine-tuned run."""
_RECIPE = "short"


def _commands(config: DemoConfig) -> list[Command]:
    sources = [word for kind in KINDS for word in (f"--{kind}", str(config.out / f"{kind}_train"))]
    recipe = ["--recipe", _RECIPE, "--iterations", str(config.steps), "--seed", str(config.seed)]
    recipe += [
        "--images",
        str(config.frames),
        "--human-images",
        str(config.frames),
        "--image-size",
        str(config.image_size),
    ]
    return [["finetune", *sources, "--backbone", config.backbone, *recipe, "--out", str(config.out / TUNED)]]


def _sections(config: DemoConfig) -> list[Section]:
    return [
        Text(
            "2. The training",
            [
                "The backbone turns a frame into a grid of features, one vector for each patch of 16 x 16 px. LACE "
                "compares a keypoint's feature on the robot with all patches of a human frame, and asks that the "
                "result be what the human's own keypoint gives: the robot's thumb tip must respond to the human's "
                "thumb tip, and to nothing else. A second term, the Gram loss, keeps the relations among all other "
                "features as they were.",
                f"This ran {config.steps} steps of {2 * RECIPES[_RECIPE].batch} frames. The loss curves should fall "
                "and level off.",
            ],
        ),
        picture(config.out / TUNED / "curves.png", "Loss curves"),
    ]


ALIGNMENT = Stage(
    "alignment",
    "fine-tune the backbone with LACE",
    170,
    _commands,
    _sections,
    reduced=(
        (
            "backbone",
            "DINOv3 ViT-S/16, self-supervised",
            "{backbone} (efficientnet-lite0 is a small CNN trained with ImageNet's labels)",
        ),
        (
            "training",
            "10,000 steps of 64 pairs, an hour of a GPU",
            f"{{steps}} steps of {RECIPES[_RECIPE].batch} pairs, minutes of a CPU",
        ),
        ("recipe", "temperature 1, drawn pairs", "temperature 0.1, all pairs of a step's frames"),
    ),
)
