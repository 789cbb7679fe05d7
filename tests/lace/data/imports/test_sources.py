"""In every import, a dataset is not continued from a source with different content, whatever the source's name."""

import json
import shutil

import cv2
import numpy as np
import pytest

from lace.cli import main as cli
from lace.data.dataset import FrameDataset
from lace.data.imports.detectors import Found
from tests.hints import put
from tests.lace.data.imports.test_coco import cvat
from tests.synthetic import make_dataset


class Fixed:
    """A detector that always returns the same box."""

    def find(self, image, text, threshold=0.3):
        return Found(np.array([[1, 2, 30, 40]], np.float32), np.array([0.9]), (text,))


def picture(path, seed=9):
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(pixels, (80, 60)))


def coco(root):
    file = cvat(root)
    return ["import", "coco", str(file), "--images", str(root), "--map", "Palm=wrist"]


def hint(root):
    put(root / "TRAIN_epick_img", "EK_1_r")
    return ["import", "hint", str(root)]


def photographs(root):
    make_dataset(root / "ds", 2, 2, 48)
    (root / "photos").mkdir()
    picture(root / "photos" / "one.png")
    return ["data", "replace-background", str(root / "ds"), "--backdrop", str(root / "photos")]


def textures(root):
    make_dataset(root / "ds", 2, 2, 48)
    return ["data", "replace-background", str(root / "ds"), "--backdrop", "textures"]


def target(root):
    (root / "model").mkdir()
    make_dataset(root / "ds", 2, 2, 48)
    return ["data", "detect-target", str(root / "ds"), "--detector", str(root / "model")]


def another_dataset(root):
    shutil.rmtree(root / "ds")
    make_dataset(root / "ds", 2, 2, 64)


def move_the_wrist(root):
    text = (root / "labels.json").read_text()
    assert "[10, 20, 2," in text
    (root / "labels.json").write_text(text.replace("[10, 20, 2,", "[11, 55, 2,"))


def move_hints_wrist(root):
    file = root / "TRAIN_epick_img" / "EK_1_r.json"
    label = json.loads(file.read_text())
    label[0]["keypoints"][0] = [60, 60]
    file.write_text(json.dumps(label))


CASES = {
    "coco labels": (coco, move_the_wrist),
    "coco image": (coco, lambda root: picture(root / "f0.png")),
    "hint labels": (hint, move_hints_wrist),
    "hint image": (hint, lambda root: picture(root / "TRAIN_epick_img" / "EK_1_r.jpg")),
    "photograph": (photographs, lambda root: picture(root / "photos" / "one.png", 3)),
    "another photograph": (photographs, lambda root: picture(root / "photos" / "two.png", 3)),
    "another dataset of the same name": (textures, another_dataset),
    "target in another dataset": (target, another_dataset),
    "another detector of the same name": (
        target,
        lambda root: (root / "model" / "model.safetensors").write_bytes(b"new"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_changed_content_is_refused_and_unchanged_content_is_resumed(case, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lace.data.imports.detectors.load_detector", lambda _name: Fixed())
    make, change = CASES[case]
    root = tmp_path / "source"
    root.mkdir()
    words = [*make(root), "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    before = [record.image.tobytes() for record in FrameDataset(tmp_path / "out")]
    assert cli.main(words) == 0
    capsys.readouterr()
    change(root)
    assert cli.main(words) == 2
    assert "made with other values: content" in capsys.readouterr().err
    assert [record.image.tobytes() for record in FrameDataset(tmp_path / "out")] == before
    assert cli.main([*words[:-1], str(tmp_path / "new")]) == 0
