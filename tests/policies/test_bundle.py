"""Bundles: predictions are equal after save and load; incompatible parts are reported; ONNX equals PyTorch."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from lace.backbones import load_backbone
from lace.cli.main import main as lace
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.errors import DatasetError, InvalidValueError
from lace.data.dataset import FrameDataset
from lace.data.origins import NAME as ORIGINS
from lace.data.origins import Origins
from policies import make_policy
from policies.bundle import CONFIG, WEIGHTS, BundleError, fingerprint, load_policy, save_bundle
from policies.detr import model
from policies.detr.model import DetrError, build_detr
from policies.detr.train import PolicyConfig, train_policy
from policies.export import export
from policies.features import backbone_digest
from policies.fit import FitConfig
from policies.named import identity_of
from policies.policy import Observation, Policy
from tests.demonstrations import make_demonstrations

FIT = FitConfig(iterations=4, batch=4, checkpoint_every=2, bf16=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(configuration, policy) of a few steps on synthetic demonstrations."""
    root = tmp_path_factory.mktemp("policy")
    human = make_demonstrations(root / "human", 3, seed=1, human=True)
    test = make_demonstrations(root / "test", 2, seed=2)
    config = PolicyConfig(
        human=(human,), out=root / "run", test=(f"lab={test}",), backbone="tiny", head="detr:small", fit=FIT
    )
    return config, train_policy(config)


def pictures(n=3, size=64):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)


def observation(size=64, fov=0.9):
    camera = PinholeCamera(intrinsics(fov, size, size), np.eye(4), size, size)
    return Observation(pictures(1, size)[0], camera, np.zeros(2), 0.0, 0.0)


def test_a_loaded_bundle_predicts_as_the_trained_policy(trained):
    config, policy = trained
    loaded = load_policy(config.out / "policy")
    assert isinstance(loaded, Policy)
    images = pictures()
    np.testing.assert_array_equal(loaded.predict_batch(images), policy.predict_batch(images))
    points = loaded.predict(observation())
    together = np.stack([points.end_effector, points.target])
    np.testing.assert_allclose(together, loaded.predict_batch(images)[0], atol=1e-3)
    assert ((together > 0) & (together < 64)).all()


def test_a_batch_is_its_pictures_one_by_one(trained):
    policy, images = trained[1], pictures(5)
    single = np.concatenate([policy.predict_batch(image[None]) for image in images])
    np.testing.assert_allclose(policy.predict_batch(images), single, atol=1e-3)


def test_the_run_describes_itself(trained):
    config, policy = trained
    manifest = json.loads((config.out / "manifest.json").read_text())
    assert [len(manifest[part]) for part in ("train", "test lab")] == [3, 2]
    about = json.loads((config.out / "policy" / CONFIG).read_text())
    assert about["data"]["demonstrations"] == 3 and about["licence"] and set(about["metrics"]) >= {"lab both", "lab l1"}
    card = (config.out / "policy" / "README.md").read_text()
    assert "RANDOM weights" in card and "load_policy" in card
    assert (
        list((config.out / "tensorboard").iterdir()) and "Loss of training" in (config.out / "report.html").read_text()
    )
    assert {row["step"] for row in map(json.loads, (config.out / "metrics.jsonl").read_text().splitlines())} == {2, 4}


def test_killed_and_resumed_gives_the_same_bundle(trained, tmp_path, monkeypatch):
    from policies import fit

    config, whole = replace(trained[0], out=tmp_path / "killed"), trained[1]
    step = fit.Fit.step

    def dying(self):
        if self.done == 3:
            raise KeyboardInterrupt
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(fit.Fit, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            train_policy(config)
    assert not (config.out / "policy").exists()
    train_policy(config)
    resumed = (config.out / "policy" / WEIGHTS).read_bytes()
    assert resumed == (trained[0].out / "policy" / WEIGHTS).read_bytes()
    assert identity_of(str(config.out / "policy")) == identity_of(str(trained[0].out / "policy"))
    assert backbone_digest(whole.backbone) == backbone_digest(load_backbone("tiny"))


def test_a_training_demonstration_is_refused_as_a_test(trained, tmp_path):
    config = replace(trained[0], out=tmp_path, test=(f"lab={trained[0].human[0]}",))
    with pytest.raises(DatasetError, match="which trains"):
        train_policy(config)


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained[0].out / "policy", tmp_path / "bundle")


