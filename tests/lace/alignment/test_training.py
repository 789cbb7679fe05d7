"""Training: the loss falls, resuming is bit-exact, and several processes give the same result as one."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers as hf
from torch import distributed, multiprocessing

from lace.alignment import checkpoints
from lace.alignment.config import TrainConfig
from lace.alignment.pairs import FrameBank
from lace.alignment.partial import layers_of, merge_lora
from lace.alignment.training import Trainer, TrainingError, learning_rate
from lace.backbones import families
from lace.core.errors import InvalidValueError

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


def train(config, banks, backbone, on_step=None, *, folder=None):
    """Runs the trainer and returns the backbone."""
    trainer = Trainer(config, banks, backbone)
    if folder is not None:
        trainer.resume(folder)
    trainer.run(on_step, folder)
    return backbone


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
    with pytest.raises(checkpoints.CheckpointError, match="does not read"):
        train(CONFIG, banks(), small(), folder=tmp_path)


@pytest.mark.parametrize(
    ("other", "word"),
    [({"data": banks(count=7)}, "training images"), ({"backbone": small()}, 'backbone "small" -> "another"')],
)
def test_a_checkpoint_belongs_to_its_images_and_backbone(tmp_path, other, word):
    train(replace(CONFIG, iterations=1), banks(), small(), folder=tmp_path)
    backbone = other.get("backbone", small())
    backbone.name = "another" if "backbone" in other else "small"
    with pytest.raises(checkpoints.CheckpointError, match=word):
        train(CONFIG, other.get("data", banks()), backbone, folder=tmp_path)


class Breaks(Trainer):
    """The weights of step 5 are deleted."""

    def step(self):
        if self.done == 4:
            self.parameters[0].data.fill_(torch.nan)
        return super().step()


def test_a_non_finite_loss_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
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
    """Then no gradient reaches features of human images through the rows that compare with robot images."""
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
    [
        {"ema": False},
        {"intra": False},
        {"directions": "one"},
        {"kl": "forward"},
        {"gram": 0.0},
        {"all_pairs": True},
        {"pair_mix": "unordered"},
        {"schedule": "cosine"},
        {"frozen_layers": 1},
        {"lora_rank": 2},
    ],
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


@pytest.mark.parametrize("directions", ["both", "one"])
def test_accumulated_gradients_equal_those_of_the_whole_batch(directions):
    found = {}
    for micro in (0, 1, 3):
        trainer = Trainer(replace(CONFIG, micro_batch=micro, directions=directions), banks(), small())
        metrics = trainer.step()
        gradient = torch.cat([p.grad.flatten() for p in trainer.parameters])
        found[micro] = (gradient, {name: float(value) for name, value in metrics.items()})
    assert float(found[0][0].abs().max()) > 1e-3
    for micro in (1, 3):
        torch.testing.assert_close(found[micro][0], found[0][0], atol=1e-6, rtol=1e-4)
        assert found[micro][1] == pytest.approx(found[0][1], rel=1e-4)


def test_a_part_of_a_batch_passes_the_student_at_a_time():
    trainer, sizes = Trainer(replace(CONFIG, micro_batch=1), banks(), small()), []
    trainer.backbone.register_forward_pre_hook(lambda _module, inputs: sizes.append(len(inputs[0])))
    trainer.step()
    assert sizes == [2] * CONFIG.batch
    with pytest.raises(InvalidValueError, match="--micro-batch with --all-pairs"):
        Trainer(replace(CONFIG, micro_batch=1, all_pairs=True), banks(), small())


def test_recomputed_activations_give_equal_gradients_and_are_recomputed():
    found, calls = [], []
    for recompute in (False, True):
        trainer = Trainer(replace(CONFIG, activation_checkpointing=recompute), banks(), small())
        layers_of(trainer.backbone)[0].register_forward_hook(lambda *_: None)
        counted = layers_of(trainer.backbone)[0].norm1
        counted.register_forward_hook(lambda *_, at=recompute: calls.append(at))
        trainer.step()
        found.append(torch.cat([p.grad.flatten() for p in trainer.parameters]))
    torch.testing.assert_close(*found)
    assert (calls.count(False), calls.count(True)) == (1, 2)


def test_the_learning_rate_warms_up_and_decays():
    config = replace(TrainConfig(), iterations=10, warmup=2, learning_rate=1.0)
    rates = {
        kind: [learning_rate(replace(config, schedule=kind), i) for i in range(10)]
        for kind in ("constant", "linear", "cosine")
    }
    assert rates["constant"] == [0.5] + [1.0] * 9
    assert rates["linear"] == pytest.approx([0.5, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert rates["cosine"][6] == pytest.approx(0.5)
    assert all(np.diff(rates["cosine"][2:]) < 0)


def test_a_run_whose_learning_rate_depends_on_its_length_cannot_be_lengthened(tmp_path):
    cosine = replace(CONFIG, schedule="cosine")
    train(replace(cosine, iterations=1), banks(), small(), folder=tmp_path)
    with pytest.raises(checkpoints.CheckpointError, match="iterations 1 -> 6"):
        train(cosine, banks(), small(), folder=tmp_path)


def test_frozen_layers_stay_and_the_rest_moves():
    before, after = small(), train(replace(CONFIG, frozen_layers=1), banks(), small())
    moved = {name: not torch.equal(value, after.state_dict()[name]) for name, value in before.state_dict().items()}
    assert not any(moves for name, moves in moved.items() if "embeddings" in name or "layer.0." in name)
    assert any(moves for name, moves in moved.items() if "layer.1." in name)
    assert moved["model.norm.weight"]
    with pytest.raises(InvalidValueError, match="--frozen-layers 2 of a backbone with 2"):
        Trainer(replace(CONFIG, frozen_layers=2), banks(), small())


def test_adapters_alone_are_trained_and_merge_into_the_weights(tmp_path):
    pytest.importorskip("peft")
    trainer = Trainer(replace(CONFIG, lora_rank=2), banks(), small())
    assert sum(p.numel() for p in trainer.parameters) < 0.5 * sum(p.numel() for p in small().parameters())
    images = banks()[0].images[:2].float() / 255
    torch.testing.assert_close(trainer.backbone(images), small()(images))
    trainer.run()
    tuned = trainer.backbone(images)
    assert not torch.allclose(tuned, small()(images), atol=1e-4)
    merge_lora(trainer.backbone)
    torch.testing.assert_close(trainer.backbone(images), tuned, atol=1e-5, rtol=1e-4)
    assert trainer.backbone.state_dict().keys() == small().state_dict().keys()


def test_impossible_settings_are_refused():
    with pytest.raises(InvalidValueError, match="36 px for patches of 8 px"):
        train(CONFIG, banks(size=36), small())


@pytest.mark.parametrize(("name", "value"), [("learning_rate", float("nan")), ("tau", 0), ("batch", 0)])
def test_a_non_finite_setting_is_named_before_the_first_step(name, value):
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
def test_two_processes_give_the_result_of_one(tmp_path, change):
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
