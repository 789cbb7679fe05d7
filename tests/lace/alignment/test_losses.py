"""The objective: computed by hand on a 2 x 2 grid, compared with algorithm 1 line by line, and its properties."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from lace.alignment.losses import (
    Pairs,
    align_loss,
    align_terms,
    all_pairs_terms,
    gram_loss,
    keypoint_rows,
    make_pairs,
    normalized,
    reference_loss,
)

IMAGES, PATCHES, DIM, KEYPOINTS = 6, 9, 5, 7


def total_loss(student, teacher, pairs, *, tau=1.0, lam=1.0, kl="reverse"):
    """Eq. 3 with `lam` the weight of the Gram loss."""
    return align_loss(student, teacher, pairs, tau, kl) + lam * gram_loss(student, teacher)


@pytest.fixture
def case():
    """(student, teacher, pairs, patch, visible) in double precision."""
    g = torch.Generator().manual_seed(0)
    student, teacher = (
        normalize(torch.randn(IMAGES, PATCHES, DIM, generator=g, dtype=torch.float64), dim=-1) for _ in range(2)
    )
    patch = torch.randint(0, PATCHES, (IMAGES, KEYPOINTS), generator=g)
    visible = torch.rand(IMAGES, KEYPOINTS, generator=g) < 0.7
    pairs = make_pairs(torch.tensor([0, 1, 2, 4]), torch.tensor([3, 2, 5, 0]), patch, visible)
    return student, teacher, pairs, patch, visible


def test_worked_by_hand():
    """2 x 2 grid, 2 features. Teacher row of patch 0: similarities (1, 0, 0, 0); student's query: (0, 1, 1, 1)."""
    e1, e2 = [1.0, 0.0], [0.0, 1.0]
    image_a, image_b = [e1, e2, e2, e2], [e2, e1, e1, e1]
    features = torch.tensor([image_a, image_b])
    one = torch.tensor([[0]])
    pairs = Pairs(torch.tensor([0]), torch.tensor([1]), one, one, torch.tensor([[True]]))
    e = math.e
    p = [e / (e + 3), *[1 / (e + 3)] * 3]
    q = [1 / (1 + 3 * e), *[e / (1 + 3 * e)] * 3]
    reverse = sum(y * math.log(y / x) for x, y in zip(p, q, strict=True))
    forward = sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))
    assert float(align_loss(features, features, pairs)) == pytest.approx(reverse, abs=1e-6)
    assert float(align_loss(features, features, pairs, kl="forward")) == pytest.approx(forward, abs=1e-6)
    # Gram matrices: the student's is all ones, the teacher's has 6 zeros of 16 off its two blocks.
    assert float(gram_loss(torch.tensor([[e1] * 4]), torch.tensor([image_a]))) == pytest.approx(6 / 16)


@pytest.mark.parametrize("kl", ["reverse", "forward"])
@pytest.mark.parametrize("tau", [1.0, 0.1])
def test_agrees_with_algorithm_1(case, kl, tau):
    student, teacher, _, patch, visible = case
    """Each image is an anchor once, so the Gram terms are also over the same images."""
    images = torch.arange(IMAGES)
    pairs = make_pairs(images[:3], images[3:], patch, visible)
    student.requires_grad_()
    batched = total_loss(student, teacher, pairs, tau=tau, lam=0.7, kl=kl)
    plain = reference_loss(lambda i: student[i], lambda i: teacher[i], images, pairs, tau=tau, lam=0.7, kl=kl)
    assert batched.item() == pytest.approx(plain.item(), abs=1e-5)
    slopes = [torch.autograd.grad(loss, student)[0] for loss in (batched, plain)]
    torch.testing.assert_close(*slopes, atol=1e-8, rtol=1e-6)


