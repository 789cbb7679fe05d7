"""COCO keypoints of the user's own: the mapping is explicit, and every wrong one is named."""

import json

import cv2
import numpy as np
import pytest

from lace.cli import main as cli
from lace.core.errors import DatasetError, InvalidValueError, LaceError
from lace.core.keypoints import INDEX, NAMES, Visibility
from lace.data.coco import export_coco
from lace.data.dataset import FrameDataset
from lace.data.imports import coco
from lace.data.imports.writing import write_frames
from lace.data.verify import verify_dataset
from tests.synthetic import make_dataset

NAMES_THERE = ["Palm", "thumb=end", "tip 2"]


def cvat(folder, keypoints=((10, 20, 2, 30, 40, 1, 0, 0, 0),)):
    """A file as CVAT writes it: one image per entry, its annotation, and an image without one."""
    rng, count = np.random.default_rng(0), len(keypoints)
    for i in range(count + 1):
        cv2.imwrite(str(folder / f"f{i}.png"), cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (80, 60)))
    document = {
        "images": [{"id": i + 1, "file_name": f"f{i}.png"} for i in range(count + 1)],
        "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "hand", "keypoints": NAMES_THERE}],
        "annotations": [
            {"id": i, "image_id": i + 1, "category_id": 2, "keypoints": k} for i, k in enumerate(map(list, keypoints))
        ],
    }
    (folder / "labels.json").write_text(json.dumps(document))
    return folder / "labels.json"


def test_the_mapping_and_cocos_visibility(tmp_path):
    file = cvat(tmp_path)
    words = ["import", "coco", str(file), "--images", str(tmp_path), "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--map", "Palm=wrist", "thumb=end=thumb_tip", "tip 2=index_tip"]) == 0
    (record,) = FrameDataset(tmp_path / "out")
    assert record.visibility[INDEX["wrist"]] == Visibility.VISIBLE
    assert record.visibility[INDEX["thumb_tip"]] == Visibility.OCCLUDED
    assert record.visibility[INDEX["index_tip"]] == Visibility.ABSENT
    assert record.keypoints_uv[0].tolist() == [10, 20] and record.keypoints_uv[INDEX["thumb_tip"]].tolist() == [30, 40]
    assert (record.visibility > 0).sum() == 2 and not verify_dataset(tmp_path / "out").problems


def test_our_own_export_comes_back(tmp_path):
    ours = FrameDataset(make_dataset(tmp_path / "ours", 3))
    file = export_coco(ours, tmp_path / "coco")
    mapping = {name: name for name in NAMES}
    found = coco.candidates(file, file.parent / "images", mapping, "synthetic")
    write_frames(tmp_path / "back", found, {})
    for before, after in zip(ours, FrameDataset(tmp_path / "back"), strict=True):
        shown = before.visibility >= Visibility.OCCLUDED
        np.testing.assert_array_equal(after.visibility, np.where(shown, before.visibility, 0))
        np.testing.assert_allclose(after.keypoints_uv[shown], before.keypoints_uv[shown], rtol=1e-6)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (["wrist"], "NAME=keypoint"),
        (["a=wirst"], "use 'wrist' if that was meant"),
        (["a=wrist", "b=wrist"], "a second time"),
        (["a=wrist", "a=thumb_tip"], "a second time"),
        ([], "at least one NAME=keypoint"),
    ],
)
def test_wrong_mappings(pairs, says):
    with pytest.raises(LaceError) as error:
        coco.parse_mapping(pairs)
    assert says in str(error.value)


def test_a_name_that_the_file_does_not_have(tmp_path):
    with pytest.raises(LaceError, match="'Palm'"):
        coco.candidates(cvat(tmp_path), tmp_path, {"palm": "wrist"}, "hand")
    with pytest.raises(LaceError, match="cup"):
        coco.candidates(cvat(tmp_path), tmp_path, {"Palm": "wrist"}, "hand", "cup")


@pytest.mark.parametrize("text", ["{", "[]", '{"images": [{}], "annotations": [], "categories": []}'])
def test_a_file_that_is_no_coco(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DatasetError, match="x.json"):
        coco.candidates(tmp_path / "x.json", tmp_path, {"a": "wrist"}, "hand")


def test_two_categories_need_a_choice(tmp_path):
    file = cvat(tmp_path)
    document = json.loads(file.read_text())
    document["categories"][0]["keypoints"] = ["a"]
    file.write_text(json.dumps(document))
    with pytest.raises(InvalidValueError, match="cup, hand.*\n.*\n.*--category"):
        coco.candidates(file, tmp_path, {"Palm": "wrist"}, "hand")


def test_bad_annotations_are_listed(tmp_path):
    good = [10, 20, 2, 30, 40, 1, 0, 0, 0]
    file = cvat(tmp_path, [good, good[:5], [*good[:2], 7, *good[3:]], [0] * 9, ["x", *good[1:]]])
    document = json.loads(file.read_text())
    document["annotations"].append({"image_id": 99, "category_id": 2, "keypoints": good})
    file.write_text(json.dumps(document))
    report = write_frames(tmp_path / "out", coco.candidates(file, tmp_path, {"Palm": "wrist"}, "hand"), {})
    assert report.n_frames == 1
    assert report.counts == {
        "wrong shape": 3,
        "no mapped keypoint is labelled": 1,
        "no annotation": 1,
        "no image of that id": 1,
    }
