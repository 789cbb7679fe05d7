"""Policies from text: a registered name, the folder of a bundle, or a user's own function."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lace.core.code_identity import added_code, code_of
from lace.core.errors import InvalidValueError
from lace.core.plugins import PACKAGES, imported
from policies.policy import POLICIES, Observation, Policy, TwoPoints


def make_policy(text: str) -> Policy:
    """The policy that a text stands for, under that name.

    Args:
        text: `NAME` or `NAME:ARGUMENT` of POLICIES, the folder of a bundle, or `module:function` of the user's own.

    Raises:
        UnknownNameError: Nothing of that name, with the nearest one.
        LaceError: It is there and does not load.
    """
    if Path(text).is_dir():
        from policies.bundle import load_policy

        return load_policy(text, name=text)
    name, colon, argument = text.partition(":")
    if colon and name not in POLICIES:
        return FunctionPolicy(text, own_function(name, argument))
    return POLICIES[name](argument)


def identity_of(text: str) -> str:
    """Content identity of a policy: a bundle's hash, or that of a function's code, all that it uses, and its files."""
    if Path(text).is_dir():
        from policies.bundle import fingerprint

        return f"bundle {fingerprint(text)}"
    name, colon, argument = text.partition(":")
    if colon and name not in POLICIES:
        function, package = own_function(name, argument), name.partition(".")[0]
        return f"code {code_of(function, package=package, files=True, without=PACKAGES)[:16]}"
    added = added_code(POLICIES, name)
    return f"{text} of {added}" if added else text


@dataclass
class FunctionPolicy:
    """A function of the user's own as a policy: RGB (height, width, 3) uint8 in, two points (2, 2) [px] out."""

    name: str
    function: Callable[[np.ndarray], np.ndarray]

    def reset(self, seed: int) -> None:
        """See Policy."""

    def predict(self, observation: Observation) -> TwoPoints:
        """See Policy; ValueError where the function returns anything but two points."""
        points = np.asarray(self.function(observation.image))
        if points.shape != (2, 2):
            raise ValueError(
                f"it returned an array of shape {points.shape}, not (2, 2): end effector and target, u and v"
            )
        return TwoPoints(*points)


def own_function(module: str, function: str) -> Callable[[np.ndarray], np.ndarray]:
    """`function` of `module`, which may lie in the working directory; InvalidValueError where it is not there."""
    try:
        found = imported(module, function)
    except (ImportError, AttributeError) as error:
        raise InvalidValueError(
            f"loading the policy {module}:{function}",
            f"{error}",
            f"a bundle's folder, module:function, or one of {', '.join(POLICIES)}",
            "run from the folder of your module, or check the spelling",
        ) from error
    if not callable(found):
        raise InvalidValueError(
            f"loading the policy {module}:{function}",
            f"{function} is a {type(found).__name__}",
            "a function",
            "name one",
        )
    return found
