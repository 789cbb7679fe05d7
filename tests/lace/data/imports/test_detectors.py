"""Detectors and segmenters through their real loading path, and the commands that use them."""

import json
import re
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from lace.cli import main as cli
from lace.core.errors import InvalidValueError
from lace.core.keypoints import Visibility
from lace.data.dataset import FrameDataset
from lace.data.imports import detectors
from lace.data.imports.detection import Found
from lace.data.imports.detectors import load_detector, load_segmenter
from lace.data.imports.one_hand import right_hand_alone
from lace.data.imports.writing import REPORT_NAME, SkipFrame
from lace.data.verify import verify_dataset
from tests import tiny_detectors as tiny
from tests.hints import put
from tests.synthetic import make_dataset, make_frame

IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    makers = (tiny.owlv2, tiny.yolos, tiny.segformer, tiny.sam3)
    return {make.__name__: str(make(root / make.__name__)) for make in makers}


@pytest.mark.parametrize("name", ["owlv2", "yolos"])
def test_finds_come_best_first_and_in_pixels(folders, name):
    detector = load_detector(folders[name])
    found = detector.find(IMAGE, "hand", 0.0)
    assert found.boxes.shape == (len(found.scores), 4) and len(found.labels) == len(found.scores) > 0
    assert (np.diff(found.scores) <= 0).all() and np.abs(found.boxes).max() > 10
    again = load_detector(folders[name]).find(IMAGE, "hand", 0.0)
    np.testing.assert_array_equal(found.boxes, again.boxes)
    assert len(detector.find(IMAGE, "hand", 1.01).boxes) == 0


def test_classes_are_chosen_by_name_and_missing_ones_are_named(folders):
    detector = load_detector(folders["yolos"])
    assert set(detector.find(IMAGE, "left hand", 0.0).labels) <= {"left_hand"}
    with pytest.raises(InvalidValueError, match="its classes are left_hand, right_hand"):
        detector.find(IMAGE, "dinosaur")


@pytest.mark.parametrize("name", ["segformer", "sam3"])
def test_masks_have_the_images_size(folders, name):
    mask = load_segmenter(folders[name]).mask(IMAGE, "hand")
    assert mask.shape == (60, 80) and mask.dtype == bool


def test_the_parts_of_a_segmentation_are_the_classes(folders):
    segmenter = load_segmenter(folders["segformer"])
    assert (segmenter.mask(IMAGE, "hand") ^ segmenter.mask(IMAGE, "room")).all()


def test_all_instances_of_sam3_are_one_mask(folders, monkeypatch):
    monkeypatch.setattr(detectors, "THRESHOLD", 0.0)
    monkeypatch.setattr(detectors, "MASK_THRESHOLD", 0.0)
    assert load_segmenter(folders["sam3"]).mask(IMAGE, "hand").all()


@pytest.mark.parametrize("load", [load_detector, load_segmenter])
def test_a_folder_without_a_model_says_what_to_do(load, tmp_path):
    with pytest.raises(InvalidValueError, match="local folder.*\n.*\n.*leave the option out"):
        load(str(tmp_path))


def test_a_text_longer_than_the_model_reads_is_refused(folders):
    with pytest.raises(InvalidValueError, match="at most 16.*\n.*fewer words"):
        load_detector(folders["owlv2"]).find(IMAGE, "dinosaur" * 3)


class Says:
    """A detector that always returns the same detections."""

    def __init__(self, *labels):
        self.labels = labels

    def find(self, image, text, threshold=0.3):
        """See Detector."""
        return Found(np.zeros((len(self.labels), 4)), np.ones(len(self.labels)), self.labels)


def test_only_one_right_hand_alone_passes():
    for labels in (("right_hand",), ("hand",)):
        right_hand_alone(Says(*labels))(make_frame())
    for labels, reason in (((), "no hand"), (("Left_hand",), "left hand"), (("right_hand", "right_hand"), "several")):
        with pytest.raises(SkipFrame, match=reason):
            right_hand_alone(Says(*labels))(make_frame())


