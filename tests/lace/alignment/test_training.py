"""Training: it learns, resumes bit for bit, and several processes give what one gives."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers as hf
from torch import distributed, multiprocessing

from lace.alignment import checkpoints, finetune
from lace.alignment.config import TrainConfig
from lace.alignment.pairs import FrameBank
from lace.alignment.training import Trainer, TrainingError, train
from lace.backbones import families, is_stand_in
from lace.cli import main as cli
from lace.core.errors import InvalidValueError
from tests.synthetic import make_dataset

EMBODIMENTS = ("robot", "human", "rod", "gripper")
CONFIG = TrainConfig(iterations=6, batch=4, learning_rate=1e-3, tau=0.1, checkpoint_every=3)


def small(seed=0):
    config = hf.DINOv3ViTConfig(
        patch_size=8,
        image_size=32,
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_register_tokens=1,
        pos_embed_rescale=None,
    )
    return families.from_config(config, "small", 32, seed)


def banks(count=8, size=32):
    g = torch.Generator().manual_seed(1)
    made = []
    for name in ("human", "robot"):
        images = torch.randint(0, 256, (count, 3, size, size), generator=g, dtype=torch.uint8)
        uv = torch.rand(count, 21, 2, generator=g) * size
        made.append(FrameBank(images, uv, torch.rand(count, 21, generator=g) < 0.6, [name] * count))
    return made


def weights(backbone):
    return torch.cat([p.detach().flatten() for p in backbone.parameters()])


def test_the_loss_falls():
    seen = []
    train(replace(CONFIG, iterations=80, ema=False), banks(), small(), seen.append)
    assert len(seen) == 80
    assert np.mean([m["align"] for m in seen[-5:]]) < 0.7 * np.mean([m["align"] for m in seen[:5]])
    assert 0 < seen[0]["entropy_q"] < np.log(16) + 1e-5


def test_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    whole = train(CONFIG, banks(), small())
    train(replace(CONFIG, iterations=3), banks(), small(), folder=tmp_path)
    assert (tmp_path / checkpoints.NAME).is_file()
    steps = []
    resumed = train(CONFIG, banks(), small(seed=9), steps.append, folder=tmp_path)
    assert [m["step"] for m in steps] == [4, 5, 6]
    assert torch.equal(weights(whole), weights(resumed))


def test_a_checkpoint_belongs_to_one_config(tmp_path):
    train(replace(CONFIG, iterations=1), banks(), small(), folder=tmp_path)
    with pytest.raises(checkpoints.CheckpointError, match=r"tau 0\.1 -> 1\.0"):
        train(replace(CONFIG, tau=1.0), banks(), small(), folder=tmp_path)
    path = tmp_path / checkpoints.NAME
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(checkpoints.CheckpointError, match="does not load"):
        train(CONFIG, banks(), small(), folder=tmp_path)


@pytest.mark.parametrize(
    ("other", "word"),
    [({"data": banks(count=7)}, "training images"), ({"backbone": small()}, "backbone 'small' -> 'another'")],
)
def test_a_checkpoint_belongs_to_its_images_and_backbone(tmp_path, other, word):
    train(replace(CONFIG, iterations=1), banks(), small(), folder=tmp_path)
    backbone = other.get("backbone", small())
    backbone.name = "another" if "backbone" in other else "small"
    with pytest.raises(checkpoints.CheckpointError, match=word):
        train(CONFIG, other.get("data", banks()), backbone, folder=tmp_path)


class Breaks(Trainer):
    """Its weights are lost at step 5."""

    def step(self):
        if self.done == 4:
            self.parameters[0].data.fill_(torch.nan)
        return super().step()


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
    trainer, seen = Breaks(CONFIG, banks(), small()), []
    with pytest.raises(TrainingError, match="step 5: loss, .* is not finite") as caught:
        trainer.run(seen.append, tmp_path)
    assert "lower --learning-rate" in str(caught.value)
    assert len(seen) == 4
    healthy = Trainer(CONFIG, banks(), small())
    healthy.resume(tmp_path)
    assert healthy.done == 3
    assert torch.isfinite(weights(healthy.backbone)).all()


@pytest.mark.parametrize("all_pairs", [False, True])
def test_one_direction_reads_p_and_q_over_human_images(all_pairs):
    """Then no gradient reaches features of human images through the rows that look into robot images."""
    trainer = Trainer(replace(CONFIG, directions="one", all_pairs=all_pairs), banks(), small())
    if all_pairs:
        index = torch.arange(16)
        human, allowed = index < 8, trainer._allowed(index, index)
        assert not allowed[~human][:, human].any()
        assert allowed[human][:, ~human].all()
    else:
        for step in range(3):
            drawn = trainer.sampler.step(step)
            assert not ((drawn.a >= 8) & (drawn.b < 8)).any()
            assert ((drawn.a < 8) & (drawn.b >= 8)).any()
    with pytest.raises(InvalidValueError, match="'allegro'"):
        Trainer(replace(CONFIG, directions="one", anchor="allegro"), banks(), small())


@pytest.mark.parametrize(
    "change",
    [{"ema": False}, {"intra": False}, {"directions": "one"}, {"kl": "forward"}, {"gram": 0.0}, {"all_pairs": True}],
)
def test_every_flag_changes_the_run(change):
    usual = train(replace(CONFIG, iterations=2), banks(), small())
    other = train(replace(CONFIG, iterations=2, **change), banks(), small())
    assert torch.isfinite(weights(other)).all()
    assert not torch.equal(weights(usual), weights(other))


@pytest.mark.parametrize("all_pairs", [False, True])
def test_each_image_of_a_batch_passes_student_and_teacher_once(all_pairs):
    trainer, passed = Trainer(replace(CONFIG, all_pairs=all_pairs), banks(), small()), {"student": 0, "teacher": 0}

    def count(name):
        return lambda _module, inputs: passed.update({name: passed[name] + len(inputs[0])})

    trainer.backbone.register_forward_pre_hook(count("student"))
    trainer.teacher.register_forward_pre_hook(count("teacher"))
    trainer.step()
    assert passed == {"student": 2 * CONFIG.batch, "teacher": 2 * CONFIG.batch}


def test_teacher_follows_or_stays():
    before = weights(small())
    for ema, moves in ((True, True), (False, False)):
        trainer = Trainer(replace(CONFIG, ema=ema, ema_decay=0.5), banks(), small())
        trainer.step()
        mean = (before + weights(trainer.backbone)) / 2
        torch.testing.assert_close(weights(trainer.teacher), mean if moves else before)


def test_settings_that_cannot_be_met():
    with pytest.raises(InvalidValueError, match="36 px for patches of 8 px"):
        train(CONFIG, banks(size=36), small())


@pytest.mark.parametrize(("name", "value"), [("learning_rate", float("nan")), ("tau", 0.0), ("batch", 0)])
def test_a_number_that_is_none_is_named_before_the_first_step(name, value):
    with pytest.raises(InvalidValueError, match=f"{name} is {value}"):
        Trainer(replace(TrainConfig(), **{name: value}), banks(), small())


def _process(rank, world, folder, change):
    distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=world)
    torch.set_num_threads(1)
    seen = []
    backbone = train(replace(CONFIG, iterations=3, **change), banks(), small(), seen.append)
    if rank == 0:
        torch.save((weights(backbone), [row["loss"] for row in seen]), f"{folder}/result.pt")
    distributed.destroy_process_group()


@pytest.mark.parametrize("change", [{}, {"all_pairs": True}])
def test_two_processes_give_what_one_gives(tmp_path, change):
    multiprocessing.start_processes(_process, (2, str(tmp_path), change), nprocs=2, start_method="fork")
    losses = []
    one = weights(
        train(replace(CONFIG, iterations=3, **change), banks(), small(), lambda row: losses.append(row["loss"]))
    )
    theirs, logged = torch.load(tmp_path / "result.pt")
    torch.testing.assert_close(theirs, one, atol=2e-4, rtol=0)
    assert logged == pytest.approx(losses, abs=1e-4)
    moved = (one - weights(small())).abs().max()
    assert float(moved) > 1e-3


def test_metrics_are_plain_numbers():
    seen = []
    train(replace(CONFIG, iterations=1), banks(), small(), seen.append)
    assert {"step", "loss", "align", "gram", "entropy_p", "entropy_q", "seconds"} <= set(
        json.loads(json.dumps(seen[0]))
    )


def test_the_command_writes_a_loadable_backbone_curves_and_a_card(tmp_path, capsys):
    data = make_dataset(tmp_path / "data", frames=4, size=64)
    out = tmp_path / "out"
    words = ["finetune", "--robot", data, "--human", data, "--more", f"rod={data}", "--more", f"gripper={data}"]
    words += ["--out", out, "--backbone", "tiny", "--augmented", 6]
    words += ["--iterations", 2, "--batch", 3, "--device", "cpu"]
    assert cli.main([str(word) for word in words]) == 0
    assert "RANDOM weights" in capsys.readouterr().err
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert list((out / "tensorboard").iterdir())
    page = (out / "report.html").read_text()
    assert all(
        words in page for words in ("RANDOM weights", "Loss curves", "Similarity distributions", "gradient_norm")
    )
    assert (out / "similarity.png").read_bytes()[:4] == (out / "curves.png").read_bytes()[:4] == b"\x89PNG"
    card = (out / "README.md").read_text()
    assert "RANDOM weights" in card
    assert all(f"| {name} | folder {data}, frames 4, training images 6 |" in card for name in EMBODIMENTS)
    assert is_stand_in(str(out / "backbone")) and not is_stand_in(str(out))
    assert '"learning_rate": 0.0001' in card
    assert hf.AutoModel.from_pretrained(out / "backbone").config.hidden_size == 192
    words[words.index("--iterations") + 1] = 3
    assert cli.main([str(word) for word in words]) == 0
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 3


def test_a_missing_dataset_is_told_before_a_backbone_is_fetched(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(finetune, "load_backbone", lambda *_, **__: pytest.fail("fetched"))
    words = ["finetune", "--robot", str(tmp_path / "none"), "--human", str(tmp_path), "--out", str(tmp_path / "out")]
    assert cli.main(words) == cli.EXIT_USAGE
    assert "there is no such folder" in capsys.readouterr().err
