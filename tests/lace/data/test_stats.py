"""Statistics equal the counts of a dataset."""

import json

import cv2
import numpy as np
import pytest
from rich.console import Console

from lace.data.dataset import FrameDataset
from lace.data.draw_names import in_words, is_internal
from lace.data.stats import dataset_stats, histogram, save_stats
from lace.data.stats_figure import shown_ranges, stats_tables
from tests.synthetic import make_dataset


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    return FrameDataset(make_dataset(tmp_path_factory.mktemp("stats") / "ds", 9, 4, 48))


def test_counts_rates_and_histograms(ds):
    stats = dataset_stats(ds)
    assert stats["frames"] == 9 and stats["rooms"] == {"kitchen": 4, "lab": 5} and stats["targets"] == {"doll_green": 9}
    assert stats["visibility"]["little_tip"]["absent"] == 1 and stats["visibility"]["ring_tip"]["out_of_view"] == 1
    assert all(sum(rates.values()) == pytest.approx(1) for rates in stats["visibility"].values())
    assert set(stats["draws"]) == {"light.intensity", "shadows", *(f"camera.position[{i}]" for i in range(3))}
    intensities = [record.draws["light.intensity"] for record in ds]
    assert stats["draws"]["light.intensity"]["mean"] == pytest.approx(np.mean(intensities))
    assert sum(stats["joints"]["elbow"]["counts"]) == 9


def test_a_distractor_counts_once_in_a_frame_that_shows_it_twice(ds, monkeypatch):
    can, mug = (
        {"name": f"distractor_{i}", "role": "distractor", "object": kind} for i, kind in enumerate(("can", "mug"))
    )
    columns = {"objects": [json.dumps(things) for things in ([can, can], [can, mug], [])]}
    real = type(ds).column
    monkeypatch.setattr(type(ds), "column", lambda self, name: columns.get(name) or real(self, name))
    assert dataset_stats(ds)["distractors"] == {"can": 2, "mug": 1}


def test_palm_positions_are_the_wrists(ds):
    stats = dataset_stats(ds)
    np.testing.assert_allclose(stats["palm_uv"], [record.keypoints_uv[0] for record in ds])
    np.testing.assert_allclose(stats["palm_world_xy"], [record.keypoints_world[0, :2] for record in ds])


def test_histogram_leaves_out_what_is_not_finite():
    assert histogram([1.0, np.nan, 3.0])["n"] == 2
    assert histogram([])["mean"] is None


def test_files_and_tables(ds, tmp_path):
    stats = save_stats(ds, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "stats.json").read_text())["frames"] == 9
    assert cv2.imread(str(tmp_path / "out" / "stats.png")).shape[1] > 1000
    console = Console(record=True, width=120)
    console.print(stats_tables(stats))
    said = console.export_text()
    assert "light intensity" in said and "joint elbow [rad]" in said


def test_names_have_units_and_internal_draws_are_left_out_unless_asked_for():
    assert in_words("camera.distance_m") == "camera distance [m]" and in_words("tint.hue[2]") == "tint hue 2"
    assert in_words("light.elevation_deg") == "light elevation [degrees]"
    assert in_words("camera.aim[0]") == "camera aim 0 [m]" and in_words("camera.jitter_mm[1]") == "camera jitter 1 [mm]"
    assert all(map(is_internal, ("clutter.3.yaw", "table.kind", "sensor.offset_x", "backdrop[1]")))
    assert not any(map(is_internal, ("camera.roll_deg", "clutter.count", "target.scale", "light.intensity")))
    h = histogram([1.0, 2.0])
    stats = {"draws": {"table.look": h, "table.height_m": h}, "joints": {"elbow": h}}
    assert list(shown_ranges(stats, False)) == ["table height [m]", "joint elbow [rad]"]
    assert "table look" in shown_ranges(stats, True)
