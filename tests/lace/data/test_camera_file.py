"""Camera files: ours, ROS' with the extrinsics beside, several in one; bad ones are refused with the reason."""

import json
import os

import numpy as np
import pytest
import yaml

from lace.core.errors import InvalidValueError
from lace.core.geometry import look_at
from lace.data.camera_file import read_cameras

POSE = look_at(np.array([1.1, 0.2, 0.6]), np.array([0.45, 0, 0.05]))
OURS = {
    "K": [[300.0, 0, 160.5], [0, 304, 120.5], [0, 0, 1]],
    "distortion": [-0.2, 0.05, 0.001, 0.0, 0.0],
    "T_base_cam": POSE.tolist(),
    "width": 320,
    "height": 240,
}
ROS = {
    "image_width": 320,
    "image_height": 240,
    "camera_matrix": {"rows": 3, "cols": 3, "data": [300.0, 0, 160.0, 0, 304, 120.0, 0, 0, 1]},
    "distortion_model": "plumb_bob",
    "distortion_coefficients": {"rows": 1, "cols": 5, "data": OURS["distortion"]},
}


def write(path, values):
    path.write_text(json.dumps(values) if path.suffix == ".json" else yaml.safe_dump(values))
    return path


def same(one, two):
    return all(np.allclose(getattr(one, name), getattr(two, name)) for name in ("K", "distortion", "T_base_cam"))


def test_ros_counts_pixels_from_the_middle_of_the_first(tmp_path):
    from scipy.spatial.transform import Rotation

    [ours] = read_cameras(write(tmp_path / "ours.json", OURS))
    quat = dict(zip("xyzw", Rotation.from_matrix(POSE[:3, :3]).as_quat().tolist(), strict=True))
    beside = {"rotation": quat, "translation": dict(zip("xyz", POSE[:3, 3].tolist(), strict=True))}
    write(tmp_path / "front_extrinsics.yaml", beside)
    [theirs] = read_cameras(write(tmp_path / "front.yaml", ROS))
    assert same(ours, theirs) and (theirs.width, theirs.height) == (320, 240)


def test_several_cameras_of_a_list_or_a_folder(tmp_path):
    other = OURS | {"K": [[200.0, 0, 160], [0, 200, 120], [0, 0, 1]], "distortion": []}
    listed = read_cameras(write(tmp_path / "both.json", [OURS, other]))
    assert [camera.is_ideal for camera in listed] == [False, True]
    folder = tmp_path / "rig"
    folder.mkdir()
    write(folder / "a.json", OURS)
    write(folder / "b.json", other)
    assert all(same(one, two) for one, two in zip(read_cameras(folder), listed, strict=True))


def test_resizing_keeps_the_shape(tmp_path):
    [camera] = read_cameras(write(tmp_path / "ours.json", OURS))
    half = camera.resized(160, 120)
    assert np.allclose(half.K[:2], camera.K[:2] / 2)
    with pytest.raises(InvalidValueError, match="the shape of 320 x 240"):
        camera.resized(160, 160)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"K": None}, "TypeError|ValueError"),
        ({"width": 0}, "no image size"),
        ({"T_base_cam": np.ones((4, 4)).tolist()}, "no rotation"),
        ({"T_base_cam": (np.diag([1, 1, -1, 1])).tolist()}, "no rotation"),
        ({"T_base_cam": [[1, 0, 0, 850.0], [0, 1, 0, 0], [0, 0, 1, 400.0], [0, 0, 0, 1]]}, "is it in metres"),
        ({"K": [[300.0, 5, 160], [0, 304, 120], [0, 0, 1]]}, "skew"),
        ({"K": [[float("nan"), 0, 160], [0, 304, 120], [0, 0, 1]]}, "not finite"),
        ({"distortion": [-2.0, 0, 0, 0, 0]}, "cannot be undone"),
        ({"distortion": [0.1] * 12}, "12 distortion coefficients"),
    ],
)
def test_bad_files_are_refused_with_the_reason(tmp_path, change, reason):
    path = write(tmp_path / "bad.json", OURS | change)
    with pytest.raises(InvalidValueError, match=reason) as caught:
        read_cameras(path)
    assert "bad.json" in str(caught.value)


def test_missing_things_are_named(tmp_path):
    without = {name: value for name, value in OURS.items() if name != "T_base_cam"}
    with pytest.raises(InvalidValueError, match="'T_base_cam' is missing"):
        read_cameras(write(tmp_path / "a.json", without))
    with pytest.raises(InvalidValueError, match="b_extrinsics.yaml beside"):
        read_cameras(write(tmp_path / "b.yaml", ROS))
    with pytest.raises(InvalidValueError, match="equidistant"):
        read_cameras(write(tmp_path / "c.yaml", ROS | {"distortion_model": "equidistant"}))
    (tmp_path / "d.yaml").write_text("a: [1")
    with pytest.raises(InvalidValueError, match="while parsing a flow sequence"):
        read_cameras(tmp_path / "d.yaml")
    with pytest.raises(InvalidValueError, match="FileNotFoundError"):
        read_cameras(tmp_path / "nowhere.json")
    for content in (b"rotation: [", b"\xff\xfe", b"{rotation: {x: 0, y: 0, z: 0}}"):
        (tmp_path / "b_extrinsics.yaml").write_bytes(content)
        with pytest.raises(InvalidValueError, match="b_extrinsics.yaml: it does not read"):
            read_cameras(tmp_path / "b.yaml")
    (tmp_path / "b_extrinsics.yaml").unlink()
    os.mkfifo(tmp_path / "b_extrinsics.yaml")
    with pytest.raises(InvalidValueError, match="b_extrinsics.yaml: .* not a regular file"):
        read_cameras(tmp_path / "b.yaml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidValueError, match="no camera"):
        read_cameras(tmp_path / "empty")
