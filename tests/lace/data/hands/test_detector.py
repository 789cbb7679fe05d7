"""Our decoding of MediaPipe's hand models against MediaPipe's own results, and geometric consequences."""

import json
from zipfile import ZipFile

import numpy as np
import pytest

from lace.core.errors import AssetError
from lace.core.wheels import unpack
from lace.data.hands.decoding import (
    PALM_PX,
    Palms,
    Square,
    anchors,
    crop,
    decode_palms,
    hand_squares,
    overlaps,
    square_around,
    whole,
)
from lace.data.hands.detector import HandDetector
from lace.data.hands.sharpness import MIN_SHARPNESS, hand_sharpness
from lace.data.hands.weights import HAND_MODELS, hand_models
from tests.films import HANDS, picture

SAID = json.loads((HANDS / "mediapipe_0.10.21.json").read_text())
SAME_PX = 2.0
"""For images of 256 px; differences from MediaPipe's results were 0.00 to 0.37 on 68 images."""


@pytest.fixture(scope="module")
def detector():
    return HandDetector(most=4)


@pytest.mark.parametrize("name", SAID)
def test_the_same_hands_as_mediapipe(detector, name):
    image = picture(name)
    hands = detector.hands(image)
    assert len(hands) == len(SAID[name])
    for hand, said in zip(hands, SAID[name], strict=True):
        away = np.linalg.norm(hand.keypoints_uv - np.array(said["uv"]), axis=1).max()
        assert away < SAME_PX * max(image.shape[:2]) / 256
        assert hand.is_right == (said["label"] == "Left"), "MediaPipe speaks of mirrored pictures"
        assert max(hand.right, 1 - hand.right) == pytest.approx(said["score"], abs=0.02)


def test_the_golden_pictures_show_what_they_should():
    assert {len(said) for said in SAID.values()} >= {1, 2}
    assert {hand["label"] for said in SAID.values() for hand in said} == {"Left", "Right"}


def test_a_mirrored_picture_has_mirrored_points_and_the_other_hand(detector):
    image = picture("plain_0")
    (hand,), (other,) = detector.hands(image), detector.hands(np.ascontiguousarray(image[:, ::-1]))
    assert hand.is_right and not other.is_right
    away = other.keypoints_uv * [-1, 1] + [image.shape[1], 0] - hand.keypoints_uv
    assert np.linalg.norm(away, axis=1).max() < 12  # a twentieth of the picture


@pytest.mark.parametrize("shape", [(16, 16, 3), (1, 900, 3), (300, 2, 3)])
def test_a_picture_of_nothing_has_no_hand(detector, shape):
    assert detector.hands(np.full(shape, 128, np.uint8)) == []


def test_one_anchor_for_each_of_the_models_boxes():
    points = anchors()
    assert points.shape == (2016, 2) and points.min() == 4 / PALM_PX and points.max() == 1 - 4 / PALM_PX
    np.testing.assert_allclose(points[[0, 1, 2]] * PALM_PX, [[4, 4], [4, 4], [12, 4]])
    np.testing.assert_allclose(points[1152] * PALM_PX, [8, 8])


def test_palms_are_decoded_and_merged_by_hand_worked_numbers():
    boxes, logits = np.zeros((2016, 18), np.float32), np.full(2016, -50, np.float32)
    boxes[0, 2:4], boxes[2, 2:4], boxes[-1, 2:4] = 40, 40, 20  # at (4, 4), (12, 4) and (184, 184) of 192
    logits[[0, 2, -1]] = 2.0, np.log(3), 0.1
    palms = decode_palms(boxes, logits, Square(np.array([192.0, 192.0]), 384.0, 0.0), 0.5)
    first, second = 1 / (1 + np.exp(-2)), 0.75
    x = 2 * (4 * first + 12 * second) / (first + second)
    np.testing.assert_allclose(palms.boxes, [[x - 40, 8 - 40, x + 40, 8 + 40], [348, 348, 388, 388]], rtol=1e-5)
    np.testing.assert_allclose(palms.scores, [first, 1 / (1 + np.exp(-0.1))], rtol=1e-6)
    np.testing.assert_allclose(palms.points[0], [[x, 8]] * 7, rtol=1e-5)
    assert len(decode_palms(boxes, logits, whole(np.zeros((9, 9, 3))), 0.95).scores) == 0


