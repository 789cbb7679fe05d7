"""Diagnostic policies that use the ground truth or a fixed answer; they measure the cell and the primitive."""

from dataclasses import dataclass

import numpy as np

from lace.core.draws import Draws
from lace.core.errors import InvalidValueError
from policies.policy import POLICIES, Observation, TwoPoints


@dataclass
class Noise:
    """The true points plus Gaussian noise [px]; `sigma_px` 0 is the oracle.

    The same seed gives the same noise direction for every sigma.
    """

    name: str
    sigma_px: float
    """Standard deviation of each coordinate [px]."""
    seed: int = 0

    def reset(self, seed: int) -> None:
        """See Policy."""
        self.seed = seed

    def predict(self, observation: Observation) -> TwoPoints:
        """See Policy; raises InvalidValueError without ground truth."""
        truth = observation.truth
        if truth is None:
            raise InvalidValueError(
                f"predicting with {self.name!r}",
                "an observation without truth",
                "a simulated cell, which knows the truth",
                "use a trained policy on a real robot",
            )
        offset = Draws(self.seed, 0).normal("instrument.noise", self.sigma_px, 4)[0]
        return TwoPoints(truth.end_effector + offset[:2], truth.target + offset[2:])


@dataclass
class Frozen:
    """Ignores the image: both points are its centre."""

    name: str = "frozen"

    def reset(self, seed: int) -> None:
        """See Policy."""

    def predict(self, observation: Observation) -> TwoPoints:
        """See Policy."""
        height, width = observation.image.shape[:2]
        middle = np.array([width / 2, height / 2])
        return TwoPoints(middle, middle.copy())


def _no_argument(name: str, argument: str) -> None:
    if argument:
        raise InvalidValueError(
            f"building the policy {name!r}", f"the argument {argument!r}", "no argument", f"write {name!r} alone"
        )


def make_oracle(argument: str) -> Noise:
    """`oracle`: the true points."""
    _no_argument("oracle", argument)
    return Noise("oracle", 0.0)


def make_noise(argument: str) -> Noise:
    """`noise:SIGMA`: SIGMA in pixels of the image, finite and not negative."""
    try:
        sigma = float(argument)
    except ValueError:
        sigma = np.nan
    if not 0 <= sigma < np.inf:
        raise InvalidValueError(
            "building the policy 'noise'",
            f"the standard deviation {argument!r}",
            "a number of pixels, 0 or more",
            "write for example noise:8",
        )
    return Noise(f"noise:{argument}", sigma)


def make_frozen(argument: str) -> Frozen:
    """`frozen`: the centre of the image."""
    _no_argument("frozen", argument)
    return Frozen()


POLICIES.add("oracle", make_oracle)
POLICIES.add("noise", make_noise)
POLICIES.add("frozen", make_frozen)
