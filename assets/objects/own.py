"""Objects of the user's own: mesh files (obj, glb, ply, stl), by the text "FILE" or "FILE?size=0.12&mass=0.3&up=y"."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import numpy as np
from PIL import Image

from assets.objects.hulls import FEET_M, MARGIN_M
from assets.objects.mesh import make, transformed, upright
from assets.objects.spec import ObjectSpec
from assets.shapes import Mesh
from lace.core.errors import AssetError, InvalidValueError
from lace.core.geometry import Array

if TYPE_CHECKING:
    import trimesh

FORMATS = (".obj", ".glb", ".gltf", ".ply", ".stl")
UPS = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1), "-x": (-1, 0, 0), "-y": (0, -1, 0), "-z": (0, 0, -1)}
"""Axes of a file that may point up."""
SIZE_M = (0.01, 0.5)
"""Range of an object's longest side [m]; a file outside it is in other units."""
MASS_KG = (0.02, 0.6)
"""Range of the mass that is assumed where none is said."""
DENSITY = 400.0
"""Mass that is assumed, by the volume of the convex hull [kg/m3]: between a full box of crisps and wood."""
MOST_FACES = 200_000
TEXTURE_PX = 512
"""Longest side of a texture: finer ones flicker, as the renderer samples without mipmaps."""
CREASE_DEG = 40.0
"""Faces at a larger angle meet in a sharp edge, in files without normals of their own."""


@dataclass(frozen=True)
class Loaded:
    """An upright mesh and its texture."""

    mesh: Mesh
    texture: np.ndarray
    """(h, w, 3) uint8 sRGB."""


def own_object(text: str) -> ObjectSpec | None:
    """The object of a mesh file; None for a text that names no file of FORMATS.

    Args:
        text: FILE, or FILE?size=METRES&mass=KILOGRAMS&up=AXIS with any of the three.

    Raises:
        AssetError: The file is missing or cannot be used.
        InvalidValueError: What stands behind the question mark is not known.
    """
    name, _, options = text.partition("?")
    file = Path(name)
    if file.suffix.lower() not in FORMATS:
        return None
    import trimesh

    if not file.is_file():
        raise _refused(file, "there is no such file", "a mesh", "check the path")
    said = _options(text, dict(parse_qsl(options)))
    load = cache(partial(load_mesh, file, said.get("size"), said.get("up", "")))
    mesh = load().mesh
    grasps = file.with_name(f"{file.name}.grasps.json")
    height = float(mesh.vertices[:, 2].max())
    assumed = float(np.clip(DENSITY * trimesh.convex.convex_hull(mesh.vertices).volume, *MASS_KG))
    mass = float(said.get("mass", assumed))
    return ObjectSpec(
        name=text,
        family="own",
        role="target",
        build=lambda: load().mesh,
        texture=lambda _rng: load().texture,
        height_m=(height, height),
        mass_kg=(mass, mass),
        grasps=(grasps, urlencode({key: said[key] for key in ("size", "up") if key in said})),
        sources=(file,),
    )


def _options(text: str, said: Mapping[str, str]) -> dict:
    try:
        if set(said) - {"size", "mass", "up"} or said.get("up", "z") not in UPS:
            raise ValueError(text)
        return {key: value if key == "up" else float(value) for key, value in said.items()}
    except ValueError as error:
        raise InvalidValueError(
            "reading an object",
            repr(text),
            f"FILE?size=METRES&mass=KILOGRAMS&up=AXIS, the axis one of {', '.join(UPS)}",
            "use --target FILE --target-size --target-mass --target-up",
        ) from error


def own_names(given: tuple[str, ...], size: float | None, mass: float | None, up: str) -> tuple[str, ...]:
    """Names of objects: folders stand for the mesh files in them, and files get the size, mass and axis that are said.

    Args:
        given: Names of objects, files and folders.
        size: Longest side [m]; None: as in the file.
        mass: [kg]; None: assumed from the volume.
        up: One of UPS; "": found.
    """
    options = [("size", size), ("mass", mass), ("up", up or None)]
    tail = "&".join(f"{key}={value}" for key, value in options if value is not None)
    files = [file for name in given for file in _files_of(name)]
    return tuple(f"{file}?{tail}" if tail and Path(file).suffix.lower() in FORMATS else file for file in files)


def _files_of(name: str) -> list[str]:
    folder = Path(name)
    if not folder.is_dir():
        return [name]
    found = sorted(str(file) for file in folder.rglob("*") if file.suffix.lower() in FORMATS)
    if not found:
        raise AssetError(f"looking for objects in {folder}", "none", f"files {', '.join(FORMATS)}", "check the path")
    return found


