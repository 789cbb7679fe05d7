"""The demo's report: one file without outside links, for a reader who does not know the paper."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lace.reports.report import Commands, Grid, Report, write_report
from sim_envs.demo.config import DemoConfig
from sim_envs.demo.stage import Command, Stage

SUMMARY = (
    "A robot's hand and a human hand do the same work, but to a vision backbone they look nothing alike, so what a "
    "policy learns from videos of people is lost on the robot. LACE (arXiv 2605.16743) fine-tunes the backbone until "
    "the same part of both hands, thumb and thumb, has the same features. This report shows it, from nothing."
)


def line(command: Command) -> str:
    """A command as a user types it."""
    return shlex.join(["lace", *command])


def write(config: DemoConfig, finished: Sequence[Stage], ran: Sequence[dict[str, Any]]) -> Path:
    """Publishes `out`/report.html of the stages that are finished.

    Args:
        config: Settings of the demo.
        finished: Stages, in their order.
        ran: What was kept of each: its `seconds` and `commands`.
    """
    rows = [(*row, ours.format_map(vars(config))) for stage in finished for *row, ours in stage.reduced]
    note = "This demonstrates the method; it does not repeat the paper's experiments."
    results = [stage.headline(config) for stage in finished if stage.headline]
    report = Report(
        title="LACE on this machine",
        summary=" ".join([*results, SUMMARY]),
        facts={
            "made in": f"{sum(found['seconds'] for found in ran) / 60:.0f} minutes",
            "training frames": f"{config.frames} robot, {config.frames} human",
            "held-out frames": f"{config.held_out} of each",
            "steps": config.steps,
            "seed": config.seed,
        },
        sections=[
            Grid("What is reduced here", ["", "the paper", "here"], rows, note),
            *(section for stage in finished for section in stage.sections(config)),
            Commands(
                "Run it yourself",
                [line(command) for found in ran for command in found["commands"]],
                "These commands made this report; each explains itself with --help.",
            ),
        ],
        config=json.loads(json.dumps(asdict(config), default=str)),
    )
    return write_report(config.out, report)
