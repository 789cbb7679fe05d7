"""The user's videos and photographs: which images become frames, why others do not, and what is recorded."""

import json
import os

import cv2
import numpy as np
import pytest

from lace.cli import main as cli
from lace.core.errors import InvalidValueError
from lace.core.keypoints import Visibility
from lace.data.annotate.session import Session
from lace.data.dataset import FrameDataset
from lace.data.imports import writing
from lace.data.imports.change import THUMBNAIL_PX, ChangeFilter
from lace.data.imports.film import Film
from lace.data.imports.hand_labels import HandLabels
from lace.data.imports.one_hand import hand_detector
from lace.data.imports.writing import REPORT_NAME
from lace.data.verify import verify_dataset
from tests.films import HANDS, picture, write_film
from tests.hints import put
from tests.synthetic import make_frame

RIGHT, LEFT, TWO = picture("plain_0"), picture("mirrored_0"), picture("two_0")
NOTHING = np.full_like(RIGHT, 90)


def moved(pixels: int) -> np.ndarray:
    return np.roll(RIGHT, pixels, 1)


def run(what, source, out, *options):
    return cli.main(["import", what, str(source), "--out", str(out), *map(str, options)])


def report(out):
    return json.loads((out / REPORT_NAME).read_text())


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two different images, two like the second, one blurred, one empty, one of a left hand; at uneven times."""
    blurred = np.mean([moved(8 + k) for k in range(41)], 0).astype(np.uint8)
    frames = [RIGHT, moved(8), moved(8), moved(8), blurred, NOTHING, LEFT]
    return write_film(tmp_path_factory.mktemp("film") / "clip.mp4", frames, [0, 0.04, 0.08, 0.5, 0.51, 0.9, 2.0])


def test_a_video_becomes_labelled_frames_and_skipped_ones_are_counted(film, tmp_path, capsys):
    assert run("video", film, tmp_path / "out") == 0
    said = report(tmp_path / "out")
    reasons = dict(said["reasons"])
    assert reasons.pop("the hand is blurred", 0) + reasons.pop("no hand is seen") == 2  # the blurred one may be missed
    assert reasons == {"near-duplicate of the frame before": 2, "a left hand": 1}
    assert said["frames"] == 2 and said["candidates"] == 7
    first, second = FrameDataset(tmp_path / "out")
    assert first.source == "video/clip.mp4@0.000s" and second.source == "video/clip.mp4@0.040s"
    assert first.embodiment == "human_right" and first.image.shape == RIGHT.shape
    (hand,) = json.loads((HANDS / "mediapipe_0.10.21.json").read_text())["plain_0"]
    assert np.abs(first.keypoints_uv - hand["uv"]).max() < 8  # the video is compressed
    inside = ((first.keypoints_uv >= 0) & (first.keypoints_uv < 256)).all(1)
    np.testing.assert_array_equal(first.visibility == Visibility.VISIBLE, inside)
    assert 0.5 < first.draws["detector.presence"] <= 1 and first.draws["visibility"] == "estimated"
    assert not verify_dataset(tmp_path / "out").problems
    assert (tmp_path / "out" / "contact_sheet.png").is_file()
    text = capsys.readouterr().out
    assert "visibility is an estimate" in text and "--mirrored turns mirrored selfies back" in text
    assert Session(tmp_path / "out").given["frame-00000000"]["points"]["wrist"][2] == "visible"


def test_left_hands_and_mirrored_videos_give_right_hands(film, tmp_path):
    for name, option in (("left", ("--hand", "left")), ("selfie", ("--mirrored",))):
        assert run("video", film, tmp_path / name, *option) == 0
        (record,) = FrameDataset(tmp_path / name)
        assert record.draws["detector.mirrored"]
        (hand,) = json.loads((HANDS / "mediapipe_0.10.21.json").read_text())["mirrored_0"]
        assert (
            np.abs(record.keypoints_uv - [256, 0] - np.multiply(hand["uv"], [-1, 1])).max() < 8
        )  # the video is compressed
        assert np.abs(record.image.astype(int) - LEFT[:, ::-1]).mean() < 6


def test_every_nth_frame_and_all_of_them(film, tmp_path):
    assert run("video", film, tmp_path / "all", "--change", 0, "--sharpness", 0) == 0
    assert report(tmp_path / "all")["reasons"].get("near-duplicate of the frame before", 0) == 0
    assert run("video", film, tmp_path / "third", "--every", 3) == 0
    assert report(tmp_path / "third")["candidates"] == 3
    assert [r.source for r in FrameDataset(tmp_path / "third")] == ["video/clip.mp4@0.000s", "video/clip.mp4@0.500s"]
    assert run("video", film, tmp_path / "none", "--every", 0) == cli.EXIT_USAGE


def test_portrait_videos_are_upright(tmp_path):
    tall = RIGHT[:, 40:200]
    flat = write_film(tmp_path / "flat.mp4", [tall], [0])
    phone = write_film(tmp_path / "phone.mp4", [tall], [0], portrait=True)
    for path in (flat, phone):
        with Film(path) as film:
            stamp = next(film.thumbnails())[0]
        with Film(path) as film:
            assert np.abs(film.frame(stamp).astype(int) - tall).mean() < 6


def test_a_killed_import_resumes_to_the_same_files(film, tmp_path, monkeypatch):
    options = ("--change", 0, "--sharpness", 0)
    monkeypatch.setattr(writing.write_frames, "__defaults__", (None, 1, ()))
    assert run("video", film, tmp_path / "whole", *options) == 0
    real, calls = writing.write_shard, []

    def dies(path, *args):
        if calls:
            raise KeyboardInterrupt
        calls.append(path)
        real(path, *args)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "write_shard", dies)
        assert run("video", film, tmp_path / "killed", *options) == cli.EXIT_INTERRUPTED
    assert len(FrameDataset(tmp_path / "killed")) == 1
    assert run("video", film, tmp_path / "killed", *options) == 0
    for name in ("dataset.json", *(f"shards/{path.name}" for path in FrameDataset(tmp_path / "whole").shards)):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_another_video_of_the_same_name_is_another_import(film, tmp_path, capsys):
    here = tmp_path / "clip.mp4"
    here.write_bytes(film.read_bytes())
    assert run("video", here, tmp_path / "out") == 0
    write_film(here, [moved(30)] * 2, [0, 0.5])
    assert run("video", here, tmp_path / "out") == cli.EXIT_USAGE
    assert "another --out" in capsys.readouterr().err


def test_unreadable_videos_are_reported_and_counted(film, tmp_path, capsys):
    bad = tmp_path / "films" / "bad.mp4"
    bad.parent.mkdir()
    bad.write_bytes(os.urandom(3000))
    assert run("video", bad, tmp_path / "alone") == cli.EXIT_USAGE
    assert "convert it to H.264 MP4" in capsys.readouterr().err and not (tmp_path / "alone").exists()
    (bad.parent / "cut.mp4").write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    (bad.parent / "good.mp4").write_bytes(film.read_bytes())
    assert run("video", bad.parent, tmp_path / "folder") == 0
    assert report(tmp_path / "folder")["reasons"]["the video cannot be read"] == 2
    assert report(tmp_path / "folder")["frames"] == 2
    assert run("video", tmp_path / "nowhere", tmp_path / "out") == cli.EXIT_USAGE
    assert "no such file or folder" in capsys.readouterr().err


def test_photographs_are_turned_as_exif_says_and_counted(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), RIGHT[..., ::-1])
    cv2.imwrite(str(folder / "b_again.png"), np.maximum(RIGHT, 2)[..., ::-1] - 2)
    (folder / "c_turned.jpg").write_bytes(_exif_turned(moved(40)))
    cv2.imwrite(str(folder / "d_two.png"), TWO[..., ::-1])
    cv2.imwrite(str(folder / "e_nothing.png"), NOTHING[..., ::-1])
    (folder / "f.heic").write_bytes(b"x")
    (folder / "g_broken.jpg").write_bytes(b"x")
    assert run("photos", folder, tmp_path / "out") == 0
    assert report(tmp_path / "out")["reasons"] == {
        "near-duplicate of the photograph before": 1, "several hands": 1, "no hand is seen": 1,
        "a format that is not read": 1, "unreadable image": 1,
    }  # fmt: skip
    first, turned = FrameDataset(tmp_path / "out")
    assert first.source == "photos/a.png" and turned.source == "photos/c_turned.jpg"
    assert np.abs(turned.image.astype(int) - moved(40)).mean() < 6


def _exif_turned(image):
    """A JPEG stored rotated by 90 degrees, with EXIF orientation 6 (rotate clockwise to view it upright)."""
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    jpeg = cv2.imencode(".jpg", np.rot90(image)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def test_a_folder_without_photographs_says_so(tmp_path, capsys):
    assert run("photos", tmp_path, tmp_path / "out") == cli.EXIT_USAGE
    assert "there are none" in capsys.readouterr().err


def test_a_photograph_without_a_hand_leaves_a_report_and_exit_code_one(tmp_path):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), NOTHING)
    assert run("photos", tmp_path / "in", tmp_path / "out") == 1
    assert report(tmp_path / "out")["reasons"] == {"no hand is seen": 1}


def test_large_photographs_are_shrunk_and_crops_hold_the_hand(tmp_path):
    (tmp_path / "in").mkdir()
    cv2.imwrite(
        str(tmp_path / "in" / "a.jpg"), cv2.resize(RIGHT[..., ::-1], (1600, 1600), interpolation=cv2.INTER_CUBIC)
    )
    for name, options in (("whole", ()), ("crop", ("--crop", "--image-size", 200))):
        assert run("photos", tmp_path / "in", tmp_path / name, *options) == 0
    (whole,), (crop,) = FrameDataset(tmp_path / "whole"), FrameDataset(tmp_path / "crop")
    assert whole.image.shape == (640, 640, 3) and crop.image.shape == (200, 200, 3)
    (hand,) = json.loads((HANDS / "mediapipe_0.10.21.json").read_text())["plain_0"]
    assert np.abs(whole.keypoints_uv / 2.5 - hand["uv"]).max() < 6
    size = np.ptp(crop.keypoints_uv, 0).max()
    assert 80 < size < 140


@pytest.mark.parametrize("wrong", [{"image_size": 3}, {"confidence": 1.5}, {"sharpness": -0.1}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidValueError, match="change --"):
        HandLabels(**wrong)


def test_only_change_somewhere_counts():
    new, grey = ChangeFilter(8.0), np.full((THUMBNAIL_PX, THUMBNAIL_PX), 100, np.uint8)
    spot = grey.copy()
    spot[3, 4] = 109
    assert [new.takes(x) for x in (grey, grey + 7, spot, spot, grey)] == [True, False, True, False, True]
    everything = ChangeFilter(0)
    assert everything.takes(grey) and everything.takes(grey)


def test_the_one_hand_filter_takes_mediapipe(tmp_path):
    found = hand_detector("mediapipe").find(TWO, "hand")
    assert sorted(found.labels) == ["left_hand", "right_hand"] and (np.diff(found.scores) <= 0).all()
    assert hand_detector("mediapipe").find(TWO, "left").labels == ("left_hand",)
    put(tmp_path / "hint" / "TRAIN_epick_img", "EK_1_r")
    assert run("hint", tmp_path / "hint", tmp_path / "out", "--detector", "mediapipe") == 1
    assert report(tmp_path / "out")["reasons"] == {"the detector sees no hand": 1}


def test_coco_takes_the_filter_too(tmp_path):
    for name, image in (("hand.png", RIGHT), ("left.png", LEFT), ("two.png", TWO)):
        cv2.imwrite(str(tmp_path / name), image[..., ::-1])
    names = ("hand.png", "left.png", "two.png")
    document = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [{"image_id": i, "category_id": 1, "keypoints": [60, 120, 2]} for i in range(3)],
        "categories": [{"id": 1, "name": "hand", "keypoints": ["w"]}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    options = ("--images", tmp_path, "--map", "w=wrist", "--detector", "mediapipe")
    assert run("coco", tmp_path / "labels.json", tmp_path / "out", *options) == 0
    assert [record.source for record in FrameDataset(tmp_path / "out")] == ["hand.png"]
    assert report(tmp_path / "out")["reasons"] == {
        "the detector sees a left hand": 1, "the detector sees several hands": 1,
    }  # fmt: skip


def test_synthetic_frames_have_no_hand():
    assert hand_detector("mediapipe").find(make_frame(0).image, "hand").labels == ()