def test_pictures_of_another_size_or_camera_are_refused(trained):
    policy = trained[1]
    with pytest.raises(BundleError, match=r"\(96, 96, 3\)(.|\n)*--width 64 --height 64"):
        policy.predict(observation(96))
    with pytest.raises(BundleError, match="focal length"):
        policy.predict(observation(64, fov=0.2))


def test_a_missing_weight_is_named(copied):
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / WEIGHTS)
    weights.pop("queries")
    save_file(weights, copied / WEIGHTS)
    with pytest.raises(BundleError, match="queries"):
        load_policy(copied)


def test_another_backbone_version_is_refused(copied, trained):
    load_backbone("tiny", seed=1).save(copied / "backbone")
    with pytest.raises(BundleError, match="its backbone(.|\n)*train the policy again"):
        load_policy(copied)


@pytest.mark.parametrize("damage", ["gone", "not json", "no field", "newer"])
def test_a_folder_that_is_no_bundle_says_so(copied, damage):
    path = copied / CONFIG
    content = json.loads(path.read_text())
    if damage == "gone":
        path.unlink()
    elif damage == "not json":
        path.write_text("{")
    else:
        content.pop("dim") if damage == "no field" else content.update(format=9)
        path.write_text(json.dumps(content))
    with pytest.raises(BundleError, match="loading the policy"):
        load_policy(copied)


def test_a_bundle_may_refer_to_its_backbone(trained, tmp_path):
    config, policy = trained
    folder = save_bundle(tmp_path / "thin", policy.config, policy.backbone, policy.head, with_backbone=False)
    assert not (folder / "backbone").exists()
    images = pictures()
    np.testing.assert_array_equal(load_policy(folder).predict_batch(images), policy.predict_batch(images))


def test_a_folder_is_a_policy_by_its_content(trained, copied):
    text = str(trained[0].out / "policy")
    assert make_policy(text).name == text
    assert identity_of(str(copied)) == identity_of(text)
    content = json.loads((copied / CONFIG).read_text())
    (copied / CONFIG).write_text(json.dumps(content | {"image_size": 128}))
    assert identity_of(str(copied)) != identity_of(text)


def test_onnx_equals_pytorch(trained, tmp_path):
    found = export(trained[1], tmp_path / "policy.onnx")
    assert 0 <= found["largest difference (share of the image)"] <= 1e-4
    assert (tmp_path / "policy.onnx").stat().st_size > 1e6


def test_pretrained_detr_weights_are_taken_over(tmp_path, monkeypatch):
    import transformers as hf

    size = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    tiny = hf.ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", out_features=["stage1"])
    whole = hf.DetrModel(hf.DetrConfig(backbone_config=tiny, num_queries=3, **size, **heads))
    whole.save_pretrained(tmp_path / "detr")
    said: list[str] = []
    monkeypatch.setattr(model._log, "warning", lambda text, *_values: said.append(text))
    head = build_detr(24, pretrained=str(tmp_path / "detr"))
    assert not said
    for part in ("encoder", "decoder"):
        theirs, ours = getattr(whole, part).state_dict(), getattr(head, part).state_dict()
        assert theirs.keys() == ours.keys() and all(torch.equal(theirs[k], ours[k]) for k in theirs)
    assert head(torch.zeros(2, 4, 4, 24)).shape == (2, 2, 2)
    build_detr(24, "small")
    assert "RANDOM" in said[0]
    with pytest.raises(DetrError, match="--detr FOLDER"):
        build_detr(24, pretrained=str(tmp_path))


