"""Labels from what was rendered: keypoint visibility by segment and depth, boxes by segmentation. On the device."""

import numpy as np
import torch
import warp as wp

from lace.core import keypoints
from lace.core.camera import PinholeCamera
from lace.core.embodiment import Embodiment
from lace.core.keypoints import Visibility
from sim_envs.scenes.slots import SlotLayout

BEHIND = 0.03
"""A surface further than this behind its keypoint is not the keypoint's own [m]."""


class Labeller:
    """Labels batches of one embodiment."""

    def __init__(self, embodiment: Embodiment, layout: SlotLayout, device: str):
        self.layout, self.device = layout, device
        own = np.zeros((keypoints.COUNT, 256), bool)
        radius = np.zeros(keypoints.COUNT)
        for row in embodiment.keypoints:
            k = keypoints.INDEX[row.name]
            own[k, [layout.link_segment[link] for link in row.links]] = True
            radius[k] = row.radius
        self._own = torch.as_tensor(own, device=device)
        self._radius = torch.as_tensor(radius, dtype=torch.float32, device=device)
        self._present = torch.as_tensor(embodiment.present, device=device)

    def visibility(
        self,
        uv: np.ndarray,
        depth: np.ndarray,
        size: tuple[int, int],
        pixel: torch.Tensor,
        hit_segment: torch.Tensor,
        hit_depth: torch.Tensor,
    ) -> np.ndarray:
        """`Visibility` (n, 21) of keypoints at uv (n, 21, 2) [px] and depth (n, 21) [m].

        Visible: the ray through the keypoint first meets one of its own links, no nearer to the camera than the
        keypoint's radius allows nor clearly behind it, and the keypoint's pixel lies on the embodiment's mask.

        Args:
            uv: Projected keypoints, NaN where absent.
            depth: Their depth along the camera axis.
            size: Width and height of the image [px].
            pixel: Segment of the pixel that each keypoint falls into (n, 21), see `at_pixels`; where nothing was drawn
                yet, `hit_segment` stands in, which can only count too many as visible.
            hit_segment: What the ray through each keypoint meets (n, 21).
            hit_depth: Its depth (n, 21) [m].
        """
        uv_t = torch.as_tensor(_finite(uv), device=self.device)
        z = torch.as_tensor(np.nan_to_num(depth), dtype=torch.float32, device=self.device)
        inside = ((uv_t >= 0) & (uv_t < torch.tensor(size, device=self.device))).all(-1) & (z > 0)
        low, high = self.layout.body_ids
        own = self._own[torch.arange(keypoints.COUNT, device=self.device), hit_segment.long()]
        seen = own & (z - hit_depth <= self._radius) & (hit_depth - z <= BEHIND) & (pixel >= low) & (pixel <= high)
        state = torch.where(seen, int(Visibility.VISIBLE), int(Visibility.OCCLUDED))
        state = torch.where(inside, state, int(Visibility.OUT_OF_VIEW))
        state = torch.where(self._present, state, int(Visibility.ABSENT))
        return state.to(torch.uint8).cpu().numpy()

    def boxes(self, segment: torch.Tensor) -> dict[str, np.ndarray]:
        """Xyxy boxes (n, 4) float32 [px] of the embodiment, its hand and the target; NaN where nothing is seen."""
        spans = {
            "embodiment@segmentation": self.layout.body_ids,
            "hand@segmentation": self.layout.hand_ids,
            "target@segmentation": (self.layout.target_id, self.layout.target_id),
        }
        n, height, width = segment.shape
        ids = wp.array(np.array(list(spans.values()), np.int32), dtype=wp.int32, ndim=2, device=self.device)
        empty = np.tile(np.array([width, height, 0, 0], np.int32), (n, len(spans), 1))
        edges = wp.array(empty, dtype=wp.int32, ndim=3, device=self.device)
        wp.launch(
            find_edges, dim=(n, height), inputs=[wp.from_torch(segment), ids], outputs=[edges], device=self.device
        )
        boxes = edges.numpy().astype(np.float32)
        boxes[boxes[..., 2] == 0] = np.nan
        return dict(zip(spans, boxes.swapaxes(0, 1), strict=True))


@wp.kernel(enable_backward=False)
def find_edges(segment: wp.array3d[wp.uint8], spans: wp.array2d[wp.int32], edges: wp.array3d[wp.int32]):
    """Widens edges (n, spans, xyxy) to the pixels of each row whose segment lies in each span of ids (spans, 2)."""
    image, row = wp.tid()
    for span in range(spans.shape[0]):
        first = wp.int32(-1)
        last = wp.int32(-1)
        for column in range(segment.shape[2]):
            found = wp.int32(segment[image, row, column])
            if found >= spans[span, 0] and found <= spans[span, 1]:
                last = column
                if first < 0:
                    first = column
        if last >= 0:
            wp.atomic_min(edges, image, span, 0, first)
            wp.atomic_min(edges, image, span, 1, row)
            wp.atomic_max(edges, image, span, 2, last + 1)
            wp.atomic_max(edges, image, span, 3, row + 1)


def _finite(uv: np.ndarray) -> np.ndarray:
    return np.nan_to_num(uv, nan=-1.0, posinf=-1.0, neginf=-1.0)


def at_pixels(segment: torch.Tensor, uv: np.ndarray) -> torch.Tensor:
    """Segments (n, points) of images (n, height, width) at uv (n, points, 2) [px]; outside, at the nearest edge."""
    n, height, width = segment.shape
    uv_t = torch.as_tensor(_finite(uv), device=segment.device)
    x, y = uv_t[..., 0].clamp(0, width - 1).long(), uv_t[..., 1].clamp(0, height - 1).long()
    return segment[torch.arange(n, device=segment.device)[:, None], y, x]


def project(camera: PinholeCamera, points_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (n, 21, 3) to uv (n, 21, 2) float32 and depth (n, 21)."""
    uv, depth = camera.project(points_world)
    return uv.astype(np.float32), depth
