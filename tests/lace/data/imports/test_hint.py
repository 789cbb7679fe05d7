"""HInt as stored on disk, with every possible defect: valid entries are imported, the others are listed."""

import json

import numpy as np
import pytest

from lace.cli import main as cli
from lace.core.errors import DatasetError
from lace.core.keypoints import Visibility
from lace.data.dataset import FrameDataset
from lace.data.imports import hint
from lace.data.imports.writing import REPORT_NAME, write_frames
from lace.data.verify import verify_dataset
from tests.hints import ALL, HEIGHT, WIDTH, hand, put


@pytest.fixture
def folder(tmp_path):
    root, epick = tmp_path / "hint", tmp_path / "hint" / "TRAIN_epick_img"
    for i in range(4):
        put(epick, f"EK_000{i}_r", i)
    put(epick, "EK_0010_l", 10)
    put(epick, "EK_0011_r", 11, image=False)
    put(epick, "EK_0012_r", 12)
    (epick / "EK_0012_r.json").write_text('[{"bbox": [[1, 2')
    put(epick, "EK_0013_r", 13, occlusion=None, bbox=None)
    put(epick, "EK_0014_r", 14, keypoints=[[1, 2]] * 20)
    put(epick, "EK_0015_r", 15)
    (epick / "EK_0015_r.jpg").write_bytes(b"not an image")
    put(epick, "EK_0016", 16)
    put(epick, "EK_0017_r", 17)
    (epick / "EK_0017_r.json").unlink()
    put(epick, "EK_0018_r", 18)
    (epick / "EK_0018_r.json").write_text("[]")
    put(epick, "EK_0019_r", 0)
    put(epick, "EK_0020_r", 20, keypoints=[["a", "b"]] * 21)
    put(epick, "EK_0021_r", 21, keypoints=[[-5, -5]] * 21)
    put(root / "VAL_newdays_img", "ND_x_frame000001_r", 30)
    put(root / "TEST_ego4d_seq", "a_b_7_pnr_frame_r", 31, image=False)
    return root


REASONS = {
    "left hand": 1,
    "missing image": 1,
    "broken JSON": 1,
    "absent keys": 1,
    "wrong shape": 2,
    "unreadable image": 1,
    "no _r or _l in the name": 1,
    "missing annotation": 1,
    "not a list of one hand": 1,
    "the same image again": 1,
    "no keypoint in the image": 1,
}


def test_valid_entries_are_imported_and_the_rest_is_listed(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["import", "hint", str(folder), "--out", str(out), "--splits", "epick"]) == 0
    report = json.loads((out / REPORT_NAME).read_text())
    assert report["frames"] == 4 and report["reasons"] == REASONS
    assert {"TRAIN_epick_img/EK_0012_r"} == {d["name"] for d in report["details"] if d["reason"] == "broken JSON"}
    assert "bbox, occlusion" in next(d["detail"] for d in report["details"] if d["reason"] == "absent keys")
    printed = capsys.readouterr().out
    assert all(reason in printed for reason in REASONS)
    assert not verify_dataset(out).problems
    assert cli.main(["data", "verify", str(out)]) == cli.main(["data", "stats", str(out)]) == 0
    assert cli.main(["data", "show", str(out), "--count", "2"]) == 0


def test_labels_round_trip(folder, tmp_path):
    write_frames(tmp_path / "out", hint.candidates(folder, *ALL), {})
    dataset = FrameDataset(tmp_path / "out")
    assert len(dataset) == 5
    for seed, record in zip((0, 1, 2, 3, 30), dataset, strict=True):
        uv, _ = hand(seed)
        np.testing.assert_allclose(record.keypoints_uv, uv, atol=1e-4)
        assert record.visibility.tolist() == [Visibility.VISIBLE] * 20 + [Visibility.OCCLUDED]
        assert record.embodiment == "human_right" and record.image.shape == (HEIGHT, WIDTH, 3)
        assert record.segmentation is None and record.K is None


