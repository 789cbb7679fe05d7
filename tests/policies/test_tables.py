"""Tables of probes and policies: requested rows, finished rows kept, control and baselines included."""

import json
import pickle

import numpy as np
import pytest

from lace.alignment.pairs import FrameBank, shuffled_parts
from lace.cli.main import main as lace
from lace.core.errors import DatasetError, InvalidValueError
from lace.reports.report import Report
from lace.tables import rows
from policies.fit import Fit
from policies.labelled import TRANSFORMS, read
from policies.tables.policy import Cell, PolicyTableConfig, cells
from policies.tables.probes import finger_metrics
from policies.tables.publish import publish_table
from policies.tables.variants import VARIANTS, StudyRuns, compared, kept, source_of, with_recipe
from tests.demonstrations import make_demonstrations, make_study
from tests.synthetic import make_frame


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"))


def arguments(study, out, table):
    return [
        "tables", table, "--study", str(study), "--out", str(out), "--backbone", "tiny", "--image-size", "64",
        "--given", "lab=tiny", "--device", "cpu", "--fit.iterations", "3", "--fit.batch", "4",
    ]  # fmt: skip


def test_table_2_is_made_and_kept(study, tmp_path, capsys, monkeypatch):
    command = [*arguments(study, tmp_path, "probes"), "--variants", "base", "lab", "masked", "--seeds", "0", "1"]
    assert lace(command) == 0
    printed = capsys.readouterr().out
    assert "57.5 / 28.6 / 48.7 / 3.2 / 57.9 / 1.6" in printed and "masked out" in printed and "thumb tip" in printed
    content = json.loads((tmp_path / "table-2" / "table.json").read_text(), parse_constant=pytest.fail)
    table = content["rows"]
    assert table["base"] == table["lab"]  # the same weights
    assert table["base"] != table["masked"] and len(table["base"]["seeds"]) == 2
    assert content["seeds"] == [0, 1] and content["demonstrations"] == 2 and content["config"]["backbone"] == "tiny"
    monkeypatch.setattr(Fit, "step", lambda self: pytest.fail("a finished probe was fitted again"))
    assert lace(command) == 0
    assert json.loads((tmp_path / "table-2" / "table.json").read_text())["rows"] == table


def test_rows_made_by_workers_are_those_that_the_tables_read(study, tmp_path, monkeypatch):
    """Backbones first, then probes and policies; the tables themselves train nothing."""
    asked, true_step = [], Fit.step

    def worker(build, tasks, options, on_ready, named, home):
        monkeypatch.setattr(Fit, "step", true_step)
        asked.append((named, list(tasks)))
        row = pickle.loads(pickle.dumps(build))()
        for task in tasks:
            yield task, row.make(task)
        monkeypatch.setattr(Fit, "step", lambda self: pytest.fail("the table trained something itself"))

    monkeypatch.setattr(rows, "make_parts", worker)
    more = ["--variants", "base", "lab", "--workers", "2", "--seeds", "0", "1"]
    assert lace([*arguments(study, tmp_path, "probes"), *more]) == 0
    assert asked.pop(0) == ("backbone", []), "lab is given"
    assert asked.pop(0)[1][:2] == [("pose", "base", 0), ("localisation", "base", 0)] and not asked
    assert lace([*arguments(study, tmp_path, "policy"), *more, "--head", "probe", "--regimes", "zero"]) == 0
    assert asked[1][1] == [Cell(r, v, s) for r in ("zero", "robot") for v in ("base", "lab") for s in (0, 1)]


def test_tables_7_9_and_10_are_made_and_kept(study, tmp_path, capsys, monkeypatch):
    command = [*arguments(study, tmp_path, "policy"), "--variants", "base", "lab", "masked", "--head", "probe"]
    command += ["--regimes", "zero", "few", "--demonstrations", "2"]
    assert lace(command) == 0
    printed = capsys.readouterr().out
    assert "21.1 / 71.1 / 16.3 / 0.13" in printed and "Table 10" in printed and "by number" in printed
    found = json.loads((tmp_path / "table-7" / "table.json").read_text())["rows"]
    keys = [(row["regime"], row["variant"], row["demonstrations"]) for row in found]
    assert keys == [
        ("zero", "base", None), ("zero", "lab", None), ("zero", "masked", None), ("few", "base", None),
        ("few", "lab", None), ("zero", "base", 2), ("zero", "lab", 2), ("robot", "base", None), ("robot", "lab", None),
    ]  # fmt: skip
    assert set(found[-1]["settings"]) == {"in_domain", "ood_obj"}
    runs = sorted(path.name.rpartition("-")[0] for path in (tmp_path / "policies").iterdir())
    assert runs.count("zero-base-0") == 1 and "few-lab-0" in runs and "zero-base-2-0" in runs
    few = next((tmp_path / "policies").glob("few-base-0-*"))
    manifest = json.loads((few / "manifest.json").read_text())
    assert [episode["folder"].split("/")[-2] for episode in manifest["train"]] == ["human"] * 4 + ["robot"]
    monkeypatch.setattr(Fit, "step", lambda self: pytest.fail("a finished policy was trained again"))
    assert lace(command) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--given lab", "VARIANT=DIR"), ("--given lab=tiny lab=tiny", "VARIANT=DIR"), ("--given nosuch=tiny", "nosuch"),
    ],
)  # fmt: skip
def test_what_is_given_twice_or_half_is_refused(study, tmp_path, words, said, capsys):
    command = [word for word in arguments(study, tmp_path / "out", "probes") if word not in ("--given", "lab=tiny")]
    assert lace([*command, *words.split()]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "out" / "table-2").exists()


