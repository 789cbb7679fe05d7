"""docs/loading-data.md: every block runs as it stands on a dataset in runs/first."""

import re

import pytest

from tests import ROOT
from tests.synthetic import make_dataset

PAGE = (ROOT / "docs" / "loading-data.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(CODE)), ids=["ours", "torch", "pandas", "datasets", "duckdb"])
def test_block_runs(number, tmp_path, monkeypatch, capsys):
    if number == 4:
        pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    make_dataset(tmp_path / "runs" / "first", frames=7)
    exec(compile(CODE[number], "loading-data.md", "exec"), {"__name__": "page"})
    said = capsys.readouterr().out
    assert {0: "FrameDataset(runs/first: 7 frames in 2 shards", 1: "torch.Size", 2: "(96, 96)"}.get(number, "") in said