def test_existence_and_points_outside_are_out_of_view(tmp_path):
    uv, _ = hand()
    uv[4] = (WIDTH + 3, 10)
    put(tmp_path / "VAL_epick_img", "EK_1_r", keypoints=uv.tolist(), existence=[1] * 8 + [0] + [1] * 12)
    (candidate,) = hint.candidates(tmp_path, *ALL)
    record = candidate.load()
    assert np.flatnonzero(record.visibility == Visibility.OUT_OF_VIEW).tolist() == [4, 8]
    assert np.isnan(record.keypoints_uv[8]).all() and record.keypoints_uv[4, 0] == WIDTH + 3
    assert not verify_dataset(write_frames(tmp_path / "out", [candidate], {}).out).problems


def test_crop_keeps_every_keypoint_on_its_pixel(tmp_path):
    put(tmp_path / "VAL_epick_img", "EK_1_r")
    (whole,), (cut,) = hint.candidates(tmp_path, *ALL), hint.candidates(tmp_path, *ALL, crop=True)
    (scaled,) = hint.candidates(tmp_path, *ALL, crop=True, image_size=224)
    whole, cut, scaled = whole.load(), cut.load(), scaled.load()
    side = cut.image.shape[0]
    assert cut.image.shape == (side, side, 3) and side < WIDTH and scaled.image.shape == (224, 224, 3)
    for record, points in ((whole, whole.keypoints_uv), (cut, cut.keypoints_uv)):
        colours = [record.image[int(v), int(u)] for u, v in points]
        np.testing.assert_array_equal(colours, [whole.image[int(v), int(u)] for u, v in whole.keypoints_uv])
    np.testing.assert_allclose(scaled.keypoints_uv, cut.keypoints_uv * 224 / side, rtol=1e-5)


def test_one_part_alone_and_a_folder_that_is_none(folder, tmp_path):
    assert len(hint.candidates(folder / "VAL_newdays_img", *ALL)) == 1
    with pytest.raises(DatasetError, match="TEST_ego4d_seq.*\n.*TRAIN_epick_img.*\n.*--splits"):
        hint.candidates(folder, ("ego4d",), ("VAL",))
    with pytest.raises(DatasetError, match="no folder of HInt at all"):
        hint.candidates(tmp_path / "nothing")


def test_a_killed_import_resumes_to_the_same_files(folder, tmp_path):
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    write_frames(whole, hint.candidates(folder, *ALL), {}, per_shard=2)

    def kill(done, _total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_frames(halted, hint.candidates(folder, *ALL), {}, kill, per_shard=2)
    (halted / "shards" / "shard-00002.parquet.9.part").write_bytes(b"left by a kill")
    assert json.loads((halted / "dataset.json").read_text())["complete"] is False
    report = write_frames(halted, hint.candidates(folder, *ALL), {}, per_shard=2)
    assert report.resumed_at >= 3
    files = [p.relative_to(whole) for p in sorted(whole.rglob("*")) if p.is_file()]
    assert files == [p.relative_to(halted) for p in sorted(halted.rglob("*")) if p.is_file()]
    assert all((whole / f).read_bytes() == (halted / f).read_bytes() for f in files)
    again = write_frames(halted, hint.candidates(folder, *ALL), {}, per_shard=2)
    assert again.as_json() == report.as_json()


def test_another_import_into_the_same_folder_is_refused(folder, tmp_path):
    write_frames(tmp_path / "out", hint.candidates(folder, *ALL), {"crop": False})
    with pytest.raises(DatasetError, match="other values: crop false -> true.\n.*\n.*another --out"):
        write_frames(tmp_path / "out", hint.candidates(folder, *ALL), {"crop": True})
    with pytest.raises(DatasetError, match="other values: candidates"):
        write_frames(tmp_path / "out", hint.candidates(folder, ("epick",)), {"crop": False})


def test_nothing_good_is_exit_code_one(tmp_path):
    put(tmp_path / "TRAIN_epick_img", "EK_1_l")
    assert cli.main(["import", "hint", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
