"""A policy of your own in the simulated cell: image in, two points out.

python examples/custom_policy.py runs/green
"""

import json
import sys
from pathlib import Path

import numpy as np

from policies import POLICIES
from policies.policy import Observation, TwoPoints
from sim_envs.config.scene import with_preset
from sim_envs.simulate import command
from sim_envs.simulate.config import SimulateConfig


class Green:
    """Finds the green target by colour; takes the darkest pixels for the hand."""

    name = "green"

    def reset(self, seed: int) -> None:
        """Nothing is random."""

    def predict(self, observation: Observation) -> TwoPoints:
        """Centres of the greenest and of the darkest pixels."""
        red, green, blue = np.moveaxis(observation.image.astype(float), -1, 0)
        return TwoPoints(centre(-(red + green + blue)), centre(green - (red + blue) / 2))


def centre(score: np.ndarray, share: float = 0.01) -> np.ndarray:
    """Centre (2,) u, v [px] of the `share` of pixels with the highest score (height, width)."""
    rows, columns = np.nonzero(score >= np.quantile(score, 1 - share))
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def main(out: Path, trials: int = 20) -> dict:
    """Compares the policy with the true points over `trials` trials; returns the results."""
    if "green" not in POLICIES:
        POLICIES.add("green", lambda _argument: Green())
    config = with_preset(SimulateConfig(out=out, policy=("green", "oracle"), trials=trials), "lab")
    command.main(config)
    return json.loads((out / "results.json").read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
