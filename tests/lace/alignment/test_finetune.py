"""The fine-tune command: its output files, its data, and the inputs that it refuses."""

import json
from dataclasses import replace

import pytest
import transformers as hf

from lace.alignment import finetune
from lace.alignment.finetune import FinetuneConfig
from lace.backbones import is_stand_in
from lace.cli import main as cli
from lace.core.device import process_device
from lace.core.errors import InvalidValueError
from lace.data.origins import read_origins
from tests.lace.alignment.test_training import CONFIG
from tests.synthetic import make_dataset

EMBODIMENTS = ("robot", "human", "rod", "gripper")


def test_the_command_writes_a_loadable_backbone_curves_and_a_card(tmp_path, capsys):
    data = {
        name: make_dataset(tmp_path / name, frames=4, size=64, seed=seed, human=name == "human")
        for seed, name in enumerate(EMBODIMENTS)
    }
    out = tmp_path / "out"
    words = ["finetune", "--robot", data["robot"], "--human", data["human"]]
    words += ["--more", f"rod={data['rod']}", "--more", f"gripper={data['gripper']}"]
    words += ["--out", out, "--backbone", "tiny", "--augmented", 6]
    words += ["--iterations", 2, "--batch", 3, "--device", "cpu"]
    assert cli.main([str(word) for word in words]) == 0
    assert "RANDOM weights" in capsys.readouterr().err
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert list((out / "tensorboard").iterdir())
    page = (out / "report.html").read_text()
    assert all(
        words in page for words in ("RANDOM weights", "Loss curves", "Similarity distributions", "gradient norm")
    )
    assert (out / "similarity.png").read_bytes()[:4] == (out / "curves.png").read_bytes()[:4] == b"\x89PNG"
    card = (out / "README.md").read_text()
    assert "RANDOM weights" in card
    assert all(f"| {name} | folder {data[name]}, frames 4, training images 6 |" in card for name in EMBODIMENTS)
    assert is_stand_in(str(out / "backbone")) and not is_stand_in(str(out))
    assert '"learning_rate": 0.0001' in card
    assert hf.AutoModel.from_pretrained(out / "backbone").config.hidden_size == 192
    words[words.index("--iterations") + 1] = 3
    assert cli.main([str(word) for word in words]) == 0
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 3


def test_a_missing_dataset_is_reported_before_a_backbone_is_fetched(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(finetune, "load_backbone", lambda *_, **__: pytest.fail("fetched"))
    words = ["finetune", "--robot", str(tmp_path / "none"), "--human", str(tmp_path), "--out", str(tmp_path / "out")]
    assert cli.main(words) == cli.EXIT_USAGE
    assert "there is no such folder" in capsys.readouterr().err


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return {
        "robot": make_dataset(folder / "robot", frames=5, size=64),
        "human": make_dataset(folder / "human", frames=4, size=64, seed=1, human=True),
    }


def test_fewer_robot_images_leave_the_human_set_whole(two_sets, tmp_path):
    """Table 4 varies the robot images."""
    config = FinetuneConfig(**two_sets, out=tmp_path, images=1, augmented=6)
    found = finetune.training_images(config, 64)
    assert {role: (part.frames, len(part.bank)) for role, part in found.items()} == {"robot": (1, 6), "human": (4, 6)}
    assert len(found["human"].origins.images) == 4
    plain = finetune.training_images(replace(config, augmented=0, human_images=3), 64)
    assert [part.frames for part in plain.values()] == [len(part.bank) for part in plain.values()] == [1, 3]


def test_exchanged_or_equal_folders_are_refused_before_a_backbone_is_loaded(two_sets, tmp_path, monkeypatch):
    monkeypatch.setattr(finetune, "load_backbone", lambda *_, **__: pytest.fail("loaded"))
    swapped = FinetuneConfig(robot=two_sets["human"], human=two_sets["robot"], out=tmp_path / "out")
    with pytest.raises(InvalidValueError, match="as the robot frames"):
        finetune.main(swapped)
    with pytest.raises(InvalidValueError, match="robot and human are both"):
        finetune.main(replace(swapped, robot=two_sets["robot"]))
    assert not (tmp_path / "out").exists()


def test_a_finished_run_keeps_its_model_card_and_names_its_sources(two_sets, tmp_path):
    train = replace(CONFIG, iterations=2, batch=3)
    config = FinetuneConfig(**two_sets, out=tmp_path / "a", backbone="tiny", augmented=6, device="cpu", train=train)
    assert finetune.main(config) == 0
    card = (tmp_path / "a" / "README.md").read_text()
    assert "| gradient_norm | " in card
    assert finetune.main(config) == 0
    assert (tmp_path / "a" / "README.md").read_text() == card
    first = read_origins(tmp_path / "a" / "backbone")
    assert len(first.images) == 9
    more = replace(config, out=tmp_path / "b", backbone=str(tmp_path / "a" / "backbone"), images=1, image_size=64)
    assert finetune.main(more) == 0
    assert read_origins(tmp_path / "b" / "backbone") == first, "what the base was trained on counts too"


@pytest.mark.parametrize(
    "words", [["--ema-decay", "2"], ["--warmup", "-1"], ["--augment.scale", "0", "0"], ["--images", "0"]]
)
def test_numbers_outside_their_limits_are_refused(two_sets, tmp_path, words, capsys):
    command = ["finetune", "--robot", str(two_sets["robot"]), "--human", str(two_sets["human"])]
    try:
        code = cli.main([*command, "--out", str(tmp_path / "out"), *words])
    except SystemExit as error:  # tyro reports the error itself
        code = error.code
    assert code == cli.EXIT_USAGE
    assert words[0].removeprefix("--").replace("-", "_").split(".")[-1] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_device_is_refused():
    with pytest.raises(InvalidValueError, match="'gpu'"):
        process_device("gpu")
