"""The measuring command on synthetic frames with a stub backbone, and the paper's numbers as printed."""

import base64
import itertools
import json
import re

import pytest
import torch
from torch.nn.functional import avg_pool2d

from lace.core.errors import InvalidValueError
from lace.data.dataset import named_folders
from lace.measure import evaluate_correspondence as evaluate
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
    data = make_dataset(folder / "data", frames=5)
    config = evaluate.CorrespondenceConfig(
        robot=data,
        human=data,
        robot_train=data,
        out=folder / "out",
        backbone="stub",
        before="stub",
        size=96,
        more=(f"rod={data}",),
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
    assert result["config"]["size"] == 96
    assert len(result["git_commit"]) >= 7


def test_trivial_predictors_stand_beside_and_are_printed(result):
    assert set(NAMES) <= set(result["trivial"]["robot"])
    assert result["mean_keypoint_from"] == {"human": "held-out", "robot": "training", "rod": "held-out"}
    rows = evaluate.table(result).columns[0]._cells
    assert {f"robot: {name}" for name in NAMES} <= set(rows)
    assert "human: mean HELD-OUT keypoint" in rows


def test_the_same_backbone_did_not_drift(result):
    assert result["drift"]["hand"]["value"] == 0


def test_the_report_is_one_file_with_every_picture(result):
    """No link leads outside; each picture beside it is in it; n, seed, commit and settings are there."""
    page = (result["folder"] / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:image/png;base64,)', page)
    pictures = sorted(path.name for path in result["folder"].glob("*.png"))
    pairs = [f"correspondence_{a}-{b}.png" for a, b in PAIRS]
    assert pictures == sorted([*pairs, "feature_drift.png", "joint_pca_of_hand_patches.png"])
    for name in pictures:
        assert base64.b64encode((result["folder"] / name).read_bytes()).decode() in page
    for words in (result["git_commit"], "robot: image centre", "bootstrap", "&#34;pck&#34;: 0.1"):
        assert words in page


def test_more_embodiments_are_named_once_each():
    for item in ("rod", "=data", "rod=", "robot=data"):
        with pytest.raises(InvalidValueError, match="another name than human, robot"):
            named_folders((item,), {"human": "a", "robot": "b"})


def test_the_papers_tables_agree_with_each_other():
    """Numbers the paper prints more than once; the default row differs between its tables, which is its own doing."""
    assert set(PAPER) == {1, 4, 5, 6, 8}
    assert {PAPER[t]["DINO"].hr for t in (1, 4, 5, 8)} == {(87.04, 0.473)}
    assert PAPER[1]["LACE-DINO"].hr == PAPER[6]["LACE-DINO"].hr == PAPER[8]["LACE-DINO"].hr
    assert PAPER[4]["100 img"].hr == PAPER[5]["lambda=1"].hr
    assert PAPER[5]["lambda=1"].imagenet == PAPER[6]["LACE-DINO"].imagenet