def _palms(*boxes, up=(0.0, -1.0)):
    middle = np.array([(np.array(box[:2]) + box[2:]) / 2 for box in boxes])
    points = np.repeat(middle[:, None], 7, 1)
    points[:, 2] += up
    return Palms(np.array(boxes, float), points, np.linspace(0.9, 0.6, len(boxes)))


def test_the_hand_lies_towards_the_fingers():
    (square,) = hand_squares(_palms((10, 10, 30, 20)), 4)
    assert square.side == pytest.approx(52) and square.angle == pytest.approx(0)
    np.testing.assert_allclose(square.centre, [20, 10])
    (lying,) = hand_squares(_palms((10, 10, 30, 20), up=(1.0, 0.0)), 4)
    np.testing.assert_allclose(lying.centre, [25, 15])
    np.testing.assert_allclose(lying.to_image(np.array([0.5, 0.0])), [25 + 26, 15], atol=1e-9)


def test_squares_that_overlap_are_one_hand_and_only_the_best_are_looked_into():
    near = _palms((0, 0, 40, 40), (4, 0, 44, 40), (400, 400, 440, 440))
    assert [round(square.centre[0]) for square in hand_squares(near, 4)] == [24, 420]
    assert [round(square.centre[0]) for square in hand_squares(near, 1)] == [20]


def test_overlap_by_hand():
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [1, 1, 1, 1]], float)
    np.testing.assert_allclose(overlaps(others[0], others), [1, 1 / 3, 0, 0])


def test_a_crop_maps_its_points_back_to_the_image():
    y, x = np.mgrid[:80, :100].astype(np.float32)
    image = np.stack([x, y, x], -1).astype(np.uint8)
    square = Square(np.array([50.0, 40.0]), 40.0, 0.7)
    cut = crop(image, square, 40, 1) * 255
    at = square.to_image(np.array([10, 25]) / 40)
    np.testing.assert_allclose(cut[25, 10, :2], at, atol=0.6)


def test_blur_makes_a_hand_less_sharp(detector):
    image = picture("plain_0")
    (hand,) = detector.hands(image)
    values = [hand_sharpness(np.ascontiguousarray(_moved(image, k)), hand.box) for k in (1, 9, 17, 33)]
    assert values[0] > MIN_SHARPNESS > values[-1] and values == sorted(values, reverse=True)
    assert hand_sharpness(image, np.array([-50.0, -50, -49, -49])) == 0


def test_a_known_hand_is_found_again_in_its_square(detector):
    image = picture("turned_1")
    (hand,) = detector.hands(image)
    again = detector.look(image, square_around(hand.keypoints_uv))
    assert np.linalg.norm(again.keypoints_uv - hand.keypoints_uv, axis=1).mean() < 4
    assert detector.look(np.full_like(image, 128), square_around(hand.keypoints_uv)) is None


def test_the_square_of_a_known_hand_by_hand():
    points = np.zeros((21, 2))
    points[:, 1], points[[1, 2, 3], 0], points[[17, 18], 0] = 100, -20, 20
    points[[5, 6, 9, 10, 13, 14, 17, 18], 1] = 0  # knuckles 100 px above the wrist
    square = square_around(points)
    assert square.side == pytest.approx(200) and square.angle == pytest.approx(0)
    np.testing.assert_allclose(square.centre, [0, 40], atol=1e-9)
    points[17:] = np.nan
    assert square_around(points).side == pytest.approx(200)
    points[5] = np.nan
    assert np.isnan(square_around(points).side)


def _moved(image, length):
    return np.mean([np.roll(image, k, 1) for k in range(length)], 0).astype(np.uint8)


def test_another_wheel_is_refused_and_nothing_is_left(tmp_path):
    wheel = tmp_path / "mediapipe-0.10.21-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("mediapipe/modules/palm_detection/palm_detection_full.tflite", b"another")
    with pytest.raises(AssetError, match="SHA-256"):
        unpack(wheel, HAND_MODELS, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_an_own_folder_without_the_models_names_the_missing_files(tmp_path):
    with pytest.raises(AssetError, match="hand_landmark_full.tflite is not there"):
        hand_models(tmp_path)


def test_only_the_two_models_are_taken_out_of_the_wheel():
    palm, _ = hand_models()
    files = {p.relative_to(palm.parents[1]).as_posix() for p in palm.parents[1].rglob("*") if p.is_file()}
    assert files == {*HAND_MODELS.only, "LICENCE.txt"}
