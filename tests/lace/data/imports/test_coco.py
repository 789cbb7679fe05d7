"""The user's COCO keypoints: the mapping is explicit, and every error in it is reported by name."""

import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from lace.cli import main as cli
from lace.core.errors import DatasetError, InvalidValueError, LaceError
from lace.core.keypoints import INDEX, NAMES, Visibility
from lace.data.coco import export_coco
from lace.data.dataset import FrameDataset
from lace.data.imports import coco
from lace.data.imports.writing import REPORT_NAME, write_frames
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


def document(count=1):
    """A valid file of `count` hands in images of 80 x 60 px."""
    keypoints = [10, 20, 2, 30, 40, 1, 50, 30, 2]
    images = [{"id": i + 1, "file_name": f"f{i}.png", "width": 80, "height": 60} for i in range(count)]
    annotations = [
        {"id": i + 1, "image_id": i + 1, "category_id": 1, "keypoints": list(keypoints)} for i in range(count)
    ]
    categories = [{"id": 1, "name": "hand", "keypoints": ["wrist", "thumb_tip", "index_tip"]}]
    return {"images": images, "annotations": annotations, "categories": categories}


def imported(folder, content, map_="wrist=wrist", count=2):
    """Writes images and the JSON document; returns (exit code, records, reasons)."""
    folder.mkdir(exist_ok=True)
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 255, (6, 8, 3), np.uint8)
        cv2.imwrite(str(folder / f"f{i}.png"), cv2.resize(pixels, (80, 60)))
    (folder / "l.json").write_text(json.dumps(content))
    words = ["import", "coco", str(folder / "l.json"), "--images", str(folder), "--out", str(folder / "out")]
    code = cli.main([*words, "--map", *map_.split()])
    report = folder / "out" / REPORT_NAME
    records = list(FrameDataset(folder / "out")) if code == 0 else []
    return code, records, json.loads(report.read_text())["reasons"] if report.exists() else {}


ODD = [7, None, [1], {}, True, 1.5, "x" * 300, "", "nul\0", "..", float("nan"), 10**30, -1]


@pytest.mark.parametrize("odd", ODD, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize(
    "where",
    [
        ("images", "file_name"),
        ("images", "id"),
        ("images", "width"),
        ("images",),
        ("annotations", "image_id"),
        ("annotations", "category_id"),
        ("annotations", "keypoints"),
        ("annotations",),
    ],
    ids=".".join,
)
def test_one_invalid_entry_skips_one_frame(odd, where, tmp_path):
    content = document(2)
    if len(where) == 2:
        content[where[0]][0][where[1]] = odd
    else:
        content[where[0]][0] = odd
    code, records, reasons = imported(tmp_path, content)
    assert code == 0 and [record.source for record in records] == ["f1.png"] and sum(reasons.values()) >= 1


@pytest.mark.parametrize("odd", [5, None, [], [1], {}, "wrist"], ids=repr)
def test_invalid_categories_are_an_error(odd, tmp_path, capsys):
    content = document()
    content["categories"][0]["keypoints"] = odd
    assert imported(tmp_path, content)[0] == 2
    assert "l.json" in capsys.readouterr().err


def test_two_images_of_one_id_get_no_label(tmp_path):
    content = document(3)
    content["images"][1]["id"] = 1
    _, records, reasons = imported(tmp_path, content, count=3)
    assert [record.source for record in records] == ["f2.png"]
    assert reasons == {"image id twice": 2, "no image of that id": 1}


SIDE = {"upright": (60, 80), "stored": (80, 60), "another": (81, 60), "none": None}


@pytest.mark.parametrize("labelled", SIDE)
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_a_rotated_photograph_has_its_label_on_the_right_pixel_or_is_skipped(labelled, orientation, tmp_path):
    """A red dot at (23, 53) of the image the annotator saw: the upright image or the stored one."""
    turned = orientation >= 5
    upright_size = (60, 80) if turned else (80, 60)
    size = {"upright": upright_size, "stored": (80, 60)}.get(labelled, SIDE[labelled])
    seen = np.full((*(size if labelled == "stored" else upright_size)[::-1], 3), 90, np.uint8)
    seen[::7] = 160
    seen[48:58, 18:28] = (255, 0, 0)
    image = Image.fromarray(seen)
    if labelled != "stored" and orientation != 1:
        back = {3: 3, 5: 5, 6: 8, 8: 6}[orientation]
        image = image.transpose(
            {3: Image.ROTATE_180, 5: Image.TRANSPOSE, 6: Image.ROTATE_270, 8: Image.ROTATE_90}[back]
        )
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "f0.jpg", exif=exif, quality=98)
    content = document()
    content["images"][0] |= {"file_name": "f0.jpg"} | dict(zip(("width", "height"), size or (0, 0), strict=True))
    content["annotations"][0]["keypoints"][:2] = [23, 53]
    _, records, reasons = imported(tmp_path, content, count=0)
    if labelled == "another":
        assert reasons == {"another size than the labels say": 1}
    elif orientation == 3 and labelled != "none":
        assert reasons == {"rotated by EXIF": 1}
    else:
        (record,) = records
        assert record.image[53, 23].astype(int) == pytest.approx([255, 0, 0], abs=30)
        assert size is None or record.image.shape[1::-1] == size


@pytest.mark.timeout(60)
def test_a_named_pipe_is_skipped_or_refused(tmp_path):
    imported(tmp_path, document(2))
    (tmp_path / "f1.png").unlink()
    os.mkfifo(tmp_path / "f1.png")
    found = coco.candidates(tmp_path / "l.json", tmp_path, {"wrist": "wrist"}, "hand")
    assert write_frames(tmp_path / "new", found, {}).counts == {"unreadable image": 1}
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DatasetError, match="not a regular file"):
        coco.candidates(tmp_path / "pipe.json", tmp_path, {"wrist": "wrist"}, "hand")


def test_a_pointer_of_git_lfs_is_named(tmp_path, capsys):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    imported(tmp_path, document(2))
    (tmp_path / "f1.png").write_text(pointer)
    found = coco.candidates(tmp_path / "l.json", tmp_path, {"wrist": "wrist"}, "hand")
    assert write_frames(tmp_path / "new", found, {}).counts == {"Git LFS pointer instead of an image": 1}
    (tmp_path / "l.json").write_text(pointer)
    with pytest.raises(DatasetError, match="git lfs pull"):
        coco.candidates(tmp_path / "l.json", tmp_path, {"wrist": "wrist"}, "hand")
