"""A frame written to a row and read back is equal where the format is lossless, and within stated bounds elsewhere."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from lace.core.errors import DatasetError, InvalidValueError
from lace.core.frames import FrameRecord
from lace.data.schema import (
    BOX_NAMES,
    DEPTH_UNIT_M,
    SCHEMA,
    box_column,
    constants_of,
    decode_row,
    encode_frame,
    to_json,
)
from tests.synthetic import make_frame


def there_and_back(record: FrameRecord, **options) -> FrameRecord:
    return decode_row(encode_frame(record, **options), constants_of(record))


def test_a_row_has_exactly_the_columns_of_the_schema():
    assert list(sorted(encode_frame(make_frame()))) == sorted(SCHEMA.names)


def test_png_row_gives_the_same_record():
    record = make_frame(3)
    back = there_and_back(record, image_format="png")
    names = ("image", "segmentation", "keypoints_uv", "keypoints_world", "visibility", "K", "T_world_cam")
    for name in (*names, "joint_positions", "T_world_link"):
        np.testing.assert_array_equal(getattr(back, name), getattr(record, name), err_msg=name)
        assert getattr(back, name).dtype == getattr(record, name).dtype
    for name in ("index", "seed", "attempt", "source", "embodiment", "preset", "room", "segments", "objects"):
        assert getattr(back, name) == getattr(record, name)
    assert back.joint_names == record.joint_names and back.link_names == record.link_names
    assert back.boxes.keys() == record.boxes.keys()
    for name, box in record.boxes.items():
        np.testing.assert_array_equal(back.boxes[name], box)


def test_jpeg_stays_close_and_is_at_full_chroma_from_quality_90():
    record = make_frame(1)
    record.image = cv2.GaussianBlur(record.image, (0, 0), 2)
    back = there_and_back(record, quality=95)
    assert np.abs(back.image.astype(int) - record.image).mean() < 2
    assert len(encode_frame(record, quality=90)["image"]) > 1.2 * len(encode_frame(record, quality=89)["image"])


def test_depth_keeps_half_a_step_saturates_and_marks_nothing_hit():
    record = make_frame()
    record.depth_m = np.random.default_rng(0).uniform(0.1, 13.0, record.depth_m.shape).astype(np.float32)
    record.depth_m[0, :4] = [0, 50, np.inf, np.nan]
    back = there_and_back(record).depth_m
    np.testing.assert_allclose(back[1:], record.depth_m[1:], atol=0.51 * DEPTH_UNIT_M, rtol=1e-6)
    np.testing.assert_allclose(back[0, :4], [0, 65535 * DEPTH_UNIT_M, 0, 0], rtol=1e-6)


def test_what_is_not_known_stays_none():
    full = make_frame()
    bare = FrameRecord(full.image, "photo", full.keypoints_uv, full.visibility)
    back = there_and_back(bare)
    for name in ("segmentation", "depth_m", "K", "T_world_cam", "keypoints_world", "joint_positions", "T_world_link"):
        assert getattr(back, name) is None
    assert back.boxes == {} and back.camera is None and back.segments == ()


def test_a_box_of_nothing_is_nan_not_none():
    record = make_frame()
    record.boxes = {name: np.full(4, np.nan, np.float32) for name in BOX_NAMES}
    assert np.isnan(there_and_back(record).boxes["target@segmentation"]).all()
    assert box_column("hand@segmentation") == "box_hand_segmentation"


def test_the_same_record_gives_the_same_bytes():
    a, b = encode_frame(make_frame(2)), encode_frame(make_frame(2))
    assert all(a[name] == b[name] for name in ("image", "segmentation", "depth", "draws", "objects"))


def test_json_takes_numpy_rounds_to_seven_digits_and_writes_null_for_nan():
    value = {"a": np.float32(0.1), "b": np.array([1.23456789, np.nan]), "c": np.True_, "d": np.int64(3), "e": (1e-12,)}
    expected = {"a": 0.1, "b": [1.234568, None], "c": True, "d": 3, "e": [1e-12]}
    assert json.loads(to_json(value)) == expected


def test_unknown_format_names_the_choices():
    with pytest.raises(InvalidValueError, match="jpg, png"):
        encode_frame(make_frame(), image_format="gif")


def test_unreadable_image_bytes_name_the_frame():
    row = encode_frame(make_frame(7)) | {"segmentation": b"not a png"}
    with pytest.raises(DatasetError, match="segmentation of frame 7"):
        decode_row(row, constants_of(make_frame()))


def test_a_shard_from_before_a_box_was_added_still_reads():
    record = make_frame()
    row = encode_frame(record)
    del row["box_target_owlv2"]
    assert decode_row(row, constants_of(record)).boxes.keys() == record.boxes.keys()


@pytest.mark.parametrize("seed", [0, -1, 2**63 - 1, 2**63, 2**64 + 5, -(2**70)])
def test_any_seed_is_stored_modulo_two_to_the_64(seed):
    record = replace(make_frame(), seed=seed)
    stored = decode_row(encode_frame(record), constants_of(record)).seed
    assert -(2**63) <= stored < 2**63 and (stored - seed) % 2**64 == 0