def test_hint_says_whether_a_detector_looked(folders, tmp_path, capsys):
    put(tmp_path / "hint" / "TRAIN_epick_img", "EK_1_r")
    command = ["import", "hint", str(tmp_path / "hint"), "--out"]
    assert cli.main([*command, str(tmp_path / "plain")]) == 0
    assert "no hand detector was used" in capsys.readouterr().out
    assert cli.main([*command, str(tmp_path / "looked"), "--detector", folders["yolos"]]) == 1
    report = json.loads((tmp_path / "looked" / REPORT_NAME).read_text())
    assert report["reasons"] == {"the detector sees several hands": 1} and "left_hand" in report["details"][0]["detail"]
    assert "no hand detector was used" not in capsys.readouterr().out


def test_detected_targets_are_added_and_nothing_else_changes(folders, tmp_path, capsys):
    before = make_dataset(tmp_path / "before")
    command = ["data", "detect-target", str(before), "--out", str(tmp_path / "after"), "--detector", folders["owlv2"]]
    assert cli.main([*command, "--text", "dinosaur"]) == 0
    assert "'dinosaur' in 100% of the frames" in capsys.readouterr().out
    old, new = FrameDataset(before), FrameDataset(tmp_path / "after")
    assert old.column("image") == new.column("image") and old.column("depth") == new.column("depth")
    for frame in new:
        box = frame.boxes["target@owlv2"]
        assert (box[:2] >= 0).all() and (box[2:] <= 96).all() and (box[2:] > box[:2]).all()
        assert frame.draws["target.text"] == "dinosaur" and 0 < frame.draws["target.score"] <= 1
        assert "target@segmentation" in frame.boxes
    assert "target@owlv2" not in old[0].boxes and not verify_dataset(tmp_path / "after").problems


def test_a_target_that_is_not_found_has_no_box(folders, tmp_path):
    before = make_dataset(tmp_path / "before", frames=2)
    command = ["data", "detect-target", str(before), "--out", str(tmp_path / "after"), "--detector", folders["owlv2"]]
    assert cli.main([*command, "--text", "doll", "--threshold", "1"]) == 0
    frame = FrameDataset(tmp_path / "after")[0]
    assert np.isnan(frame.boxes["target@owlv2"]).all() and frame.draws["target.score"] is None
    assert (frame.visibility == Visibility.VISIBLE).any()
    assert (
        cli.main(["data", "stats", str(tmp_path / "after")])
        == cli.main(["data", "verify", str(tmp_path / "after")])
        == 0
    )


@pytest.mark.parametrize(
    ("text", "label", "named"),
    [
        ("hand", "hand", True),
        ("hand", "Left_Hand", True),
        ("hand", "rightHand", True),
        ("hand", "human hand", True),
        ("left hand", "left_hand", True),
        ("left hand", "right_hand", False),
        ("hand", "handbag", False),
        ("hand", "chandelier", False),
        ("hand", "hand dryer", False),
        ("hand", "arm, hand", True),
        ("wine glass", "wine glass", True),
        ("glass", "wine glass", False),
        ("left", "left_hand", False),
        ("human", "human", True),
    ],
)
def test_a_text_names_whole_classes(text, label, named):
    assert detectors.names_class(text, label) is named


def rename_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors", metadata={"format": "pt"})


WRONG_WEIGHTS = {
    "prefix": lambda folder: rename_weights(folder, lambda w: {f"student.{k}": v for k, v in w.items()}),
    "one missing": lambda folder: rename_weights(folder, lambda w: dict(list(w.items())[1:])),
    "one more layer": lambda folder: rename_weights(
        folder, lambda w: w | {k.replace(".0.", ".7."): v.clone() for k, v in w.items() if ".0." in k}
    ),
    "another shape": lambda folder: rename_weights(
        folder, lambda w: {k: v.repeat(2, *[1] * (v.ndim - 1)) if v.ndim else v for k, v in w.items()}
    ),
    "cut": lambda folder: (folder / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}"),
    "empty": lambda folder: (folder / "model.safetensors").write_bytes(b""),
    "pointer": lambda folder: (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1"),
    "config of another kind": lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'),
    "config is a list": lambda folder: (folder / "config.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", WRONG_WEIGHTS)
@pytest.mark.parametrize("name", ["owlv2", "yolos", "segformer", "sam3"])
def test_weights_that_do_not_fit_are_refused(name, damage, folders, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(folders[name], folder)
    WRONG_WEIGHTS[damage](folder)
    load = load_detector if name in ("owlv2", "yolos") else load_segmenter
    with pytest.raises(InvalidValueError, match=re.escape(str(folder))):
        load(str(folder))
