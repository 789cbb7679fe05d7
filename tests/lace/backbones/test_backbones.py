"""Every backbone family, built small with random weights, meets the requirements of the protocol."""

import json
import re

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from lace.backbones import BACKBONES, Backbone, families, is_stand_in, load_backbone
from lace.backbones.backbone import BackboneError
from lace.core.errors import LaceError, UnknownNameError

_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 16}
_MLP = {**_SMALL, "intermediate_size": 64}
CONFIGS = {
    "dinov3_vit": lambda: hf.DINOv3ViTConfig(**_MLP, num_register_tokens=4),
    "dinov2": lambda: hf.Dinov2Config(**_SMALL, mlp_ratio=2),
    "dinov2_with_registers": lambda: hf.Dinov2WithRegistersConfig(**_SMALL, mlp_ratio=2),
    "siglip_vision_model": lambda: hf.SiglipVisionConfig(**_MLP),
    "ijepa": lambda: hf.IJepaConfig(**_MLP),
    "vjepa2": lambda: hf.VJEPA2Config(
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        crop_size=64,
        patch_size=16,
        mlp_ratio=2,
        pred_hidden_size=48,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
    ),
}
SIZE, SIDE = 64, 4


def build(kind):
    return families.from_config(CONFIGS[kind](), kind, SIZE)


def test_every_family_is_tested():
    assert set(families.FAMILIES) == {*CONFIGS, "siglip"}


@pytest.mark.parametrize("kind", CONFIGS)
def test_shape_dtype_and_orientation(kind):
    backbone = build(kind)
    assert isinstance(backbone, Backbone)
    assert isinstance(backbone, torch.nn.Module)
    images = torch.full((3, 3, SIZE, SIZE), 0.4)
    places = [(0, 3), (2, 1), (3, 0)]
    lit = images.clone()
    for i, (row, col) in enumerate(places):
        lit[i, :, row * 16 : row * 16 + 16, col * 16 : col * 16 + 16] = 1.0
    with torch.no_grad():
        before, after = backbone(images), backbone(lit)
        pooled = backbone.pooled(lit)
    assert after.shape == (3, SIDE, SIDE, backbone.dim)
    assert after.dtype == pooled.dtype == torch.float32
    assert pooled.shape == (3, backbone.dim)
    moved = (after - before).norm(dim=-1).flatten(1).argmax(1)
    assert [divmod(int(i), SIDE) for i in moved] == places


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_trainable_parameter_gets_a_gradient(kind):
    backbone = build(kind)
    backbone(torch.rand(1, 3, SIZE, SIZE)).square().sum().backward()
    silent = [name for name, p in backbone.named_parameters() if p.requires_grad and p.grad is None]
    assert not silent


@pytest.mark.parametrize("kind", CONFIGS)
def test_saved_folder_loads_here_and_in_plain_transformers(kind, tmp_path):
    backbone, images = build(kind), torch.rand(2, 3, SIZE, SIZE)
    backbone.save(tmp_path)
    again, plain = load_backbone(str(tmp_path), image_size=SIZE), hf.AutoModel.from_pretrained(tmp_path)
    torch.testing.assert_close(again(images), backbone(images))
    weights = {name: value for name, value in plain.state_dict().items()}
    assert weights.keys() == backbone.model.state_dict().keys()
    assert all(torch.equal(value, weights[name]) for name, value in backbone.model.state_dict().items())


@pytest.mark.parametrize("kind", sorted(set(CONFIGS) - {"vjepa2"}))
def test_other_sizes_and_oblong_images(kind):
    assert build(kind)(torch.rand(1, 3, 32, 96)).shape[1:3] == (2, 6)


def test_normalisation_is_inside():
    backbone = build("siglip_vision_model")
    assert torch.equal(backbone.mean.flatten(), torch.tensor([0.5] * 3))
    assert float(build("dinov2").std[0]) == pytest.approx(0.229)


def test_odd_sizes_are_refused():
    with pytest.raises(BackboneError, match="multiples of the patch, 16 px"):
        build("dinov2")(torch.rand(1, 3, 60, 64))
    with pytest.raises(BackboneError, match="64 x 64 px"):
        build("vjepa2")(torch.rand(1, 3, 32, 32))