def test_evaluate_prints_and_writes(trained, tmp_path, capsys):
    config = trained[0]
    test = config.test[0].partition("=")[2]
    assert (
        lace(["policy", "evaluate", "--policy", str(config.out / "policy"), "--data", test, "--out", str(tmp_path)])
        == 0
    )
    assert "Both %" in capsys.readouterr().out
    values = json.loads((tmp_path / "evaluation.json").read_text())["test"]
    assert values["both"]["low"] <= values["both"]["value"] <= values["both"]["high"]
    capsys.readouterr()
    other = make_demonstrations(tmp_path / "other" / "test", 2, seed=77)
    words = ["policy", "evaluate", "--policy", str(config.out / "policy"), "--out", str(tmp_path / "out"), "--data"]
    shutil.copytree(test, tmp_path / "test")
    assert lace([*words, str(tmp_path / "test")]) == 0
    assert lace([*words, test]) == 0, "the same frames in another place"
    shutil.rmtree(tmp_path / "test")
    other.rename(tmp_path / "test")
    assert lace([*words, str(tmp_path / "test")]) == 2, "other frames in the same place"
    assert "made with other values: test" in capsys.readouterr().err


@pytest.mark.parametrize(("role", "given"), [("human", "robot"), ("robot", "human")])
def test_demonstrations_of_the_other_hand_are_refused(tmp_path, role, given, capsys):
    for name in ("human", "robot"):
        make_demonstrations(tmp_path / name, 2, human=name == "human")
    folders = {"human": tmp_path / "human", "robot": tmp_path / "robot"} | {role: tmp_path / given}
    words = ["policy", "train", "--human", folders["human"], "--robot", folders["robot"], "--regime", "co"]
    words += ["--backbone", "tiny", "--device", "cpu", "--head", "probe", "--out", tmp_path / "out"]
    assert lace([*map(str, words), "--fit.iterations", "1"]) == 2
    assert f"as the {role} frames" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_demonstrations_that_trained_are_no_test(trained, tmp_path, capsys):
    config = trained[0]
    words = ["policy", "evaluate", "--policy", str(config.out / "policy"), "--out", str(tmp_path / "out")]
    assert lace([*words, "--data", str(config.human[0])]) == 2
    assert "3 of 3 demonstrations have trained it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_folders_of_one_name_are_both_measured(trained, tmp_path):
    config = trained[0]
    test = config.test[0].partition("=")[2]
    shutil.copytree(test, tmp_path / "test")
    words = ["policy", "evaluate", "--policy", str(config.out / "policy"), "--out", str(tmp_path / "out")]
    assert lace([*words, "--data", test, str(tmp_path / "test")]) == 0
    assert set(json.loads((tmp_path / "out" / "evaluation.json").read_text())) == {test, str(tmp_path / "test")}


def test_a_backbone_that_was_aligned_on_the_test_s_frames_is_refused(trained, tmp_path):
    config = trained[0]
    test = config.test[0].partition("=")[2]
    origins = Origins.of(FrameDataset(test)[i] for i in range(2))
    load_backbone("tiny").save(tmp_path / "backbone")
    (tmp_path / "backbone" / ORIGINS).write_text(json.dumps(origins.as_json()))
    with pytest.raises(InvalidValueError, match="2 of 8 images"):
        train_policy(replace(config, backbone=str(tmp_path / "backbone"), out=tmp_path / "run"))


def test_a_bundle_is_another_where_its_backbone_s_package_has_other_code(trained, monkeypatch):
    folder = trained[0].out / "policy"
    before = fingerprint(folder)
    monkeypatch.setattr("policies.bundle.added_code", lambda _registry, name: f"my-lab 0.1, code of {name}")
    assert fingerprint(folder) != before
