"""MediaPipe's hand models (Zhang et al. 2020), run by LiteRT: hands, their keypoints, left or right."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from lace.core.keypoints import COUNT
from lace.data.hands.decoding import HAND_PX, PALM_PX, Square, crop, decode_palms, hand_squares, whole
from lace.data.hands.weights import hand_models

CONFIDENCE = 0.5
"""Least score of a palm, and least presence of a hand: MediaPipe's own defaults."""
MOST_HANDS = 10
DEPTH_SCALE = 0.4
"""`normalize_z` of the graph's TensorsToLandmarksCalculator."""


@dataclass(frozen=True)
class Hand:
    """One hand in an image."""

    keypoints_uv: np.ndarray
    """(21, 2) float32 [px], also where the model guesses hidden or cut off ones; order as everywhere here."""
    depth: np.ndarray
    """(21,) float32: distance behind the wrist, in pixels of the image (weak perspective)."""
    presence: float
    """That there is a hand in the square, in [0, 1]."""
    right: float
    """That it is a right hand, in an image that is not mirrored, in [0, 1]."""

    @property
    def is_right(self) -> bool:
        """Whether it looks more like a right hand than a left one."""
        return self.right >= 0.5

    @property
    def box(self) -> np.ndarray:
        """Box xyxy [px] (4,) float32 around the keypoints."""
        return np.concatenate([self.keypoints_uv.min(0), self.keypoints_uv.max(0)])


class HandDetector:
    """Finds hands in single images: palms in the whole image, then keypoints in a turned square around each."""

    def __init__(self, own: Path | None = None, most: int = MOST_HANDS, confidence: float = CONFIDENCE):
        """Loads both models, which are fetched on first use (36 MB).

        Args:
            own: The user's own assets, see `hand_models`.
            most: At most so many palms are looked into, the best ones.
            confidence: Least score of a palm, and least presence of a hand, in [0, 1].
        """
        self._palm, self._hand = map(_Model, hand_models(own))
        self.most, self.confidence = most, confidence

    def hands(self, image: np.ndarray) -> list[Hand]:
        """The hands in an RGB image (height, width, 3) uint8, best palm first."""
        seen = whole(image)
        boxes, logits = self._palm(crop(image, seen, PALM_PX, cv2.BORDER_CONSTANT))
        palms = decode_palms(boxes[0], logits[0, :, 0], seen, self.confidence)
        squares = hand_squares(palms, self.most)
        return [hand for square in squares if (hand := self.look(image, square)) is not None]

    def look(self, image: np.ndarray, square: Square) -> Hand | None:
        """The hand in a square of the image, whose fingers point up in it; None where there is none."""
        points, presence, right, _metres = self._hand(crop(image, square, HAND_PX, cv2.BORDER_REPLICATE))
        if presence.item() < self.confidence:
            return None
        points = points.reshape(COUNT, 3) / HAND_PX
        uv, depth = square.to_image(points[:, :2]), points[:, 2] * square.side / DEPTH_SCALE
        # MediaPipe calls this output "Left", since it takes its images for mirrored ones (selfies).
        return Hand(uv.astype(np.float32), depth, presence.item(), right.item())


class _Model:
    """One .tflite file: an image (n, n, 3) in, its outputs in their order in the file."""

    def __init__(self, path: Path):
        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = sorted(self._interpreter.get_output_details(), key=lambda output: output["name"])
        self._outputs = [output["index"] for output in outputs]

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