def load_mesh(file: Path, size: float | None, up: str) -> Loaded:
    """The mesh of a file, upright on z = 0 in a pose in which it rests, with its texture.

    Args:
        file: One of FORMATS.
        size: Longest side [m]; None: as in the file.
        up: Axis of the file that points up; "": its own (y of glTF, else z) if it rests so, else another one.

    Raises:
        AssetError: It cannot be read or used.
    """
    import trimesh

    try:
        read = trimesh.load_scene(file).to_mesh()
    except Exception as error:  # a parser of another's, with many kinds of errors
        raise _refused(
            file, f"{type(error).__name__}: {error}", "a mesh", "open it in Blender and export it"
        ) from error
    if not 4 <= len(read.faces) <= MOST_FACES:
        raise _refused(file, f"{len(read.faces)} triangles", f"4 to {MOST_FACES}", "simplify it (Blender: Decimate)")
    longest = float(read.extents.max())
    if size is None and not SIZE_M[0] <= longest <= SIZE_M[1]:
        low, high = SIZE_M
        raise _refused(
            file, f"its longest side is {longest:g} m", f"{low} to {high} m", "say its real one: --target-size METRES"
        )
    texture, read = _texture_of(read.apply_scale((size or longest) / longest))
    natural = "y" if file.suffix.lower() in (".glb", ".gltf") else "z"
    mesh = make(read.vertices, read.faces, read.vertex_normals, read.visual.uv)
    mesh = transformed(mesh, _turned(up) if up else _resting(np.array(read.vertices), natural))
    return Loaded(upright(mesh, float(np.ptp(mesh.vertices[:, 2]))), texture)


def _refused(file: Path, got: str, expected: str, step: str) -> AssetError:
    return AssetError(f"reading the object {file}", got, expected, step)


def _texture_of(mesh: "trimesh.Trimesh") -> tuple[np.ndarray, "trimesh.Trimesh"]:
    """The texture (h, w, 3) uint8, and the mesh with coordinates in it: pictures are kept, colours become one."""
    import trimesh

    if not isinstance(mesh.visual, trimesh.visual.TextureVisuals) or mesh.visual.uv is None:
        mesh = _by_colour(mesh)
    material = mesh.visual.material
    simple = material if isinstance(material, trimesh.visual.material.SimpleMaterial) else material.to_simple()
    image = simple.image
    if image is None:
        image = Image.new("RGB", (2, 2), tuple(int(c) for c in simple.main_color[:3]))
    image = image.convert("RGB")
    image.thumbnail((TEXTURE_PX, TEXTURE_PX), Image.Resampling.BOX)
    return np.asarray(image), mesh


def _by_colour(mesh: "trimesh.Trimesh") -> "trimesh.Trimesh":
    """A mesh without texture: each face in its own colour, smooth but for sharp edges."""
    import trimesh

    visual = mesh.visual.to_color() if isinstance(mesh.visual, trimesh.visual.TextureVisuals) else mesh.visual
    colours = np.array(visual.face_colors)
    bare = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    bare.merge_vertices()
    smooth = trimesh.graph.smooth_shade(bare, angle=np.radians(CREASE_DEG), facet_minarea=None)
    order = np.concatenate(smooth.metadata.get("original_components", [np.arange(len(colours))]))
    normals = smooth.vertex_normals[smooth.faces].reshape(-1, 3)
    corners = smooth.vertices[smooth.faces].reshape(-1, 3)
    colours = np.repeat(colours[order], 3, axis=0)
    material, uv = trimesh.visual.color.color_to_uv(colours)
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    faces = np.arange(len(corners)).reshape(-1, 3)
    return trimesh.Trimesh(corners, faces, vertex_normals=normals, visual=visual, process=False)


def _resting(points: Array, natural: str) -> Array:
    """Rotation (3, 3) that stands points (n, 3) [m] up: on the file's own axis, on another, else as they would fall."""
    import trimesh

    hull = trimesh.convex.convex_hull(points)
    for axis in (natural, "y" if natural == "z" else "z"):
        if _rests(hull, _turned(axis)):
            return _turned(axis)
    poses, _chances = trimesh.poses.compute_stable_poses(hull, n_samples=1)
    return np.array(poses[0][:3, :3])


def _turned(up: str) -> Array:
    """The shortest rotation (3, 3) that turns an axis of UPS to z."""
    from scipy.spatial.transform import Rotation

    return Rotation.align_vectors([(0, 0, 1)], [UPS[up]])[0].as_matrix()


def _rests(hull: "trimesh.Trimesh", R: Array) -> bool:
    """Whether a hull [m] that is turned by R stands on its lowest slice, as its collision shape will."""
    from scipy.spatial import ConvexHull, QhullError

    points, middle = hull.vertices @ R.T, R @ hull.center_mass
    feet = points[points[:, 2] < points[:, 2].min() + FEET_M[-1]][:, :2]
    try:
        sides = ConvexHull(feet).equations
    except (QhullError, ValueError):  # fewer than three, or on one line
        return False
    return bool((sides[:, :2] @ middle[:2] + sides[:, 2]).max() < -2 * MARGIN_M)
