"""Meshes of the user's own as objects: size, pose, colours, mass, and every refusal."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from PIL import Image

from assets.grasps import DEFAULT, grasp_for, store
from assets.objects import OBJECTS
from assets.objects.hulls import MARGIN_M, _margin, convex_parts
from assets.objects.own import SIZE_M, own_names
from lace.core.errors import AssetError, InvalidValueError
from sim_envs.config.axes import ClutterAxis, TableAxis, TargetAxis
from sim_envs.config.scene import SceneConfig
from sim_envs.config.sources import sources_of

RED, BLUE = [200, 30, 30, 255], [30, 30, 200, 255]


def textured(mesh, image):
    uv = (mesh.vertices[:, :2] - mesh.bounds[0, :2]) / mesh.extents[:2]
    mesh.visual = trimesh.visual.TextureVisuals(uv=uv, image=image)
    return mesh


@pytest.fixture
def files(tmp_path):
    """A long box with colours of its faces, a cylinder in millimetres, a textured bottle shape in glTF's y up."""
    box = trimesh.creation.box((0.05, 0.07, 0.1))
    box.visual.face_colors = np.where(box.face_normals[:, 2:] > 0.5, RED, BLUE)
    box.export(tmp_path / "box.ply")
    can = trimesh.creation.cylinder(30, 100)
    can.export(tmp_path / "can.stl")
    half = np.zeros((64, 64, 3), np.uint8)
    half[:, 32:] = 255
    tall = textured(trimesh.creation.box((0.06, 0.12, 0.04)), Image.fromarray(half))
    tall.export(tmp_path / "tall.glb")
    return tmp_path


def colours_seen(spec):
    """SRGB of the mesh's corners in its texture."""
    mesh, image = spec.build(), spec.texture(np.random.default_rng(0))
    rows = np.clip((1 - mesh.uvs[:, 1]) * len(image), 0, len(image) - 1).astype(int)
    columns = np.clip(mesh.uvs[:, 0] * image.shape[1], 0, image.shape[1] - 1).astype(int)
    return image[rows, columns]


def test_a_file_is_an_object_like_ours(files):
    spec = OBJECTS[str(files / "box.ply")]
    mesh = spec.build()
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    assert low[2] == 0 and high[2] == pytest.approx(0.1) == spec.height_m[0]
    np.testing.assert_allclose(low[:2], -high[:2], atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    assert (mesh.vertices.dtype, mesh.faces.dtype, mesh.uvs.dtype) == (np.float32, np.int32, np.float32)
    assert _margin(convex_parts(spec.name)) >= MARGIN_M
    assert spec.mass_kg[0] == pytest.approx(400 * 0.05 * 0.07 * 0.1)
    assert spec.sources == (files / "box.ply",)


def test_colours_of_faces_are_kept(files):
    spec = OBJECTS[str(files / "box.ply")]
    top = spec.build().normals[:, 2] > 0.5
    assert (colours_seen(spec)[top] == RED[:3]).all() and (colours_seen(spec)[~top] == BLUE[:3]).all()


def test_a_texture_is_kept_and_gltf_stands_on_its_y(files):
    spec = OBJECTS[str(files / "tall.glb")]
    assert spec.texture(np.random.default_rng(0)).shape == (64, 64, 3)
    assert spec.height_m[0] == pytest.approx(0.12)
    left = spec.build().vertices[:, 0] < 0
    assert (colours_seen(spec)[left] == 0).all() and (colours_seen(spec)[~left] == 255).all()


def test_size_mass_and_axis_are_said(files):
    spec = OBJECTS[f"{files / 'can.stl'}?size=0.1&mass=0.25&up=x"]
    mesh = spec.build()
    assert np.ptp(mesh.vertices[:, 2]) == pytest.approx(0.06, rel=1e-2), "it lies on its side"
    assert np.ptp(mesh.vertices, axis=0).max() == pytest.approx(0.1, rel=1e-5)
    assert spec.mass_kg == (0.25, 0.25)


def test_what_would_tip_over_is_laid_down(tmp_path):
    """A pencil on its tip."""
    trimesh.creation.cone(0.01, -0.17).export(tmp_path / "pencil.stl")
    spec = OBJECTS[str(tmp_path / "pencil.stl")]
    assert spec.height_m[0] < 0.03 and _margin(convex_parts(spec.name)) >= MARGIN_M


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("can.stl", f"(?s)longest side is 100 m.*{SIZE_M[0]}.*--target-size"),
        ("missing.obj", "no such file"),
        ("broken.ply", "reading the object"),
    ],
)
def test_files_that_cannot_be_used(files, text, message):
    (files / "broken.ply").write_text("ply\nnot a mesh\n")
    with pytest.raises(AssetError, match=message):
        OBJECTS[str(files / text)]


