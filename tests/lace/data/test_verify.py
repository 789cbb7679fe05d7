"""Each check accepts clean frames and detects the one fault inserted for it."""

import numpy as np
import pytest

from lace.core.errors import DatasetError
from lace.core.keypoints import Visibility
from lace.data.schema import constants_of, encode_frame
from lace.data.shards import shard_name, write_shard
from lace.data.verify import check_frames, mask_box, verify_dataset
from tests.synthetic import WALL_M, make_dataset, make_frame


def a_visible(record):
    return int(np.flatnonzero(record.visibility == Visibility.VISIBLE)[0])


def pixel_of(record, k):
    column, row = record.keypoints_uv[k].astype(int)
    return row, column


def off_the_mask(record):
    record.segmentation[pixel_of(record, a_visible(record))] = 1


def on_the_background(record):
    record.segmentation[pixel_of(record, a_visible(record))] = 0


def visible_outside(record):
    record.visibility[16] = Visibility.VISIBLE


def in_view_called_out(record):
    record.visibility[a_visible(record)] = Visibility.OUT_OF_VIEW


def black(record):
    record.image[:] = 1


def constant(record):
    record.image[:] = np.clip(np.random.default_rng(0).normal(120, 4, record.image.shape), 0, 255)


def not_finite(record):
    record.keypoints_world[a_visible(record)] = np.nan


def off_the_projection(record):
    record.keypoints_uv[a_visible(record)] += 0.02


def surface_behind(record):
    record.depth_m[pixel_of(record, a_visible(record))] = WALL_M


def nothing_hit(record):
    record.depth_m[pixel_of(record, a_visible(record))] = 0


def wrong_robot_box(record):
    record.boxes["embodiment@segmentation"][0] -= 1


def wrong_target_box(record):
    record.boxes["target@segmentation"][:] = np.nan


def wrong_keypoint_box(record):
    record.boxes["embodiment@keypoints"][3] += 1


def wrong_hand_box(record):
    record.boxes["hand@segmentation"][2] += 50


FAULTS = {
    off_the_mask: "mask",
    on_the_background: "mask",
    visible_outside: "in_view",
    in_view_called_out: "in_view",
    black: "black",
    constant: "constant",
    not_finite: "finite",
    off_the_projection: "projection",
    surface_behind: "depth",
    nothing_hit: "depth",
    wrong_robot_box: "box",
    wrong_target_box: "box",
    wrong_keypoint_box: "box",
    wrong_hand_box: "box",
}


def test_clean_frames_pass():
    assert check_frames([make_frame(i) for i in range(40)]) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_an_injected_fault_is_found_in_its_frame_only(fault):
    records = [make_frame(i) for i in range(3)]
    fault(records[1])
    problems = check_frames(records)
    assert FAULTS[fault] in {problem.check for problem in problems} and {p.index for p in problems} == {1}


def test_a_repeated_image_names_the_first():
    records = [make_frame(i) for i in range(3)]
    records[2].image = records[0].image.copy()
    (problem,) = check_frames(records)
    assert (problem.index, problem.check) == (2, "repeated") and "frame 0" in problem.detail


def test_frames_without_optional_labels_pass():
    record = make_frame()
    record.segmentation = record.depth_m = record.K = record.T_world_cam = record.keypoints_world = None
    record.boxes = {}
    assert check_frames([record]) == []


def test_mask_box_runs_from_outer_edge_to_outer_edge():
    mask = np.zeros((10, 20), bool)
    mask[3:5, 7] = True
    np.testing.assert_array_equal(mask_box(mask), [7, 3, 8, 5])
    assert np.isnan(mask_box(mask & False)).all()


def test_a_clean_dataset_passes_with_its_numbers(tmp_path):
    seen = []
    report = verify_dataset(make_dataset(tmp_path, 7, 3), lambda done, total: seen.append((done, total)))
    assert (report.n_frames, report.n_shards, report.problems, report.marker_error_px) == (7, 3, [], 0.2)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def rewrite(folder, number, records, **metadata):
    rows = [encode_frame(record) for record in records]
    write_shard(folder / "shards" / shard_name(number), rows, constants_of(records[0]), metadata)


def test_repeats_across_shards_markers_and_missing_frames_are_seen(tmp_path):
    folder = make_dataset(tmp_path, 6, 3)
    twin = make_frame(4)
    twin.image = make_frame(1).image
    rewrite(folder, 1, [make_frame(3), twin], marker_error_px=0.7)
    report = verify_dataset(folder)
    assert report.counts == {"repeated": 1, "marker": 1, "indices": 1} and report.marker_error_px == 0.7
    assert any("1 frame missing: 5" in problem.detail for problem in report.problems)


def test_markers_are_counted_and_a_test_without_markers_is_reported(tmp_path):
    folder = make_dataset(tmp_path, 6, 3)
    rewrite(folder, 1, [make_frame(i) for i in (3, 4, 5)], marker_error_px=0.1, markers=12)
    report = verify_dataset(folder)
    assert report.n_markers == 12 and not report.problems
    rewrite(folder, 1, [make_frame(i) for i in (3, 4, 5)], marker_error_px=0.0, markers=0)
    assert verify_dataset(folder).counts == {"marker": 1}


def test_a_repeat_across_batches_is_seen():
    seen: dict[bytes, int] = {}
    assert not check_frames([make_frame(0)], seen)
    twin = make_frame(1)
    twin.image = make_frame(0).image
    assert [problem.check for problem in check_frames([twin], seen)] == ["repeated"]


def test_an_index_that_occurs_twice_and_one_too_many(tmp_path):
    folder = make_dataset(tmp_path, 3, 3)
    rewrite(folder, 1, [make_frame(9), make_frame(2, seed=5)])
    details = [str(problem) for problem in verify_dataset(folder).problems]
    assert any("frame 2: indices: occurs 2 times" in text for text in details)
    assert any("not of this dataset: 9" in text for text in details)


def test_damage_is_named_and_the_rest_still_checked(tmp_path):
    folder = make_dataset(tmp_path, 9, 3)
    cut, scribbled = (folder / "shards" / shard_name(n) for n in (0, 1))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    content = bytearray(scribbled.read_bytes())
    at = content.index(b"\x89PNG")
    content[at : at + 8] = b"rubbish!"
    scribbled.write_bytes(content)
    report = verify_dataset(folder)
    assert report.counts["damaged"] == 2 and report.n_frames == 6
    texts = [str(problem) for problem in report.problems if problem.check == "damaged"]
    assert cut.name in texts[0] and "delete this shard" in texts[0] and scribbled.name in texts[1]


def test_no_shard_to_verify(tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(DatasetError, match="no finished shard"):
        verify_dataset(tmp_path)
