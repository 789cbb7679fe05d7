"""The COCO export loads in pycocotools and agrees with our labels."""

import shutil

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from lace.core.errors import DatasetError
from lace.core.frames import FrameRecord
from lace.core.keypoints import NAMES, Visibility
from lace.data.coco import encode_rle, export_coco
from lace.data.dataset import FrameDataset
from lace.data.imports.images import settle
from lace.data.imports.writing import Candidate, write_frames
from tests.synthetic import make_dataset, make_frame


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    ds = FrameDataset(make_dataset(folder / "ds", 5, 3))
    return ds, folder / "out", COCO(str(export_coco(ds, folder / "out")))


def annotation(coco, index, category):
    (category_id,) = coco.getCatIds(catNms=[category])
    (found,) = coco.loadAnns(coco.getAnnIds(imgIds=[index], catIds=[category_id]))
    return found


@pytest.mark.parametrize(("category", "semantic"), [("synthetic", "robot"), ("target", "target")])
def test_masks_boxes_and_areas_agree(exported, category, semantic):
    ds, _, coco = exported
    for record in ds:
        found, mask = annotation(coco, record.index, category), record.mask(semantic=semantic)
        np.testing.assert_array_equal(coco.annToMask(found), mask)
        assert found["area"] == mask.sum()
        np.testing.assert_allclose(found["bbox"], coco_mask.toBbox(coco.annToRLE(found)))
        name = "target@segmentation" if semantic == "target" else "embodiment@segmentation"
        x, y, width, height = found["bbox"]
        np.testing.assert_allclose([x, y, x + width, y + height], record.boxes[name])


def test_keypoints_carry_cocos_visibility(exported):
    ds, _, coco = exported
    for record in ds:
        found = annotation(coco, record.index, "synthetic")
        points = np.reshape(found["keypoints"], (21, 3))
        labelled = record.visibility >= Visibility.OCCLUDED
        np.testing.assert_array_equal(points[~labelled], 0)
        np.testing.assert_array_equal(points[labelled, :2], record.keypoints_uv[labelled])
        np.testing.assert_array_equal(points[:, 2] == 2, record.visibility == Visibility.VISIBLE)
        np.testing.assert_array_equal(points[:, 2] == 1, record.visibility == Visibility.OCCLUDED)
        assert found["num_keypoints"] == labelled.sum()


def test_category_names_and_skeleton_count_from_one(exported):
    _, _, coco = exported
    hand = coco.loadCats(coco.getCatIds(catNms=["synthetic"]))[0]
    assert tuple(hand["keypoints"]) == NAMES
    assert hand["skeleton"][0] == [1, 2] and np.min(hand["skeleton"]) == 1 and np.max(hand["skeleton"]) == 21


def test_images_are_the_stored_bytes_with_their_camera(exported):
    ds, out, coco = exported
    for i, record in enumerate(ds):
        image = coco.loadImgs([record.index])[0]
        assert (out / "images" / image["file_name"]).read_bytes() == ds.row(i)[0]["image"]
        np.testing.assert_array_equal(image["camera_K"], record.K)
        np.testing.assert_array_equal(image["T_world_cam"], record.T_world_cam)


def test_run_lengths_against_pycocotools():
    rng = np.random.default_rng(0)
    masks = [rng.random((7, 5)) < p for p in (0.0, 0.2, 0.5, 0.9, 1.0)]
    for mask in masks:
        rle = encode_rle(mask)
        np.testing.assert_array_equal(coco_mask.decode(coco_mask.frPyObjects(rle, *rle["size"])), mask)


def test_the_same_export_may_be_repeated_and_another_one_is_not_overwritten(exported, tmp_path):
    ds, out, _ = exported
    before = (out / "annotations.json").read_bytes()
    assert export_coco(ds, out).read_bytes() == before
    other = FrameDataset(make_dataset(tmp_path / "other", 2, 2, 48, seed=5))
    with pytest.raises(DatasetError, match="made with other values: frames"):
        export_coco(other, out)
    (out / "annotations.json").unlink()  # as after a kill: images alone
    with pytest.raises(DatasetError, match="made with other values: frames"):
        export_coco(other, out)
    export_coco(ds, out)


def test_files_of_the_users_own_are_not_overwritten(exported, tmp_path):
    ds = exported[0]
    mine = tmp_path / "images" / "00000000.jpg"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    for folder in (tmp_path, ds.folder):
        with pytest.raises(DatasetError, match="it exists and is not a COCO export"):
            export_coco(ds, folder)
    assert mine.read_bytes() == b"mine"


def merged(tmp_path):
    """Two datasets in one folder, as when shards are copied together."""
    first, second = make_dataset(tmp_path / "a", 2, 2, 48), make_dataset(tmp_path / "b", 2, 2, 56)
    shutil.copy(second / "shards" / "shard-00000.parquet", first / "shards" / "shard-00001.parquet")
    return first


def test_merged_shards_keep_every_picture_and_its_own_annotations(tmp_path, caplog):
    ds = FrameDataset(merged(tmp_path))
    coco = COCO(str(export_coco(ds, tmp_path / "out")))
    assert coco.getImgIds() == [0, 1, 2, 3] and "repeat" in caplog.text
    assert len(list((tmp_path / "out" / "images").iterdir())) == 4
    for position, record in enumerate(ds):
        image = coco.imgs[position]
        pixels = cv2.imread(str(tmp_path / "out" / "images" / image["file_name"]), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(pixels, record.image)
        points = np.reshape(annotation(coco, position, "synthetic")["keypoints"], (21, 3))
        labelled = record.visibility >= Visibility.OCCLUDED
        np.testing.assert_array_equal(points[labelled, :2], record.keypoints_uv[labelled])


@pytest.mark.parametrize("names", [("index_mcp", "index_pip"), ("wrist", "index_pip"), ("wrist",), ("middle_dip",)])
def test_a_hand_without_wrist_and_tips_keeps_its_annotation(names, tmp_path):
    uv, visibility = np.full((21, 2), np.nan, np.float32), np.zeros(21, np.uint8)
    for i, name in enumerate(names):
        uv[NAMES.index(name)], visibility[NAMES.index(name)] = (10 + 9 * i, 20 + 5 * i), Visibility.VISIBLE
    image = make_frame().image
    record = settle(FrameRecord(image, "hand", uv, visibility))
    write_frames(tmp_path / "ds", [Candidate("one", lambda: record)], {})
    coco = COCO(str(export_coco(FrameDataset(tmp_path / "ds"), tmp_path / "out")))
    (found,) = coco.anns.values()
    assert found["num_keypoints"] == len(names) and min(found["bbox"][2:]) >= 1 and found["area"] >= 1
    x, y, width, height = found["bbox"]
    for u, v in uv[visibility > 0]:
        assert x <= u <= x + width and y <= v <= y + height