def test_gradients_match_finite_differences(case):
    _, teacher, pairs, patch, visible = case
    raw = torch.randn(IMAGES, 3, 3, DIM, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    raw.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: total_loss(normalized(x), teacher, pairs, tau=0.5), raw)
    assert torch.autograd.gradcheck(lambda x: all_pairs_terms(normalized(x), teacher, patch, visible).kl, raw)


def test_all_pairs_is_every_ordered_pair(case):
    student, teacher, _, patch, visible = case
    a, b = (index.flatten() for index in torch.meshgrid(*[torch.arange(IMAGES)] * 2, indexing="ij"))
    a, b = a[a != b], b[a != b]
    listed = align_terms(student, teacher, make_pairs(a, b, patch, visible, both=False), tau=0.3)
    torch.testing.assert_close(tuple(all_pairs_terms(student, teacher, patch, visible, tau=0.3)), tuple(listed))


def test_anchors_and_others_of_parts_add_up_to_the_whole(case):
    """As in multi-process training: each process uses its own anchors against the keypoint rows of all processes."""
    student, teacher, _, patch, visible = case
    whole = all_pairs_terms(student, teacher, patch, visible)
    rows, differ = keypoint_rows(student, patch, visible), ~torch.eye(IMAGES, dtype=torch.bool)
    parts = [
        all_pairs_terms(student[i], teacher[i], patch[i], visible[i], others=rows, allowed=differ[i])
        for i in (slice(0, 2), slice(2, IMAGES))
    ]
    torch.testing.assert_close(tuple(map(sum, zip(*parts, strict=True))), tuple(whole))


def test_order_of_keypoints_pairs_and_images_does_not_matter(case):
    student, teacher, pairs, patch, visible = case
    loss = total_loss(student, teacher, pairs)
    shuffle = torch.randperm(KEYPOINTS)
    columns = [pairs.patch_a[:, shuffle], pairs.patch_b[:, shuffle], pairs.shared[:, shuffle]]
    torch.testing.assert_close(total_loss(student, teacher, Pairs(pairs.a, pairs.b, *columns)), loss)
    order = torch.randperm(IMAGES)
    place = order.argsort()
    moved = pairs._replace(a=place[pairs.a], b=place[pairs.b])
    torch.testing.assert_close(total_loss(student[order], teacher[order], moved), loss)


def test_gram_ignores_a_rotation_of_the_whole_space(case):
    student, *_ = case
    rotation = torch.linalg.qr(torch.randn(DIM, DIM, dtype=torch.float64))[0]
    assert float(gram_loss(student @ rotation, student)) < 1e-20
    assert float(gram_loss(-student, student)) < 1e-20


def test_identical_images_have_zero_loss_when_student_is_teacher(case):
    student, _, _, patch, visible = case
    student[1], patch[1], visible[1] = student[0], patch[0], True
    visible[0] = True
    pairs = make_pairs(torch.tensor([0]), torch.tensor([1]), patch, visible)
    assert abs(float(total_loss(student, student, pairs, tau=0.1))) < 1e-12


def test_hidden_keypoints_do_not_affect_the_loss(case):
    student, teacher, pairs, *_ = case
    wild = pairs._replace(
        patch_a=torch.where(pairs.shared, pairs.patch_a, 0), patch_b=torch.where(pairs.shared, pairs.patch_b, 8)
    )
    torch.testing.assert_close(align_loss(student, teacher, wild), align_loss(student, teacher, pairs))
    none = pairs._replace(shared=torch.zeros_like(pairs.shared))
    assert float(align_loss(student, teacher, none)) == 0


def test_entropy_of_a_uniform_distribution_is_log_patches():
    same = torch.ones(2, 4, 1)
    pairs = make_pairs(torch.tensor([0]), torch.tensor([1]), torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1) > 0)
    terms = align_terms(same, same, pairs)
    assert float(terms.entropy_p / terms.count) == pytest.approx(math.log(4))
    assert float(terms.entropy_q / terms.count) == pytest.approx(math.log(4))
