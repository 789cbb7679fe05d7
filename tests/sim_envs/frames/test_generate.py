"""Datasets are complete, resumable and the same for any number of processes; invalid input is reported."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.data.verify import verify_dataset
from sim_envs.config.axes import RoomAxis
from sim_envs.config.generate import GenerateConfig, defaults_of
from sim_envs.config.presets import PRESETS, VIEWS
from sim_envs.config.scene import with_preset
from sim_envs.frames.folder import identity, opened_folder, shard_indices
from sim_envs.frames.generate import run

OPTIONS = ["--frames", "30", "--width", "96", "--height", "96", "--shard-frames", "10", "--no-shadows"]


def start(out: Path, *more: str, kind: str = "robot") -> subprocess.Popen:
    command = [sys.executable, "-m", "lace.cli", "generate", kind, "--out", str(out), *OPTIONS, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "shards").glob("*.parquet"))}


def test_killed_and_resumed_or_in_two_processes_gives_the_same_bytes(tmp_path):
    whole, killed, paired = (tmp_path / name for name in ("whole", "killed", "paired"))
    process = start(whole)
    text = process.communicate(timeout=400)[0]
    assert process.returncode == 0, text
    assert "frames/s" in text and (whole / "contact_sheet.png").is_file()

    process = start(killed)
    deadline = time.monotonic() + 400
    while not list((killed / "shards").glob("shard-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finished = contents(killed)
    assert 1 <= len(finished) < 3, "killed too late to show anything"
    text = start(killed).communicate(timeout=400)[0]
    assert "resuming" in text
    assert contents(killed) == contents(whole)
    assert {name: finished[name] for name in finished} == {name: contents(whole)[name] for name in finished}

    process = start(paired, "--workers", "2")
    text = process.communicate(timeout=400)[0]
    assert process.returncode == 0, text
    assert contents(paired) == contents(whole)

    verify = [sys.executable, "-m", "lace.cli", "data", "verify", str(whole)]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0


def test_parts_make_one_dataset_and_verify_says_what_is_missing(tmp_path):
    whole, divided = tmp_path / "whole", tmp_path / "divided"
    light = ("--preset", "clean")
    together = [start(whole, *light), start(divided, *light, "--part", "1/2")]
    texts = [process.communicate(timeout=400)[0] for process in together]
    assert [process.returncode for process in together] == [0, 0], texts
    assert "1 of 3 shards are missing: of part 2/2" in texts[1]
    assert not (divided / "contact_sheet.png").exists() and len(contents(divided)) == 2
    problems = verify_dataset(divided).problems
    assert any("1 of 3 missing: 1;" in str(problem) for problem in problems)
    text = start(divided, *light, "--part", "2/2").communicate(timeout=400)[0]
    assert contents(divided) == contents(whole) and not verify_dataset(divided).problems, text
    assert (divided / "contact_sheet.png").is_file()
    meta = [json.loads((out / "dataset.json").read_text()) for out in (whole, divided)]
    assert meta[0] == meta[1], "the parts are not in the identity"


def test_workers_spread_over_all_gpus(monkeypatch):
    from sim_envs.rendering import memory

    monkeypatch.setattr(memory.torch.cuda, "device_count", lambda: 4)
    found = []
    for number in range(6):
        monkeypatch.setattr(memory, "worker_number", lambda number=number: number)
        found.append(memory.pick_device("cuda:all"))
    assert found == ["cuda:0", "cuda:1", "cuda:2", "cuda:3", "cuda:0", "cuda:1"]
    assert [memory.sharing("cuda:all", workers) for workers in (1, 4, 6, 8)] == [1, 1, 2, 2]
    assert memory.sharing("cuda:0", 6) == 6
    monkeypatch.setattr(memory.torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InvalidValueError, match="there is no 'cuda:all'"):
        memory.pick_device("cuda:all")


def test_human_frames_killed_and_resumed_in_two_processes_are_the_same_bytes(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    light = ("--preset", "clean", "--axes.hand.poses", "64")
    text = start(whole, *light, kind="human").communicate(timeout=400)[0]
    assert len(contents(whole)) == 3, text
    process = start(killed, *light, kind="human")
    deadline = time.monotonic() + 400
    while not contents(killed) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert 1 <= len(contents(killed)) < 3, "killed too late to show anything"
    text = start(killed, *light, "--workers", "2", kind="human").communicate(timeout=400)[0]
    assert "resuming" in text and contents(killed) == contents(whole), text


def test_another_configuration_is_refused_and_nothing_is_overwritten(tmp_path):
    config = with_preset(GenerateConfig(out=tmp_path / "data", frames=20), "lab")
    with opened_folder(config) as todo:
        assert todo == [0]
    (config.out / "shards" / "shard-00000.parquet").write_bytes(b"frames")
    before = (config.out / "dataset.json").read_bytes()
    with pytest.raises(DatasetError, match="other values: seed 0 -> 1"), opened_folder(replace(config, seed=1)):
        pass
    assert (config.out / "dataset.json").read_bytes() == before
    with opened_folder(replace(config, workers=2)) as todo:
        assert todo == [0], "the number of processes is not part of the configuration"


def test_a_mistaken_option_does_not_claim_the_folder(tmp_path):
    config = with_preset(GenerateConfig(out=tmp_path / "data", frames=2, width=64, height=64), "lab")
    wrong = replace(config, backdrop=tmp_path / "no_such_photos")
    with pytest.raises(InvalidValueError, match="no such file"):
        run(wrong, lambda _report: None)
    assert not config.out.exists()


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match="not a dataset"), opened_folder(GenerateConfig(out=tmp_path)):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(("option", "value"), [("frames", 0), ("frames", -5), ("width", 1), ("workers", 0)])
def test_numbers_out_of_range_are_named(option, value):
    with pytest.raises(InvalidValueError, match=f"{option} is {value}"):
        GenerateConfig(out=Path("nowhere"), **{option: value})


def test_an_unknown_preset_names_the_nearest_and_the_list():
    with pytest.raises(UnknownNameError, match="'kitchen' if that was meant") as error:
        defaults_of(["--preset", "kitchn"], "robot")
    assert all(name in str(error.value) for name in PRESETS)


def test_an_unknown_room_names_the_nearest():
    from assets.rooms import ROOMS
    from sim_envs.config.axes import known_names

    with pytest.raises(UnknownNameError, match="'office' if that was meant"):
        known_names("room", ("offise",), ROOMS.names())


def test_presets_differ_and_axes_override_one_value():
    identities = [identity(with_preset(GenerateConfig(out=Path("x")), name))["axes"] for name in PRESETS]
    assert all(a != b for i, a in enumerate(identities) for b in identities[:i])
    assert defaults_of(["--preset=lab"], "robot").axes.room == RoomAxis(kinds=("lab",))


def test_a_view_replaces_the_camera_of_the_preset_alone():
    plain, seen = (
        defaults_of(["--preset", "kitchen"], "robot"),
        defaults_of(["--view=egocentric", "--preset", "kitchen"], "human"),
    )
    assert replace(seen.axes, camera=plain.axes.camera) == plain.axes and seen.axes.camera == VIEWS["egocentric"]
    assert (plain.embodiment, seen.embodiment) == ("xarm7_leap", "human_right")
    with pytest.raises(UnknownNameError, match="'egocentric' if that was meant"):
        defaults_of(["--view", "egocentrc"], "robot")


def test_demonstrations_count_their_own_frames():
    config = GenerateConfig(out=Path("x"), demonstrations=3)
    assert config.total == 150 and config.motion_frames == 50
    assert replace(config, demonstrations=0).motion_frames == 0


def test_shards_cover_every_index_once():
    config = GenerateConfig(out=Path("x"), frames=205, shard_frames=50)
    indices = [i for shard in range(5) for i in shard_indices(config, shard)]
    assert indices == list(range(205))
