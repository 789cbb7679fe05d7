"""A run's folder belongs to one configuration."""

import json

import pytest

from lace.core.errors import DatasetError
from lace.core.run_folder import claim_folder

ORIGIN = {"config": {"seed": 1, "frames": 5}, "versions": {"numpy": "2"}, "commit": "a"}


def test_the_same_origin_claims_and_resumes(tmp_path):
    path = tmp_path / "run" / "run.json"
    claim_folder(path, "a run", ORIGIN)
    before = path.read_bytes()
    assert json.loads(before) == ORIGIN
    claim_folder(path, "a run", ORIGIN | {"commit": "b"})
    assert path.read_bytes() == before


@pytest.mark.parametrize("config", [{"seed": 2, "frames": 5}, {"seed": 1}, {"seed": 1, "frames": 5, "size": 3}])
def test_another_configuration_is_refused_and_nothing_changes(tmp_path, config):
    path = tmp_path / "run.json"
    claim_folder(path, "a run", ORIGIN)
    before = path.read_bytes()
    with pytest.raises(DatasetError, match="a run with other config: (seed|frames|size)"):
        claim_folder(path, "a run", ORIGIN | {"config": config})
    assert path.read_bytes() == before


def test_other_entries_are_compared_where_asked(tmp_path):
    path, newer = tmp_path / "run.json", ORIGIN | {"versions": {"numpy": "3"}}
    claim_folder(path, "a run", ORIGIN)
    claim_folder(path, "a run", newer)
    with pytest.raises(DatasetError, match="a run with other versions: numpy"):
        claim_folder(path, "a run", newer, compared=("config", "versions"))


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match="is not a run"):
        claim_folder(tmp_path / "run.json", "a run", ORIGIN)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
