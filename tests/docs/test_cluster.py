"""docs/cluster.md: other programs read the shards as the page says; each counts the frames."""

import re

import pytest

from tests import ROOT
from tests.synthetic import make_dataset

BLOCK = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "cluster.md").read_text(), re.DOTALL)[1]


@pytest.mark.slow
def test_duckdb_ray_and_datasets_read_the_shards(tmp_path, monkeypatch):
    ray_pool = pytest.importorskip("lace.core.ray_pool")
    pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    make_dataset(tmp_path / "robot", frames=7)
    with ray_pool.connected("local", 2):
        page = {"__name__": "page"}
        exec(compile(BLOCK, "cluster.md", "exec"), page)
        assert page["frames"].count() == len(page["rows"]) == 7
        assert sorted(frame["index"] for frame in page["frames"].take_all()) == list(range(7))
        assert dict(page["rooms"].fetchall()) == {"lab": 4, "kitchen": 3}
