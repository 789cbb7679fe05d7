"""Attentive probes (paper, sec. 5.2 and E.2): pose and task points read from a frozen feature map.

Sinusoidal 2-D positions are added to the patch features, attention pools them, and a linear head reads the points. The
paper names no more; here each point has HEADS queries, and attention is the softmax of query times feature.
"""

import torch
from torch import Tensor, nn

from lace.core.draws import seed64
from lace.core.geometry import Array
from lace.core.registry import Registry
from policies.labelled import POSE_NAMES, LabelledFrames
from policies.positions import sine_positions

HEADS = 4
"""Queries of each point: each pools one feature, and the linear head sees them side by side."""


class AttentiveProbe(nn.Module):
    """(batch, rows, cols, dim) -> (batch, points, 2) as shares of the image."""

    def __init__(self, dim: int, points: int, seed: int = 0):
        """Builds it.

        Args:
            dim: Width of a feature; a multiple of 4.
            points: How many points are predicted.
            seed: Of the first weights; the global random state is left as it was.
        """
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed64(seed))
            self.queries = nn.Parameter(torch.randn(points, HEADS, dim) * 0.02)
            self.head = nn.Linear(HEADS * dim, 2)
        nn.init.constant_(self.head.bias, 0.5)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        x = (features + sine_positions(*features.shape[1:], device=features.device)).flatten(1, 2)
        attention = torch.einsum("btd,phd->bpht", x, self.queries).softmax(-1)
        pooled = torch.einsum("bpht,btd->bphd", attention, x)
        return self.head(pooled.flatten(2))


def pose_targets(frames: LabelledFrames) -> Array:
    """Wrist and four fingertips (n, 5, 2) as shares of the image."""
    return frames.pose / frames.size


def point_targets(frames: LabelledFrames) -> Array:
    """Middles of the embodiment's and the target's boxes (n, 2, 2) as shares of the image."""
    return frames.points / frames.size


TASKS: Registry = Registry("probe task")
"""Name -> (targets of frames, names of the points)."""
TASKS.add("pose", (pose_targets, POSE_NAMES))
TASKS.add("localisation", (point_targets, ("end effector", "target")))