def test_random_weights_are_announced_at_every_load(tmp_path, caplog):
    load_backbone("tiny").save(tmp_path / "tiny")
    build("dinov2").save(tmp_path / "other")
    caplog.clear()
    load_backbone(str(tmp_path / "tiny"))
    assert "RANDOM weights" in caplog.text
    caplog.clear()
    load_backbone(str(tmp_path / "other"))
    assert "RANDOM weights" not in caplog.text
    assert [is_stand_in(str(tmp_path / name)) for name in ("tiny", "other")] == [True, False]


def test_tiny_is_announced_and_seeded(caplog):
    state = torch.random.get_rng_state()
    first, second = load_backbone("tiny", seed=1), load_backbone("tiny", seed=1)
    assert "RANDOM weights" in caplog.text
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), second.parameters(), strict=True))
    assert (first.patch, first.dim, first.image_size) == (8, 192, 64)
    assert first(torch.rand(1, 3, 64, 64)).shape == (1, 8, 8, 192)


@pytest.mark.parametrize(
    ("name", "refusal", "steps"),
    [
        (
            "dinov3-s",
            "You are trying to access a gated repo.",
            ("accept the licence on huggingface.co/facebook/dinov3-vits16-pretrain-lvd1689m", "hf auth login"),
        ),
        (
            "dinov3-b",
            "We couldn't connect to the hub",
            ("hf download facebook/dinov3-vitb16-pretrain-lvd1689m --local-dir FOLDER", "accept the licence"),
        ),
        ("some/model", "some/model is not a local folder and is not a valid model identifier", ("check the name",)),
        ("dinov2-s", "a broken disc", ("download its files into a folder",)),
    ],
)
def test_a_checkpoint_that_is_not_available_names_the_exact_next_step(name, refusal, steps, monkeypatch):
    def refused(*_args, **_kwargs):
        raise OSError(refusal)

    monkeypatch.setattr(hf.AutoConfig, "from_pretrained", refused)
    with pytest.raises(BackboneError) as caught:
        load_backbone(name)
    for part in (refusal, *steps, "--backbone efficientnet-lite0"):
        assert part in str(caught.value)


@pytest.mark.parametrize("kind", ["dinov3_vit", "siglip_vision_model", "vjepa2"])
def test_weights_under_other_names_are_an_error_that_names_them(kind, tmp_path):
    """Training frameworks prefix the names; transformers would load random weights with only a warning."""
    build(kind).save(tmp_path)
    path = tmp_path / "model.safetensors"
    kept = load_file(path)
    save_file({f"student.{name}": value for name, value in kept.items()}, path, metadata={"format": "pt"})
    with pytest.raises(
        BackboneError, match=r"weights do not match the model: \d+ missing: .*; \d+ unexpected: student\."
    ):
        load_backbone(str(tmp_path), image_size=SIZE)
    save_file(
        {n: v for n, v in kept.items() if "layernorm" not in n and "norm" not in n}, path, metadata={"format": "pt"}
    )
    with pytest.raises(BackboneError, match="norm"):
        load_backbone(str(tmp_path), image_size=SIZE)


@pytest.mark.parametrize("kind", ["dinov3_vit", "siglip_vision_model", "vjepa2"])
def test_a_file_with_more_layers_than_the_configuration_is_refused(kind, tmp_path):
    """The first layers alone would load without a word, and be measured as if they were the whole model."""
    build(kind).save(tmp_path)
    path = tmp_path / "model.safetensors"
    kept = load_file(path)
    deeper = {re.sub(r"\.0\.", ".7.", name): value.clone() for name, value in kept.items() if ".0." in name}
    save_file(deeper | kept, path, metadata={"format": "pt"})
    with pytest.raises(BackboneError, match=r"\d+ unexpected: .*7"):
        load_backbone(str(tmp_path), image_size=SIZE)


@pytest.mark.parametrize("kind", ["dinov2", "ijepa"])
def test_heads_that_are_not_used_are_allowed(kind, tmp_path):
    backbone = build(kind)
    backbone.save(tmp_path)
    path = tmp_path / "model.safetensors"
    save_file(load_file(path) | {"classifier.weight": torch.ones(3, 2)}, path, metadata={"format": "pt"})
    images = torch.rand(1, 3, SIZE, SIZE)
    torch.testing.assert_close(load_backbone(str(tmp_path), image_size=SIZE)(images), backbone(images))


