"""Textures in one flat array with our own bilinear sampling: no texture objects, the same bytes on every device.

Mesh surfaces use their texture coordinates, primitives the nearest of three axis projections (metres). Coordinates
repeat; v runs upwards while rows run downwards, as image files have it.
"""

import cv2
import numpy as np
import warp as wp
from newton._src.sensors.warp_raytrace.types import MeshData

Texel = wp.types.vector(length=4, dtype=wp.uint8)
"""Square root of linear RGB, 0 to 255; the fourth byte only aligns. Roots keep dark tones apart in 8 bits."""


@wp.struct
class TextureRow:
    """Where one texture lies in the array of texels."""

    offset: wp.int32
    width: wp.int32
    height: wp.int32
    repeat: wp.float32
    """Tiles per metre on primitives, per uv unit on meshes."""


def pack_textures(roots: list[np.ndarray], repeats: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """(texels (n, 4) uint8, rows) from images (h, w, 3) uint8 of square-rooted linear light."""
    rows = np.zeros(len(roots), TextureRow.numpy_dtype())
    sizes = [root.shape[0] * root.shape[1] for root in roots]
    rows["offset"] = np.cumsum([0, *sizes[:-1]])
    rows["height"], rows["width"] = np.array([root.shape[:2] for root in roots]).T
    rows["repeat"] = repeats
    texels = np.empty((sum(sizes), 4), np.uint8)
    for root, first, size in zip(roots, rows["offset"], sizes, strict=True):
        place = texels[first : first + size].reshape(*root.shape[:2], 4)
        cv2.cvtColor(root, cv2.COLOR_RGB2RGBA, dst=place)
    return texels, rows


@wp.func
def _light(texels: wp.array[Texel], at: wp.int32):
    texel = texels[at]
    return wp.vec3f(wp.float32(texel[0]), wp.float32(texel[1]), wp.float32(texel[2]))


@wp.func
def sample_linear(texels: wp.array[Texel], row: TextureRow, uv: wp.vec2f):
    """Linear RGB at uv (before `repeat`), bilinear between texel centres."""
    u = uv[0] * row.repeat
    v = 1.0 - uv[1] * row.repeat
    x = (u - wp.floor(u)) * wp.float32(row.width) - 0.5
    y = (v - wp.floor(v)) * wp.float32(row.height) - 0.5
    floor_x = wp.floor(x)
    floor_y = wp.floor(y)
    fx = x - floor_x
    fy = y - floor_y
    x0 = wp.int32(floor_x)
    y0 = wp.int32(floor_y)
    x1 = wp.where(x0 + 1 >= row.width, 0, x0 + 1)
    y1 = wp.where(y0 + 1 >= row.height, 0, y0 + 1)
    x0 = wp.where(x0 < 0, row.width - 1, x0)
    y0 = wp.where(y0 < 0, row.height - 1, y0)
    upper = row.offset + y0 * row.width
    lower = row.offset + y1 * row.width
    top = _light(texels, upper + x0) * (1.0 - fx) + _light(texels, upper + x1) * fx
    bottom = _light(texels, lower + x0) * (1.0 - fx) + _light(texels, lower + x1) * fx
    root = (top * (1.0 - fy) + bottom * fy) * wp.static(1.0 / 255.0)
    return wp.cw_mul(root, root)


@wp.func
def mesh_uv(data: MeshData, mesh: wp.uint64, face: wp.int32, u: wp.float32, v: wp.float32):
    """Texture coordinates at barycentric (u, v) of a face."""
    uv0 = data.uvs[wp.mesh_get_index(mesh, face * 3 + 0)]
    uv1 = data.uvs[wp.mesh_get_index(mesh, face * 3 + 1)]
    uv2 = data.uvs[wp.mesh_get_index(mesh, face * 3 + 2)]
    return uv0 * u + uv1 * v + uv2 * (1.0 - u - v)


@wp.func
def projected_uv(transform: wp.transformf, point: wp.vec3f, normal: wp.vec3f):
    """Coordinates [m] of a world point in the plane of the body's axes that faces `normal` most."""
    back = wp.transform_inverse(transform)
    local = wp.transform_point(back, point)
    facing = wp.transform_vector(back, normal)
    x = wp.abs(facing[0])
    y = wp.abs(facing[1])
    z = wp.abs(facing[2])
    if x >= y and x >= z:
        return wp.vec2f(local[1], local[2])
    if y >= z:
        return wp.vec2f(local[0], local[2])
    return wp.vec2f(local[0], local[1])
