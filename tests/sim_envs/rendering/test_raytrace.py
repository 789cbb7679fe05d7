"""Visibility predicted by one ray per keypoint against the image, and our texture sampler against a plain one."""

import numpy as np
import warp as wp

from lace.core.keypoints import Visibility
from sim_envs.rendering.texels import Texel, TextureRow, pack_textures, sample_linear


def test_one_ray_per_keypoint_predicts_the_visibility(source):
    """Never fewer than in the image, so that no valid frame is refused; rarely more."""
    indices, attempts = np.arange(source.worlds), np.zeros(source.worlds, int)
    foretold = source.visible(indices, attempts)
    shown = np.array([(frame.visibility == Visibility.VISIBLE).sum() for frame in source.frames(0, indices)])
    assert (foretold >= shown).all()
    assert (foretold - shown).mean() < 0.25
    assert shown.max() > 5 > shown.min()


@wp.kernel(enable_backward=False)
def sample_all(
    texels: wp.array[Texel],
    rows: wp.array[TextureRow],
    which: wp.int32,
    uv: wp.array[wp.vec2f],
    out: wp.array[wp.vec3f],
):
    tid = wp.tid()
    out[tid] = sample_linear(texels, rows[which], uv[tid])


def plain_sample(root, repeat, uv):
    """Bilinear, repeating, v up: the definition, one point at a time."""
    height, width = root.shape[:2]
    x, y = uv[0] * repeat * width - 0.5, (1 - uv[1] * repeat) * height - 0.5
    total = np.zeros(3)
    for row in (int(np.floor(y)), int(np.floor(y)) + 1):
        for column in (int(np.floor(x)), int(np.floor(x)) + 1):
            weight = (1 - abs(x - column)) * (1 - abs(y - row))
            total += weight * root[row % height, column % width]
    return (total / 255) ** 2


def test_textures_are_sampled_as_defined():
    rng = np.random.default_rng(0)
    roots = [rng.integers(0, 256, (8, 8, 3), np.uint8), rng.integers(0, 256, (6, 10, 3), np.uint8)]
    texels, rows = pack_textures(roots, [1.0, 2.5])
    uv = rng.uniform(-2, 2, (200, 2)).astype(np.float32)
    out = wp.zeros(200, dtype=wp.vec3f, device="cpu")
    arrays = [wp.array(texels, dtype=Texel, device="cpu"), wp.array(rows, dtype=TextureRow, device="cpu")]
    points = wp.array(uv, dtype=wp.vec2f, device="cpu")
    for which, repeat in enumerate([1.0, 2.5]):
        wp.launch(sample_all, dim=200, inputs=[*arrays, which, points], outputs=[out], device="cpu")
        expected = [plain_sample(roots[which].astype(float), repeat, point) for point in uv.astype(float)]
        np.testing.assert_allclose(out.numpy(), expected, atol=2e-4)