@pytest.mark.parametrize("options", ["size=big", "colour=red", "up=w"])
def test_options_that_are_not_known(files, options):
    with pytest.raises(InvalidValueError, match="FILE.size=METRES"):
        OBJECTS[f"{files / 'box.ply'}?{options}"]


def test_folders_stand_for_the_meshes_in_them(files, tmp_path_factory):
    (files / "notes.txt").write_text("no mesh")
    names = own_names((str(files), "dinosaur"), 0.1, None, "")
    assert names == tuple(f"{files / name}?size=0.1" for name in ("box.ply", "can.stl", "tall.glb")) + ("dinosaur",)
    with pytest.raises(AssetError, match="looking for objects"):
        own_names((str(tmp_path_factory.mktemp("empty")),), None, None, "")


def test_axes_name_the_objects_and_their_content_is_part_of_the_identity(files):
    axes = SceneConfig().axes
    target = TargetAxis(names=(str(files / "can.stl"),), size_m=0.1, mass_kg=0.2)
    clutter = ClutterAxis(names=(str(files / "box.ply"),))
    assert target.objects == (f"{files / 'can.stl'}?size=0.1&mass=0.2",) and clutter.objects == clutter.names
    config = SceneConfig(axes=type(axes)(target=target, clutter=clutter))
    before = sources_of(config)["sources"]
    assert set(before) == {*target.objects, *clutter.objects}
    trimesh.creation.cylinder(20, 100).export(files / "can.stl")
    after = sources_of(config)["sources"]
    assert [before[name] != after[name] for name in (*target.objects, *clutter.objects)] == [True, False]
    assert not sources_of(SceneConfig())


def test_ours_are_chosen_by_family():
    assert len(ClutterAxis().objects) >= 14 and ClutterAxis(families=("apple",)).objects == ("apple",)
    assert TargetAxis(names=("all",)).objects[0] == "dinosaur" and TableAxis().size_m is None


def test_a_grasp_of_a_file_is_kept_beside_it_and_found_again(files):
    size = f"{files / 'can.stl'}?size=0.1"
    assert grasp_for(size).target == DEFAULT
    found = replace(grasp_for("dinosaur"), target=size, trials=200, successes=180)
    assert store(found) == files / "can.stl.grasps.json"
    assert grasp_for(f"{size}&mass=0.3").target == size, "the mass does not matter"
    assert grasp_for(f"{files / 'can.stl'}?size=0.08").target == DEFAULT, "the size does"
    assert store(replace(found, successes=170)) is None and grasp_for(size).successes == 180


def test_grasps_are_kept_by_hand(files):
    can, own = f"{files / 'can.stl'}?size=0.11", files / "my_hand.grasps.json"
    with pytest.raises(InvalidValueError, match="none is stored for 'my_hand'"):
        grasp_for(can, "my_hand", own)
    mine = replace(grasp_for("dinosaur"), embodiment="my_hand", trials=200, successes=180)
    assert store(replace(mine, target=DEFAULT), own) == own
    assert store(replace(mine, target=can), own) == files / "can.stl.grasps.json"
    assert (grasp_for("mug", "my_hand", own).target, grasp_for(can, "my_hand", own).target) == (DEFAULT, can)
    assert grasp_for(can).target == DEFAULT, "another hand's is not taken"
