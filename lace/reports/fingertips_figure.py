"""Close-up figure: where each fingertip of some hands is found on other hands."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from lace.backbones.described import Described
from lace.reports.correspondence_figure import LETTERS, mark_answer, mark_part, show_described
from lace.reports.figures import png


def fingertips_figure(
    images: tuple[Sequence[np.ndarray], Sequence[np.ndarray]], described: Mapping[str, tuple[Described, Described]]
) -> bytes:
    """PNG: a row for each pair of source and target, and in it the source, then the target for each backbone.

    A filled dot is the patch most similar to the source's wrist or fingertip, the ring of its colour the truth.

    Args:
        images: Source and target images (height, width, 3) uint8, at any resolution; pair k is (source k, target k).
        described: Title of a backbone -> (described source images, described target images).
    """
    count = min(map(len, images))
    figure = Figure(figsize=(3.2 * (1 + len(described)), 3.4 * count), layout="constrained")
    axes = figure.subplots(count, 1 + len(described), squeeze=False)
    source, target = next(iter(described.values()))
    for k in range(count):
        shared = [p for p in LETTERS if p < source.visible.shape[1] and source.visible[k, p] and target.visible[k, p]]
        show_described(axes[k, 0], images[0][k], source, "the parts asked for" if k == 0 else "")
        for part in shared:
            mark_part(axes[k, 0], source.keypoints[k, part].numpy(), part)
        for ax, (title, (a, b)) in zip(axes[k, 1:], described.items(), strict=True):
            found = b.centres[(a.descriptors[k, shared] @ b.features[k].T).argmax(-1)].numpy()
            right = on_the_right_finger(b.keypoints[k].numpy(), b.visible[k].numpy(), found, shared)
            told = f"{int(right.sum())} of {len(shared)} on the right finger"
            show_described(ax, images[1][k], b, f"{title}: {told}" if title and k == 0 else told)
            for part, here in zip(shared, found, strict=True):
                mark_answer(ax, here, b.keypoints[k, part].numpy(), part)
    return png(figure)


def on_the_right_finger(
    keypoints: np.ndarray, visible: np.ndarray, found: np.ndarray, parts: Sequence[int]
) -> np.ndarray:
    """Whether the visible keypoint nearest to each answer is of the finger asked for.

    Args:
        keypoints: (keypoints, 2) [px] of the target.
        visible: (keypoints,) bool.
        found: (n, 2) [px], the answers.
        parts: Keypoint numbers (n,) asked for.

    Returns:
        (n,) bool.
    """
    seen = np.flatnonzero(visible)
    distances = np.linalg.norm(found[:, None] - keypoints[None, seen], axis=-1)
    return (seen[distances.argmin(1)] + 3) // 4 == (np.asarray(parts) + 3) // 4
