"""The LACE objective (paper sec. 4.3, eq. 1-3, algorithm 1) as pure functions, and a direct reference implementation.

All features are L2-normalised patch features (images, patches, dim). A choice the paper leaves open: the mean over
"the shared keypoints" is taken over all (pair, keypoint) entries of the batch, so all entries have equal weight.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

KL = Literal["reverse", "forward"]
Encoder = Callable[[Tensor], Tensor]


class Pairs(NamedTuple):
    """Ordered pairs (a, b) of images in a batch with the patches of their keypoints; a is the anchor of P and Q."""

    a: Tensor
    """(pairs,) index of the anchor image."""
    b: Tensor
    """(pairs,) index of the other image."""
    patch_a: Tensor
    """(pairs, keypoints) patch index of each keypoint in a; any valid index where not shared."""
    patch_b: Tensor
    shared: Tensor
    """(pairs, keypoints) bool: visible in both."""


class Alignment(NamedTuple):
    """Sums over (pair, keypoint) entries; divide by `count` for means."""

    kl: Tensor
    entropy_p: Tensor
    entropy_q: Tensor
    """Entropies [nat], without gradient; log(patches) means uniform."""
    count: Tensor


def normalized(features: Tensor) -> Tensor:
    """Patch grid (images, rows, cols, dim) to L2-normalised tokens (images, rows * cols, dim)."""
    return functional.normalize(features.flatten(1, 2), dim=-1)


def make_pairs(a: Tensor, b: Tensor, patch: Tensor, visible: Tensor, both: bool = True) -> Pairs:
    """Pairs from image indices a, b (pairs,) and per-image keypoint patches and visibility (images, keypoints).

    `both` also adds every pair in reverse order (sec. 4.2: pairs are drawn from all ordered combinations).
    """
    if both:
        a, b = torch.cat([a, b]), torch.cat([b, a])
    return Pairs(a, b, patch[a], patch[b], visible[a] & visible[b])


def align_terms(student: Tensor, teacher: Tensor, pairs: Pairs, tau: float = 1.0, kl: KL = "reverse") -> Alignment:
    """Eq. 1 over all entries at once.

    Only the shared (pair, keypoint) entries are computed: P once per (image, keypoint patch) of the anchor.

    Args:
        student: (images, patches, dim), L2-normalised, with gradient.
        teacher: Same shape; its gradient is cut.
        pairs: Which images and patches correspond.
        tau: Temperature.
        kl: "reverse" is D(Q || P) of the paper, "forward" is D(P || Q) (table 6).
    """
    self_rows = teacher.detach()[pairs.a[:, None], pairs.patch_a]  # (pairs, keypoints, dim)
    cross_rows = student[pairs.b[:, None], pairs.patch_b]
    log_p = torch.bmm(self_rows, teacher.detach()[pairs.a].transpose(1, 2)).div(tau).log_softmax(-1)
    log_q = torch.bmm(cross_rows, student[pairs.a].transpose(1, 2)).div(tau).log_softmax(-1)
    return _summed(log_p, log_q, pairs.shared, kl)


class KeypointRows(NamedTuple):
    """The features of the keypoint patches of some images."""

    rows: Tensor
    """(images, keypoints, dim), L2-normalised."""
    visible: Tensor
    """(images, keypoints) bool."""


def keypoint_rows(features: Tensor, patch: Tensor, visible: Tensor) -> KeypointRows:
    """Rows of `features` (images, patches, dim) at `patch` (images, keypoints)."""
    return KeypointRows(features.gather(1, patch[..., None].expand(-1, -1, features.shape[-1])), visible)


def all_pairs_terms(
    student: Tensor,
    teacher: Tensor,
    patch: Tensor,
    visible: Tensor,
    *,
    tau: float = 1.0,
    kl: KL = "reverse",
    others: KeypointRows | None = None,
    allowed: Tensor | None = None,
) -> Alignment:
    """Eq. 1 over every ordered pair of different images in the batch, from the same forward pass.

    Args:
        student: (images, patches, dim), L2-normalised, of the anchors.
        teacher: Same shape.
        patch: (images, keypoints) patch index of each keypoint.
        visible: (images, keypoints) bool.
        tau: Temperature.
        kl: As in `align_terms`.
        others: The student's query rows; default those of the anchors.
        allowed: (images, others) bool, which (anchor, other) may pair; default all but an image with itself.
    """
    teacher = teacher.detach()
    others = others or keypoint_rows(student, patch, visible)
    if allowed is None:
        allowed = ~torch.eye(len(student), dtype=torch.bool, device=student.device)
    log_p = (keypoint_rows(teacher, patch, visible).rows @ teacher.transpose(1, 2)).div(tau).log_softmax(-1)[:, None]
    log_q = torch.einsum("bkc,anc->abkn", others.rows, student).div(tau).log_softmax(-1)
    shared = visible[:, None] & others.visible[None] & allowed[..., None]
    return _summed(log_p, log_q, shared, kl)


def _summed(log_p: Tensor, log_q: Tensor, shared: Tensor, kl: KL) -> Alignment:
    """Sums of KL and entropies over the shared entries (..., keypoints) of log distributions (..., keypoints, n)."""
    p, q = log_p.exp(), log_q.exp()
    divergence = (q * (log_q - log_p)).sum(-1) if kl == "reverse" else (p * (log_p - log_q)).sum(-1)
    with torch.no_grad():
        entropy_p = -(p * log_p).sum(-1).expand_as(shared)
        entropy_q = -(q * log_q).sum(-1)
    sums = (torch.where(shared, value, 0).sum() for value in (divergence, entropy_p, entropy_q))
    return Alignment(*sums, shared.sum())


def align_loss(student: Tensor, teacher: Tensor, pairs: Pairs, tau: float = 1.0, kl: KL = "reverse") -> Tensor:
    """Mean of eq. 1 over the shared (pair, keypoint) entries; zero if there is none."""
    terms = align_terms(student, teacher, pairs, tau, kl)
    return terms.kl / terms.count.clamp(min=1)


def gram_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Eq. 2 averaged over every image of the batch: MSE of Gram matrices (patches x patches), nothing clamped."""
    teacher = teacher.detach()
    return functional.mse_loss(student @ student.transpose(1, 2), teacher @ teacher.transpose(1, 2))


def reference_loss(
    f: Encoder, f_bar: Encoder, images: Tensor, pairs: Pairs, *, tau: float = 1.0, lam: float = 1.0, kl: KL = "reverse"
) -> Tensor:
    """Algorithm 1 line by line with its forward passes, one keypoint of one pair at a time; tests compare with it.

    Slow. `f` is the student, `f_bar` the EMA model; both give L2-normalised features (images, patches, dim).
    """
    z_a, z_b = f(images[pairs.a]), f(images[pairs.b])
    with torch.no_grad():
        z_bar_a = f_bar(images[pairs.a])
    terms = []
    for i, k in pairs.shared.nonzero().tolist():
        q = torch.softmax(z_b[i, pairs.patch_b[i, k]] @ z_a[i].T / tau, 0)
        p = torch.softmax(z_bar_a[i, pairs.patch_a[i, k]] @ z_bar_a[i].T / tau, 0)
        terms.append((q * (q / p).log()).sum() if kl == "reverse" else (p * (p / q).log()).sum())
    align = torch.stack(terms).mean() if terms else z_a.sum() * 0
    gram = functional.mse_loss(z_a @ z_a.transpose(1, 2), z_bar_a @ z_bar_a.transpose(1, 2))
    return align + lam * gram
