"""The measuring command on synthetic frames with a stub backbone, and the paper's numbers as printed."""

import base64
import itertools
import json
import re
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import avg_pool2d

from lace.core.errors import DatasetError, InvalidValueError
from lace.data.dataset import FrameDataset, named_folders
from lace.data.origins import NAME, Origins
from lace.measure import evaluate_correspondence as evaluate
from lace.measure import pictures
from lace.measure.correspondence_report import tables
from lace.measure.predictors import NAMES
from lace.reports.paper import PAPER
from tests.synthetic import make_dataset

PAIRS = list(itertools.combinations_with_replacement(("human", "robot", "rod"), 2))


class MeanColour(torch.nn.Module):
    name, patch, dim = "mean colour", 8, 3

    def forward(self, images):
        return avg_pool2d(images, self.patch).permute(0, 2, 3, 1)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    human, robot, rod, train = (
        make_dataset(folder / name, frames=5, seed=seed, human=name == "human")
        for seed, name in enumerate(("human", "robot", "rod", "train"))
    )
    config = evaluate.CorrespondenceConfig(
        robot=robot,
        human=human,
        robot_train=train,
        out=folder / "out",
        backbone="stub",
        before="stub",
        image_size=96,
        more=(f"rod={rod}",),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "load_backbone", lambda name, **_: MeanColour())
        assert evaluate.main(config) == 0
    return json.loads((folder / "out" / "correspondence.json").read_text()) | {"folder": folder / "out"}


def test_every_pair_states_n_seed_and_interval(result):
    assert set(result["pairs"]) == {f"{a}-{b}" for a, b in PAIRS}
    for row in result["pairs"].values():
        assert row["n"] > 0
        assert row["seed"] == 0
        assert row["part_accuracy"]["low"] <= row["part_accuracy"]["value"] <= row["part_accuracy"]["high"]
    assert result["config"]["image_size"] == 96
    assert len(result["git_commit"]) >= 7


def test_trivial_predictors_stand_beside_and_are_printed(result):
    assert set(NAMES) <= set(result["trivial"]["robot"])
    assert result["mean_keypoint_from"] == {"human": "held-out", "robot": "training", "rod": "held-out"}
    shown = {table.title: list(table.columns[0].cells) for table in tables(result)}
    rows = shown["predictors without features"]
    assert {f"robot: {name}" for name in NAMES} <= set(rows)
    assert "human: mean HELD-OUT keypoint" in rows
    summary, *details = shown
    assert summary.startswith("before (") and shown[summary] == [f"{a}-{b}" for a, b in PAIRS]
    assert details[1] == "after less before, paired"


def test_the_same_backbone_did_not_drift(result):
    assert result["drift"]["hand"]["value"] == 0


def test_the_report_is_one_file_with_every_picture(result):
    """The page has no external links and contains each picture of the folder, n, seed, commit and settings."""
    page = (result["folder"] / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:image/png;base64,)', page)
    pictures = sorted(path.name for path in result["folder"].glob("*.png"))
    pairs = [f"correspondence_{a}-{b}.png" for a, b in PAIRS]
    pairs += [f"fingertips_{a}-{b}_close_up.png" for a, b in PAIRS if a != b]
    assert pictures == sorted([*pairs, "feature_drift.png", "joint_pca_of_hand_patches.png"])
    for name in pictures:
        assert base64.b64encode((result["folder"] / name).read_bytes()).decode() in page
    for words in (result["git_commit"], "robot: image centre", "bootstrap", "<td>pck</td>"):
        assert words in page


def test_more_embodiments_are_named_once_each():
    for item in ("rod", "=data", "rod=", "robot=data"):
        with pytest.raises(InvalidValueError, match="another name than human, robot"):
            named_folders((item,), {"human": "a", "robot": "b"})


def test_the_papers_tables_agree_with_each_other():
    """Numbers that the paper prints more than once; the default row differs between its tables, as in the paper."""
    assert set(PAPER) == {1, 4, 5, 6, 8}
    assert {PAPER[t]["DINO"].hr for t in (1, 4, 5, 8)} == {(87.04, 0.473)}
    assert PAPER[1]["LACE-DINO"].hr == PAPER[6]["LACE-DINO"].hr == PAPER[8]["LACE-DINO"].hr
    assert PAPER[4]["100 img"].hr == PAPER[5]["lambda=1"].hr
    assert PAPER[5]["lambda=1"].imagenet == PAPER[6]["LACE-DINO"].imagenet


