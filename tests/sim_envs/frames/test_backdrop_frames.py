"""Frames with a backdrop: it is visible where there is no geometry, and a frame does not depend on the batch."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import warp as wp

from lace.core.camera import PinholeCamera


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Images without the sensor model, in front of a panorama of noise; 6 at once."""
    from sim_envs.config.axes import HandAxis
    from sim_envs.config.scene import SceneConfig, with_preset
    from sim_envs.frames.source import SimulatedFrames

    path = tmp_path_factory.mktemp("around") / "p.png"
    cv2.imwrite(str(path), np.random.default_rng(5).integers(0, 256, (64, 128, 3)).astype(np.uint8))
    config = SceneConfig(width=72, height=64, shadows=False, backdrop=path, device="cpu")
    config = with_preset(config, "clean")
    return SimulatedFrames(replace(config, axes=replace(config.axes, hand=HandAxis(poses=16))), worlds=6)


def test_the_backdrop_is_what_shows_where_nothing_stands(source):
    records = source.frames(0, np.arange(6))
    for record in records:
        picture = wp.zeros((1, 64, 72, 3), dtype=wp.uint8, device="cpu")
        camera = PinholeCamera(record.K[None], record.T_world_cam[None], 72, 64)
        source.backdrop.render(camera, record.draws["backdrop"][None], picture)
        near = cv2.dilate((record.segmentation != 0).astype(np.uint8), np.ones((3, 3), np.uint8))  # edges are smooth
        empty = near == 0
        assert 0.02 < empty.mean() < 0.98 and record.room == "p.png"
        np.testing.assert_array_equal(record.image[empty], picture.numpy()[0][empty])


def test_a_frame_does_not_depend_on_its_batch(source):
    among, alone = source.frames(0, np.arange(6)), source.frames(0, np.array([4]))
    assert len(alone) == 1
    np.testing.assert_array_equal(alone[0].image, among[4].image)
    np.testing.assert_array_equal(source.frames(0, np.array([9, 4, 2]))[1].image, among[4].image)