@pytest.mark.parametrize(("name", "values"), [("seeds", (0, 1, 0)), ("variants", ("base", "lab", "base"))])
def test_a_row_given_twice_would_count_twice(study, tmp_path, name, values):
    with pytest.raises(InvalidValueError, match=f"{name} is {values[0]} {values[1]} {values[0]}"):
        StudyRuns(study=study, out=tmp_path, **{name: values})


def test_the_control_and_the_baselines_run_in_zero_alone():
    config = PolicyTableConfig(study=None, out=None, variants=tuple(VARIANTS))
    extra = ("shuffled", "masked", "phantom")
    assert [key for key in cells(config) if key[1] in extra] == [("zero", name, None) for name in extra]
    assert VARIANTS["phantom"].human_parts == ("phantom/in_domain", "phantom/ood_env")
    assert Cell("zero", "lab", 0).name != Cell("zero", "lab", 0, 10).name


def test_the_first_aligned_variant_is_compared_with_the_base():
    assert compared(("shuffled", "kitchen", "base", "lab")) == ("base", "kitchen")
    assert compared(("masked", "lab")) == ("lab",)


def test_shuffled_parts_keep_none_of_their_names_and_the_absent_stay_absent():
    records = [make_frame(i, 64) for i in range(6)]
    bank = FrameBank.from_records(records, 64)
    turned = shuffled_parts(bank, 0)
    shown = np.flatnonzero(bank.visible.any(0))
    columns = {tuple(np.nan_to_num(bank.keypoints[:, k]).ravel()): k for k in range(21) if k in shown}
    where = [columns[tuple(np.nan_to_num(turned.keypoints[:, k]).ravel())] for k in shown]
    assert sorted(where) == shown.tolist() and all(a != b for a, b in zip(where, shown, strict=True))
    assert (turned.visible.sum(1) == bank.visible.sum(1)).all()
    absent = ~bank.visible.any(0)
    assert not turned.visible[:, absent].any()
    assert shuffled_parts(bank, 0).digest() == turned.digest() != shuffled_parts(bank, 1).digest()


def test_a_masked_picture_shows_nothing_of_the_embodiment():
    record = make_frame(0)
    picture = TRANSFORMS["masked"](record)
    robot = record.mask(semantic="robot")
    assert robot.any() and (picture[robot] == 127).all()
    np.testing.assert_array_equal(picture[~robot], record.image[~robot])
    record.segmentation = None
    with pytest.raises(DatasetError, match="no segmentation"):
        TRANSFORMS["masked"](record)


def test_finger_metrics_by_hand(tmp_path):
    frames = read(make_demonstrations(tmp_path, 1), 64).take([0])
    frames.pose[0] = [[0, 0], [10, 0], [20, 0], [30, 0], [40, 0]]
    frames.boxes[0, 1] = [38, -2, 42, 2]  # the target's centre is at the ring tip
    points = frames.points.copy()
    right = finger_metrics(frames.pose, points, frames)
    assert right["nearest fingertip"][0] == 1 and right["thumb to index [deg]"][0] == pytest.approx(0)
    swapped = frames.pose[:, [0, 2, 1, 4, 3]]
    wrong = finger_metrics(swapped, points, frames)
    assert wrong["nearest fingertip"][0] == 0 and wrong["thumb to index [deg]"][0] == pytest.approx(180)
    up = frames.pose.copy()
    up[0, 2] = [10, 10]
    assert finger_metrics(up, points, frames)["thumb to index [deg]"][0] == pytest.approx(90)
    frames.pose[0, 4] = np.nan
    assert all(np.isnan(value).all() for value in finger_metrics(swapped, points, frames).values())


def test_results_are_kept_by_identity(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"value": len(calls)}

    assert kept(tmp_path, {"a": 1}, compute) == kept(tmp_path, {"a": 1}, compute) == {"value": 1}
    assert kept(tmp_path, {"a": 2}, compute) == {"value": 2}


def test_a_room_without_frames_to_align_on_is_named(study, tmp_path):
    with pytest.raises(DatasetError, match="--rooms office"):
        source_of(VARIANTS["office"], "office", StudyRuns(study, tmp_path, "tiny"))


def test_what_is_not_finite_is_null_in_a_table(tmp_path):
    report = Report("title", "summary", {"n": 3}, [], {"study": tmp_path, "seeds": (0, 1)})
    publish_table(tmp_path, report, [{"value": np.nan, "low": -np.inf}])
    content = json.loads((tmp_path / "table.json").read_text(), parse_constant=pytest.fail)
    assert content["rows"] == [{"value": None, "low": None}] and content["n"] == 3
    assert content["config"] == {"study": str(tmp_path), "seeds": [0, 1]} and content["commit"]


def test_the_recipe_chooses_the_alignment_s_defaults():
    short = with_recipe(["--recipe", "short"], PolicyTableConfig)
    assert (short.train.iterations, short.train.batch, short.recipe) == (200, 4, "short")
    assert with_recipe([], PolicyTableConfig).train.iterations == 10_000