def _evaluated(config, monkeypatch, backbone=MeanColour):
    monkeypatch.setattr(evaluate, "load_backbone", lambda name, **_: backbone())
    assert evaluate.main(config) == 0
    return json.loads((config.out / "correspondence.json").read_text())


@pytest.fixture
def small(tmp_path):
    """Configuration of a small measurement."""
    robot, human = (
        make_dataset(tmp_path / name, frames=3, seed=len(name) + (name == "human"), human=name == "human")
        for name in ("robot", "human")
    )
    return evaluate.CorrespondenceConfig(robot=robot, human=human, out=tmp_path / "out", backbone="stub", image_size=96)


def test_directions_stand_beside_the_pooled_value(result):
    row = result["pairs"]["human-robot"]
    ways = row["directions"]
    assert set(ways) == {"human to robot", "robot to human"}
    assert sum(way["n"] for way in ways.values()) == row["n"]
    pooled = sum(way["n"] * way["epe_px"]["value"] for way in ways.values()) / row["n"]
    assert row["epe_px"]["value"] == pytest.approx(pooled)
    assert "directions" not in result["pairs"]["human-human"]


def test_the_same_backbone_differs_by_zero_with_zero_width(result):
    for pair, change in result["before"]["differences"].items():
        assert result["before"]["pairs"][pair]["epe_px"] == result["pairs"][pair]["epe_px"]
        assert all(value == {"value": 0, "low": 0, "high": 0} for value in change.values())


def test_photographs_have_no_drift_but_both_backbones_are_measured(small, monkeypatch):
    """Photographs have no segmentation."""
    taken = evaluate.sample

    def photographs(dataset, count, seed):
        return [replace(record, segmentation=None, segments=()) for record in taken(dataset, count, seed)]

    monkeypatch.setattr(evaluate, "sample", photographs)
    found = _evaluated(replace(small, before="stub"), monkeypatch)
    assert "photographs" in found["drift"]["left_out"]
    assert found["before"]["pairs"]["robot-robot"]["n"] > 0
    assert "photographs" in (small.out / "report.html").read_text()


def test_frames_that_were_trained_on_are_refused(small, tmp_path, monkeypatch):
    backbone = tmp_path / "backbone"
    backbone.mkdir()
    origins = Origins.of(FrameDataset(small.robot)).as_json()
    (backbone / NAME).write_text(json.dumps(origins))
    monkeypatch.setattr(evaluate, "load_backbone", lambda *_, **__: pytest.fail("loaded"))
    for change in ({"backbone": str(backbone)}, {"before": str(backbone)}):
        with pytest.raises(InvalidValueError, match="held-out robot frames: 3 of 3 images"):
            evaluate.main(replace(small, **change))
    assert not small.out.exists()


def test_another_backbone_does_not_overwrite_a_report(small, monkeypatch):
    _evaluated(small, monkeypatch)
    before = (small.out / "report.html").read_bytes()
    with pytest.raises(DatasetError, match='measured weights "stub" -> "another"'):
        evaluate.main(replace(small, backbone="another"))
    assert (small.out / "report.html").read_bytes() == before
    assert _evaluated(replace(small, device="cpu"), monkeypatch)["backbone"] == "stub"


def test_measurements_are_kept_when_a_picture_fails(small, monkeypatch):
    def broken(*_):
        raise RuntimeError("no picture")

    monkeypatch.setattr(pictures, "pca_figure", broken)
    monkeypatch.setattr(evaluate, "load_backbone", lambda name, **_: MeanColour())
    with pytest.raises(RuntimeError, match="no picture"):
        evaluate.main(small)
    assert json.loads((small.out / "correspondence.json").read_text())["pairs"]["robot-robot"]["n"] > 0


def test_a_pca_that_the_frames_do_not_allow_is_left_out(small, monkeypatch):
    def nothing(records, grid, _words):
        return torch.zeros(len(records), grid[0] * grid[1]) > 0

    monkeypatch.setattr(pictures, "hand_tokens", nothing)
    _evaluated(small, monkeypatch)
    assert not (small.out / "joint_pca_of_hand_patches.png").exists()
    assert (small.out / "report.html").is_file()


def test_held_out_images_are_drawn_from_the_whole_set(tmp_path):
    dataset = FrameDataset(make_dataset(tmp_path, frames=12))
    numbers = [record.index for record in evaluate.sample(dataset, 4, seed=1)]
    assert len(set(numbers)) == 4
    assert max(numbers) >= 4
    assert numbers != [record.index for record in evaluate.sample(dataset, 4, seed=2)]
