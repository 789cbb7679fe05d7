"""Parts of numbered work: every number is in one part; text is checked; folders are shared by different parts only."""

import pytest

from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import TEMPORARY_SUFFIX, publish_bytes, remove_leftovers
from lace.core.lock import FolderInUseError, locked_folder
from lace.core.parts import WHOLE, Part, parts_of
from lace.core.run_identity import RunIdentity


def identity(folder, seed=0):
    return RunIdentity(folder / "run.json", "a run", {"config": {"seed": seed}})


@pytest.mark.parametrize("of", [1, 2, 3, 8])
def test_every_number_is_in_exactly_one_part(of):
    shares = [Part(k + 1, of).share(range(13)) for k in range(of)]
    assert sorted(number for share in shares for number in share) == list(range(13))
    assert all(len(share) - 13 // of in (0, 1) for share in shares)
    assert all(parts_of(share, Part(1, of)) == f"{k + 1}/{of}" for k, share in enumerate(shares) if share)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/5", "1 /3", "٣/٨"])
def test_what_is_no_part_is_named(text):
    with pytest.raises(InvalidValueError, match="K from 1 to N"):
        Part.named(text)


def test_no_part_is_the_whole():
    assert Part.named("") == WHOLE == Part.named("1/1") and not WHOLE and Part.named("2/3") == Part(2, 3)


def test_parts_share_a_folder_with_each_other_alone(tmp_path):
    first, second = Part(1, 2), Part(2, 2)
    with identity(tmp_path).opened(first):
        with identity(tmp_path).opened(second):
            pass
        with pytest.raises(FolderInUseError, match="one run at a time of each part"), identity(tmp_path).opened(first):
            pass
        with pytest.raises(FolderInUseError), identity(tmp_path).opened():
            pass
        with pytest.raises(DatasetError, match="seed 0 -> 1"), identity(tmp_path, seed=1).opened(second):
            pass
    with identity(tmp_path).opened(), pytest.raises(FolderInUseError), identity(tmp_path).opened(first):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"run.json"}, "no lock file stays"


def test_a_part_that_fails_leaves_the_folder_to_the_others(tmp_path):
    with identity(tmp_path).opened(Part(1, 2)):
        with pytest.raises(ValueError), identity(tmp_path).opened(Part(2, 2)):
            raise ValueError
        assert (tmp_path / "run.json").is_file()


def test_a_shared_lock_is_kept_while_one_of_its_holders_is_left(tmp_path):
    with locked_folder(tmp_path, shared=True):
        with locked_folder(tmp_path, shared=True):
            pass
        with pytest.raises(FolderInUseError), locked_folder(tmp_path):
            pass
    with locked_folder(tmp_path):
        pass


def test_leftovers_of_other_parts_stay(tmp_path):
    mine, other = (tmp_path / f"{name}.77-abcdef{TEMPORARY_SUFFIX}" for name in ("shard-0", "shard-1"))
    mine.touch(), other.touch()
    publish_bytes(tmp_path / "shard-2", b"whole")
    assert remove_leftovers(tmp_path, {"shard-0", "shard-2"}) == 1
    assert {path.name for path in tmp_path.iterdir()} == {other.name, "shard-2"}
    assert remove_leftovers(tmp_path) == 1
