"""One of each kind of thing that a package can add: see pyproject.toml for the names under which it adds them."""

import time
from dataclasses import replace

import numpy as np
import torch

from assets.objects.atlas import SIDE
from assets.objects.mesh import extrude, upright
from assets.objects.spec import ObjectSpec
from assets.robots.ur5e_rod import UR5E_ROD
from lace.backbones import BackboneSpec
from policies.policy import Observation, TwoPoints
from real_bridge.cameras import Frame

ROD = replace(UR5E_ROD, name="my_rod")
"""An embodiment is a Recipe (docs/add-an-embodiment.md)."""

SQUARE = [(-0.02, -0.02), (0.02, -0.02), (0.02, 0.02), (-0.02, 0.02)]
BLOCK = ObjectSpec(
    name="my_block",
    family="block",
    role="target",
    build=lambda: upright(extrude(SQUARE, 0.09, SIDE, SIDE), 0.09),
    texture=lambda rng: np.full((256, 256, 3), rng.integers(60, 220, 3), np.uint8),
    height_m=(0.08, 0.10),
    mass_kg=(0.05, 0.10),
)
"""An object is an ObjectSpec."""


class Patches(torch.nn.Module):
    """Mean colour of each 16 x 16 patch, as a backbone (lace.backbones.Backbone has the whole protocol)."""

    name, patch, dim = "my_patches", 16, 3

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(batch, 3, H, W) in [0, 1] to (batch, rows, columns, 3)."""
        return torch.nn.functional.avg_pool2d(images, self.patch).permute(0, 2, 3, 1)

    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        """(batch, 3)."""
        return images.mean((2, 3))


PATCHES = BackboneSpec(licence="Apache-2.0", build=lambda image_size: Patches().eval())
"""A backbone is a BackboneSpec whose `build` makes it."""


class Guess:
    """A policy is made from the text after the colon of NAME:ARGUMENT; this one always says the image's middle."""

    name = "my_guess"

    def __init__(self, argument: str = ""):
        self.argument = argument

    def reset(self, seed: int) -> None:
        """Nothing is random."""

    def predict(self, observation: Observation) -> TwoPoints:
        """The middle of the image, twice [px]."""
        middle = np.array(observation.image.shape[1::-1]) / 2
        return TwoPoints(middle, middle)


class GreyCamera:
    """A camera is made from the text after the colon of KIND:ARGUMENT; this one shows a grey wall."""

    def __init__(self, argument: str = ""):
        self.argument, self.taken = argument, 0

    def newest(self) -> Frame:
        """A frame of now."""
        self.taken += 1
        return Frame(image=np.full((240, 320, 3), 128, np.uint8), stamp_s=time.monotonic(), number=self.taken)

    def close(self) -> None:
        """Nothing is open."""
