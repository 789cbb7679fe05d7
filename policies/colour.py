"""A policy without learning: target and hand are blobs of known colours. For first tests of a real cell."""

import re
from dataclasses import dataclass

import cv2
import numpy as np

from lace.core.errors import InvalidValueError
from policies.outcome import PlanRefused
from policies.policy import POLICIES, Observation, TwoPoints

TOLERANCE = 40.0
"""Largest distance from the colour in CIELAB, lightness counted half: shadows are darker than the colour itself."""
LEAST_PX = 12
"""Smaller blobs are noise [px]."""


@dataclass
class ColourBlobs:
    """The centre of the largest blob of each of two colours."""

    name: str
    target: np.ndarray
    """(3,) RGB."""
    end_effector: np.ndarray
    """(3,) RGB: of a sticker on the back of the hand, where the centre of the hand's box is seen."""

    def reset(self, seed: int) -> None:
        """See Policy."""

    def predict(self, observation: Observation) -> TwoPoints:
        """See Policy; PlanRefused where a colour is not in the image."""
        lab = _lab(observation.image)
        return TwoPoints(_centre(lab, self.end_effector, "the end effector"), _centre(lab, self.target, "the target"))


def _centre(lab: np.ndarray, colour: np.ndarray, what: str) -> np.ndarray:
    distance = np.linalg.norm((lab - _lab(colour[None, None].astype(np.uint8))[0, 0]) * (0.5, 1, 1), axis=-1)
    count, _labels, stats, centres = cv2.connectedComponentsWithStats((distance < TOLERANCE).astype(np.uint8))
    sizes = stats[1:, cv2.CC_STAT_AREA] if count > 1 else np.zeros(1)
    if sizes.max() < LEAST_PX:
        raise PlanRefused(
            f"looking for {what} by its colour",
            f"no blob of {colour.tolist()} larger than {LEAST_PX} pixels",
            "one in the image",
            "choose the colour as the camera sees it",
        )
    return centres[1 + int(sizes.argmax())] + 0.5  # OpenCV counts pixel centres from 0


def _lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def make_colour(argument: str) -> ColourBlobs:
    """`colour:TARGET/HAND`, each six hexadecimal digits: colour:28a03c/e69628."""
    found = re.fullmatch(r"([0-9a-fA-F]{6})/([0-9a-fA-F]{6})", argument)
    if not found:
        raise InvalidValueError(
            "building the policy 'colour'",
            f"the argument {argument!r}",
            "two RGB colours of six hexadecimal digits, of the target and of the hand",
            "write for example colour:28a03c/e69628",
        )
    target, hand = (np.frombuffer(bytes.fromhex(text), np.uint8).astype(float) for text in found.groups())
    return ColourBlobs(f"colour:{argument}", target, hand)


POLICIES.add("colour", make_colour)