def test_the_vision_tower_of_a_model_of_images_and_texts_is_enough(tmp_path):
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    whole = hf.SiglipModel(
        hf.SiglipConfig(text_config=small, vision_config=small | {"image_size": 32, "patch_size": 16})
    )
    whole.save_pretrained(tmp_path)
    images = torch.rand(1, 3, 32, 32)
    found = load_backbone(str(tmp_path), image_size=32)(images)
    want = whole.vision_model(pixel_values=2 * images - 1).last_hidden_state
    torch.testing.assert_close(found.flatten(1, 2), want)


def test_weights_of_another_shape_are_named(tmp_path):
    build("dinov2").save(tmp_path)
    path = tmp_path / "model.safetensors"
    kept = load_file(path)
    name = next(key for key in kept if key.endswith("layernorm.weight"))
    save_file(kept | {name: torch.ones(7)}, path, metadata={"format": "pt"})
    with pytest.raises(BackboneError, match=r"(?s)(of another shape: layernorm|layernorm.weight)"):
        load_backbone(str(tmp_path), image_size=SIZE)


def test_missing_weights_of_unused_parts_are_allowed(tmp_path):
    backbone = build("siglip_vision_model")
    backbone.save(tmp_path)
    path = tmp_path / "model.safetensors"
    kept = {name: value for name, value in load_file(path).items() if "head" not in name.split(".")}
    save_file(kept, path, metadata={"format": "pt"})
    images = torch.rand(1, 3, SIZE, SIZE)
    torch.testing.assert_close(load_backbone(str(tmp_path), image_size=SIZE)(images), backbone(images))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
DAMAGE = {
    "model.safetensors": {"pointer": POINTER, "empty": b""},
    "config.json": {
        "pointer": POINTER, "list": b"[]", "no json": b"{",
        "hidden size": {"hidden_size": "x"}, "patch": {"patch_size": 0}, "layers": {"num_hidden_layers": -1},
        "heads": {"num_attention_heads": 0}, "type": {"model_type": ["dinov2"]},
    },
}  # fmt: skip


@pytest.mark.parametrize(("file", "how"), [(file, how) for file, kinds in DAMAGE.items() for how in kinds])
def test_a_damaged_folder_is_refused(file, how, tmp_path):
    build("dinov3_vit").save(tmp_path)
    damage = DAMAGE[file][how]
    if isinstance(damage, dict):
        damage = json.dumps(json.loads((tmp_path / file).read_text()) | damage).encode()
    (tmp_path / file).write_bytes(damage)
    with pytest.raises(LaceError, match="git lfs pull" if how == "pointer" else "load"):
        load_backbone(str(tmp_path), image_size=SIZE)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    build("dinov3_vit").save(tmp_path)
    path = tmp_path / "model.safetensors"
    kept = load_file(path)
    name = next(key for key in kept if key.endswith("norm.weight"))
    kept[name][0] = torch.nan
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(BackboneError, match=rf"not finite: .*{name}"):
        load_backbone(str(tmp_path), image_size=SIZE)


def test_an_unknown_folder_or_name_is_refused(tmp_path):
    with pytest.raises(BackboneError, match="no such folder"):
        load_backbone("./nowhere")
    with pytest.raises(BackboneError, match="does not load"):
        load_backbone(str(tmp_path))
    with pytest.raises(UnknownNameError, match="dinov3-s"):
        load_backbone("dinov3s")


def test_short_names():
    assert ["dinov3-s", "dinov3-splus", "dinov3-b", "dinov3-l", "dinov3-h"] == list(BACKBONES.names()[:5])
    assert {"dinov2-s-reg", "siglip2-b", "ijepa-h", "vjepa2-l", "tiny"} <= set(BACKBONES)


def test_the_folder_of_a_run_points_to_the_backbone_in_it(tmp_path):
    (tmp_path / "backbone").mkdir()
    (tmp_path / "backbone" / "config.json").write_text("{}")
    with pytest.raises(BackboneError, match=f"give {tmp_path / 'backbone'}"):
        load_backbone(str(tmp_path))
