"""Attentive probes (paper, sec. 5.2 and E.2): pose and task points read from a frozen feature map.

Sinusoidal 2-D positions are added to the patch features, attention pools them, and a linear head reads the points. The
paper names no more; here features times GAIN are first projected to WIDTH, attention is torch's multi-head attention
with one learned query a point, normalised before the head; its sigmoid keeps points inside the picture as DETR's does.
"""

import torch
from torch import Tensor, nn

from lace.core.draws import seed64
from lace.core.geometry import Array
from lace.core.registry import Registry
from policies.labelled import POSE_NAMES, LabelledFrames
from policies.positions import patch_positions

WIDTH, HEADS = 128, 4
GAIN = 0.3
"""Of features before their projection. At 1 a probe on 1,560 frames fits the human's own features and finds fewer hands
and targets in held-out human frames, and in the robot's (docs/results_policy.md)."""


class AttentiveProbe(nn.Module):
    """(batch, rows, cols, dim) -> (batch, points, 2) as shares of the image, in (0, 1)."""

    def __init__(self, dim: int, points: int, seed: int = 0):
        """Builds it.

        Args:
            dim: Width of a feature.
            points: How many points are predicted.
            seed: Of the first weights; the global random state is left as it was.
        """
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed64(seed))
            self.project = nn.Linear(dim, WIDTH)
            self.queries = nn.Parameter(torch.randn(points, WIDTH) * 0.02)
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        return self.head(self.norm(self.pooled(features))).sigmoid()

    def pooled(self, features: Tensor) -> Tensor:
        """(batch, points, WIDTH): what `self.attention` gives for queries, keys and values of projected patches.

        All images have the same queries, so these are projected back onto the features, and what was pooled is
        projected, instead of every patch: the same sums, for a twentieth of the work (a test compares the two).
        """
        x, places = GAIN * features.flatten(1, 2), patch_positions(*features.shape[1:3], WIDTH, device=features.device)
        places = places.flatten(0, 1)
        to_query, to_key, to_value = self.attention.in_proj_weight.chunk(3)
        query_bias, _key_bias, value_bias = self.attention.in_proj_bias.chunk(3)  # a key's bias cancels in the softmax
        queries = nn.functional.linear(self.queries, to_query, query_bias).unflatten(-1, (HEADS, -1))
        keys, values = (weight.unflatten(0, (HEADS, -1)) for weight in (to_key, to_value))
        asked = torch.einsum("phe,hew->phw", queries, keys) / keys.shape[1] ** 0.5
        logits = torch.einsum("btd,phd->bpht", x, asked @ self.project.weight) + asked @ places.T
        attention = logits.softmax(-1)
        seen = self.project(torch.einsum("bpht,btd->bphd", attention, x)) + attention @ places
        read = torch.einsum("bphw,hew->bphe", seen, values).flatten(2) + value_bias
        return self.attention.out_proj(read)


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
