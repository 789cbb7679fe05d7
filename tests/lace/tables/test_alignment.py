"""Every row of the paper's tables is a run that really differs; a killed table continues; what differs is refused."""

import json
from dataclasses import replace

import pytest

from lace.alignment import finetune
from lace.alignment.config import TrainConfig
from lace.alignment.finetune import FinetuneConfig
from lace.cli import main as cli
from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.measure import evaluate_correspondence as evaluate
from lace.reports.paper import PAPER
from lace.tables import alignment as alignment_tables
from lace.tables.ablations import TABLES
from lace.tables.alignment import TablesConfig, runs_of
from tests.synthetic import make_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("tables") / "data", frames=4, size=64)


def config(data, out, **changes):
    train = TrainConfig(iterations=1, batch=3, checkpoint_every=1)
    return TablesConfig(
        robot=data,
        human=data,
        robot_test=data,
        human_test=data,
        out=out,
        backbone="tiny",
        size=64,
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
    """So that no row is the default under another name."""
    known = {**vars(TrainConfig()), **{f: getattr(FinetuneConfig, f) for f in ("images",)}}
    for rows in TABLES.values():
        for run in rows.values():
            for name, value in run.changes.items():
                assert known[name] != value
            assert run.train_config(TrainConfig()) == TrainConfig() or not run.data_changes


@pytest.mark.parametrize("table", TABLES)
def test_each_row_reaches_the_fine_tune(table, tmp_path, monkeypatch):
    """With its own change and nothing else; equal runs of different tables are one folder."""
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


def test_a_killed_table_continues(data, tmp_path, monkeypatch, capsys):
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
    with pytest.raises(DatasetError, match="was made otherwise: train"):
        alignment_tables.main(replace(wanted, train=replace(wanted.train, tau=0.5)))


def test_table_8_takes_other_backbones():
    wanted = config(None, None, backbones=("tiny",))
    assert {row: run.backbone for row, run in runs_of(8, wanted).items()} == {"DINO": "tiny", "LACE-DINO": "tiny"}
    with pytest.raises(InvalidValueError, match="5 names"):
        runs_of(8, config(None, None, backbones=("a",) * 5))
    with pytest.raises(UnknownNameError, match="7"):
        runs_of(7, wanted)


def test_the_command_is_listed_and_explains_itself(capsys):
    with pytest.raises(SystemExit):
        cli.main(["tables", "alignment", "--help"])
    assert "--robot-test" in capsys.readouterr().out
