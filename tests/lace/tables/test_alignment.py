"""Every row of the paper's tables is a distinct run; a killed table resumes; a changed configuration is refused."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lace.alignment import finetune
from lace.alignment.config import TrainConfig
from lace.alignment.finetune import FinetuneConfig
from lace.cli import main as cli
from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.measure import evaluate_correspondence as evaluate
from lace.measure import evaluate_features
from lace.reports.paper import PAPER
from lace.tables import alignment as alignment_tables
from lace.tables import rows as table_rows
from lace.tables.ablations import TABLES, Run
from lace.tables.alignment import TablesConfig, runs_of
from lace.tables.show import Measured, probe_lines, row_label
from tests.synthetic import make_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    names = ("robot", "human", "robot_test", "human_test")
    for seed, name in enumerate(names):
        make_dataset(folder / name, frames=4, size=64, seed=seed, human=name.startswith("human"))
    return folder


def config(data, out, **changes):
    train = TrainConfig(iterations=1, batch=3, checkpoint_every=1)
    return TablesConfig(
        **{name: Path(data or "") / name for name in ("robot", "human", "robot_test", "human_test")},
        out=out,
        backbone="tiny",
        image_size=64,
        augmented=6,
        test_images=4,
        device="cpu",
        train=train,
        **changes,
    )


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_the_papers_in_its_order(table):
    assert list(TABLES[table]) == list(PAPER[table])
    slugs = [run.slug("tiny") for run in TABLES[table].values()]
    assert len(set(slugs)) == len(slugs)


def test_changes_are_fields_and_differ_from_the_defaults():
    """No row equals the default under another name."""
    known = {**vars(TrainConfig()), **{f: getattr(FinetuneConfig, f) for f in ("images",)}}
    for rows in TABLES.values():
        for run in rows.values():
            for name, value in run.changes.items():
                assert known[name] != value
            assert run.train_config(TrainConfig()) == TrainConfig() or not run.data_changes


@pytest.mark.parametrize("table", TABLES)
def test_each_row_reaches_the_fine_tune(table, tmp_path, monkeypatch):
    """Each run has its own change only; equal runs of different tables share one folder."""
    asked = []
    monkeypatch.setattr(finetune, "main", asked.append)
    wanted, runs = config(tmp_path, tmp_path), runs_of(table, config(tmp_path, tmp_path))
    for run in runs.values():
        if run.tuned:
            alignment_tables.tune(run, wanted, tmp_path / run.slug("tiny"))
            changed = {n: v for n, v in vars(asked[-1].train).items() if v != getattr(wanted.train, n)}
            if asked[-1].images != FinetuneConfig.images:
                changed["images"] = asked[-1].images
            assert changed == dict(run.changes)
    default = [row for row, run in runs.items() if run.tuned and run.slug("tiny") == "tiny-lace"]
    assert len(default) == 1


def test_a_killed_table_resumes(data, tmp_path, monkeypatch, capsys):
    wanted, calls = config(data, tmp_path, tables=(1,)), []
    true_finetune, true_evaluate = finetune.main, evaluate.main

    def counted(own):
        calls.append(own.out.name)
        return true_finetune(own)

    def killed(own):
        raise KeyboardInterrupt if len(calls) == 1 else AssertionError("past the kill")

    monkeypatch.setattr(finetune, "main", counted)
    monkeypatch.setattr(evaluate, "main", lambda own: true_evaluate(own) if not calls else killed(own))
    with pytest.raises(KeyboardInterrupt):
        alignment_tables.main(wanted)
    monkeypatch.setattr(evaluate, "main", true_evaluate)
    assert alignment_tables.main(wanted) == 0
    assert calls == ["tiny-lace"]
    printed = capsys.readouterr().out
    for words in ("87.04", "19.36", "image centre", "random visible keypoint"):
        assert words in printed
    page = (tmp_path / "table-1" / "report.html").read_text()
    assert "RANDOM weights" in page and "19.36" in page
    assert set(json.loads((tmp_path / "table-1" / "table.json").read_text())) == set(PAPER[1])
    with pytest.raises(DatasetError, match=r"a fine-tune made with other values: train\.tau"):
        alignment_tables.main(replace(wanted, train=replace(wanted.train, tau=0.5)))


def test_rows_made_by_workers_give_the_table_of_one_process(data, tmp_path, monkeypatch):
    assert alignment_tables.main(config(data, tmp_path / "one", tables=(1,))) == 0
    two, asked = config(data, tmp_path / "two", tables=(1,), workers=2), []

    def worker(build, tasks, options, on_ready, named, home):
        asked.extend(tasks)
        assert options.workers == 2 and home.is_file()
        row = pickle.loads(pickle.dumps(build))()
        for task in tasks:
            yield task, row.make(task)
        monkeypatch.setattr(finetune, "main", lambda own: pytest.fail("the table made a row itself"))
        monkeypatch.setattr(evaluate, "main", lambda own: pytest.fail("the table measured a row itself"))

    monkeypatch.setattr(table_rows, "make_parts", worker)
    assert alignment_tables.main(two) == 0
    tables = [(tmp_path / name / "table-1" / "table.json").read_text() for name in ("one", "two")]
    assert tables[0] == tables[1].replace(f"{tmp_path}/two/", f"{tmp_path}/one/")
    assert asked == alignment_tables.distinct_rows(list(runs_of(1, two).values()), two)


def test_rows_that_share_a_folder_are_made_once():
    wanted = config(None, None, tables=(1, 4), seeds=(0, 1))
    runs = [run for table in wanted.tables for run in runs_of(table, wanted).values()]
    slugs = [run.slug("tiny", seed) for run, seed in alignment_tables.distinct_rows(runs, wanted)]
    assert len(slugs) == len(set(slugs)) and {"tiny-pretrained", "tiny-lace-seed=0", "tiny-lace-seed=1"} <= set(slugs)
    assert len(slugs) < sum(2 if run.tuned else 1 for run in runs)


def test_table_8_takes_other_backbones():
    wanted = config(None, None, backbones=("tiny",))
    assert {row: run.backbone for row, run in runs_of(8, wanted).items()} == {"DINO": "tiny", "LACE-DINO": "tiny"}
    with pytest.raises(InvalidValueError, match="5 names"):
        runs_of(8, config(None, None, backbones=tuple("abcde")))
    with pytest.raises(UnknownNameError, match="7"):
        runs_of(7, wanted)


def test_the_command_is_listed_and_explains_itself(capsys):
    with pytest.raises(SystemExit):
        cli.main(["tables", "alignment", "--help"])
    assert "--robot-test" in capsys.readouterr().out


def test_finished_rows_are_kept_when_the_folder_or_the_device_changed(data, tmp_path, monkeypatch):
    wanted = config(data, tmp_path / "a", tables=(1,))
    assert alignment_tables.main(wanted) == 0
    (tmp_path / "a").rename(tmp_path / "b")
    for module in (finetune, evaluate):
        monkeypatch.setattr(module, "main", lambda _own: pytest.fail("run again"))
    assert alignment_tables.main(replace(wanted, out=tmp_path / "b", device="auto")) == 0


def test_an_evaluation_that_was_killed_while_it_drew_runs_again(tmp_path):
    runs = []

    def evaluated(own):
        runs.append(own.out)
        for name, text in (("measured.json", '{"n": 1}'), ("report.html", "")):
            (own.out / name).write_text(text)

    identity = SimpleNamespace(check=lambda: None)
    command = SimpleNamespace(MEASUREMENT="measured.json", identity_of=lambda _own: identity, main=evaluated)
    own = SimpleNamespace(out=tmp_path)
    for _ in range(2):
        assert alignment_tables._result(command, own) == {"n": 1}
    assert len(runs) == 1, "a finished one is read"
    (tmp_path / "report.html").unlink()
    assert alignment_tables._result(command, own) == {"n": 1}
    assert len(runs) == 2


def test_seeds_are_separate_runs_and_their_range_is_shown(data, tmp_path, capsys):
    assert alignment_tables.main(config(data, tmp_path, tables=(1,), seeds=(1, 2))) == 0
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {
        "tiny-pretrained",
        "tiny-lace-seed=1",
        "tiny-lace-seed=2",
    }
    found = json.loads((tmp_path / "table-1" / "table.json").read_text())["LACE-DINO"]["runs"]
    values = [run["pairs"]["human-robot"]["epe_px"]["value"] for run in found]
    page = (tmp_path / "table-1" / "report.html").read_text()
    assert f"{sum(values) / 2:.1f} ({min(values):.1f} to {max(values):.1f}, 2 seeds)" in page
    assert "human to robot" in page and "2 seeds" in capsys.readouterr().out


def test_a_row_says_how_many_images_there_are():
    run = TABLES[4]["100 img"]
    assert row_label("100 img", run, run, Measured([], images=48)) == "100 img (ours: 48 img)"
    assert row_label("100 img", run, run, Measured([], images=100)) == "100 img"
    assert row_label("DINO", run, run, Measured([])) == "DINO"


def test_a_row_is_named_by_the_backbone_that_was_run():
    wanted = replace(config(None, None), backbone="efficientnet-lite0")
    names = [row_label(row, TABLES[1][row], run, Measured([])) for row, run in runs_of(1, wanted).items()]
    assert names == ["efficientnet-lite0", "LACE-efficientnet-lite0"]
    images = runs_of(4, wanted)["100 img"]
    assert row_label("100 img", TABLES[4]["100 img"], images, Measured([], images=100)) == "100 img"


def test_the_probes_are_columns_where_folders_are_given(data, tmp_path, monkeypatch):
    def probed(own):
        value = {"value": 0.5, "low": 0.4, "high": 0.6}
        with evaluate_features.identity_of(own).opened():
            (own.out / "features.json").write_text(json.dumps({"quick": own.quick, "top1": value}))

    monkeypatch.setattr(evaluate_features, "main", probed)
    wanted = config(data, tmp_path, tables=(6,), classification=tmp_path)
    rows = {row: Measured([], features=alignment_tables._features(Run(tuned=False), wanted, None)) for row in PAPER[6]}
    lines = probe_lines(6, {}, rows)
    assert lines[0] == ["LACE-DINO", "50.00 [40.00, 60.00]", "74.86", "-", "40.41"]
    assert probe_lines(6, {}, {row: Measured([]) for row in PAPER[6]}) == []


def test_held_out_frames_that_are_training_frames_are_refused(data, tmp_path):
    wanted = config(data, tmp_path / "out")
    with pytest.raises(InvalidValueError, match="held-out robot frames: 4 of 4 images"):
        alignment_tables.main(replace(wanted, robot_test=wanted.robot))
    with pytest.raises(InvalidValueError, match="as the robot frames"):
        alignment_tables.main(replace(wanted, robot=wanted.human, human=wanted.robot))
    assert not (tmp_path / "out").exists()
