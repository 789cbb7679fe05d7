"""Shading: colours, segment ids and depth from the rasteriser's keys, with the lights of each world."""

import numpy as np
import warp as wp
from newton import GeoType

from sim_envs.rendering.rasterize import FACE_BITS, NOTHING, Placement, box_triangle, edges_of
from sim_envs.rendering.raytrace import Cameras, Hit, Scene, intersect_round, is_blocked
from sim_envs.rendering.texels import mesh_uv, projected_uv, sample_linear

TONE_STEPS = 4096
"""Entries of the table from the square root of linear light to sRGB bytes, which avoids slow power functions."""
CONTRAST = 1.25
"""Slope of the tone curve in the dark."""
EDGE = 0.02
"""Share by which 1 / depth differs inside a pixel that sees an edge of one body."""
WHITE = 2.5
"""Linear light that comes out white: white marble under the brightest key and sky, exposed longest, reaches 2.3."""


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """Linear light from sRGB, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.asarray(srgb) + 0.055) / 1.055) ** 2.4)


def tone_table() -> np.ndarray:
    """Bytes of sRGB (TONE_STEPS,) of linear light by its square root in [0, 2].

    The curve is c x / (1 + (c - 1/w) x), so that highlights roll off towards the white w instead of clipping.
    """
    linear = np.linspace(0, 2, TONE_STEPS) ** 2
    toned = np.clip(CONTRAST * linear / (1 + (CONTRAST - 1 / WHITE) * linear), 0, 1)
    srgb = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055)
    return np.rint(srgb * 255).astype(np.uint8)


@wp.struct
class Lights:
    """Per-world lighting, arrays (worlds,); colours are linear RGB and carry the intensity."""

    key_direction: wp.array[wp.vec3f]
    """Direction in which the key light travels, unit."""
    key_colour: wp.array[wp.vec3f]
    sky_colour: wp.array[wp.vec3f]
    """Ambient light from above."""
    ground_colour: wp.array[wp.vec3f]
    """Ambient light from below."""
    shadow: wp.array[wp.float32]
    """Share of the key light that a shadow takes away, in [0, 1]."""
    gain: wp.array[wp.vec3f]
    """Exposure times white balance, per channel."""


@wp.func
def triangle_of(scene: Scene, number: wp.int32, face: wp.int32, placed: Placement):
    """Corners of a face of a mesh or box slot in the camera frame, and its normal in the slot's.

    The faces of a mesh are counted from the first of all, not of the slot's part.
    """
    slot = scene.slots[number]
    a = wp.vec3f(0.0)
    b = wp.vec3f(0.0)
    c = wp.vec3f(0.0)
    normal = wp.vec3f(0.0)
    if slot.kind == GeoType.BOX:
        a, b, c, normal = box_triangle(slot.size, face)
    else:
        a = wp.mesh_get_point(slot.source, 3 * face)
        b = wp.mesh_get_point(slot.source, 3 * face + 1)
        c = wp.mesh_get_point(slot.source, 3 * face + 2)
    a = placed.rotation @ a + placed.translation
    b = placed.rotation @ b + placed.translation
    c = placed.rotation @ c + placed.translation
    return a, b, c, normal


@wp.func
def smooth_normal(scene: Scene, hit: Hit):
    """Interpolated normal of a mesh hit in the slot's frame, not unit."""
    number = wp.int32(hit.slot)  # Warp cannot index an array by a member of a struct
    slot = scene.slots[number]
    data = scene.mesh_data[slot.mesh]
    normals = data.normals
    n0 = normals[wp.mesh_get_index(slot.source, hit.face * 3 + 0)]
    n1 = normals[wp.mesh_get_index(slot.source, hit.face * 3 + 1)]
    n2 = normals[wp.mesh_get_index(slot.source, hit.face * 3 + 2)]
    return wp.cw_div(n0 * hit.u + n1 * hit.v + n2 * (1.0 - hit.u - hit.v), slot.size)


@wp.func
def hit_of(
    scene: Scene,
    placements: wp.array[Placement],
    key: wp.uint64,
    first_slot: wp.int32,
    local: wp.vec3f,
    origin: wp.vec3f,
    direction: wp.vec3f,
):
    """Hit of the surface of a key by the ray along `local` (camera frame, z = 1) or unit `direction` (world)."""
    hit = Hit()
    code = wp.int32(key & wp.uint64(0xFFFFFFFF))
    number = first_slot + (code >> FACE_BITS)
    face = code & wp.static((1 << FACE_BITS) - 1)
    slot = scene.slots[number]
    face += slot.first_face
    hit.slot = number
    hit.face = face
    if slot.kind == GeoType.MESH or slot.kind == GeoType.BOX:
        a, b, c, normal = triangle_of(scene, number, face, placements[number])
        edges = edges_of(a, b, c)
        total = wp.dot(edges.total, local)
        weight_b = wp.dot(edges.b, local) / total
        weight_c = wp.dot(edges.c, local) / total
        hit.u = 1.0 - weight_b - weight_c
        hit.v = weight_b
        if slot.kind == GeoType.MESH:
            normal = smooth_normal(scene, hit)
        hit.normal = wp.normalize(wp.transform_vector(slot.transform, normal))
        hit.distance = edges.volume / total * wp.length(local)
    else:
        distance, normal = intersect_round(slot, origin, direction)
        hit.distance = distance
        hit.normal = normal
    if wp.dot(hit.normal, direction) > 0.0:
        hit.normal = -hit.normal
    return hit


@wp.func
def albedo(scene: Scene, hit: Hit, point: wp.vec3f):
    """Linear RGB of the surface at a hit: its colour (linear) times its texture."""
    number = wp.int32(hit.slot)
    slot = scene.slots[number]
    if slot.texture < 0:
        return slot.colour
    uv = wp.vec2f(0.0)
    if slot.kind == GeoType.MESH:
        uv = mesh_uv(scene.mesh_data[slot.mesh], slot.source, hit.face, hit.u, hit.v)
    else:
        uv = projected_uv(slot.transform, point, hit.normal)
    return wp.cw_mul(slot.colour, sample_linear(scene.texels, scene.textures[slot.texture], uv))


@wp.func
def glint_of(normal: wp.vec3f, halfway: wp.vec3f):
    """Cosine between normal and halfway vector to the 32nd power (Blinn-Phong)."""
    glint = wp.max(0.0, wp.dot(normal, halfway))
    glint = glint * glint
    glint = glint * glint
    glint = glint * glint
    glint = glint * glint
    return glint * glint


@wp.kernel(enable_backward=False)
def label(
    scene: Scene,
    keys: wp.array3d[wp.uint64],
    slots_per_world: wp.int32,
    out_segment: wp.array3d[wp.uint8],
    out_depth: wp.array3d[wp.float32],
):
    """Segment id and depth [m] of every pixel, from keys at pixel centres; 0 where nothing was drawn."""
    world, y, x = wp.tid()
    key = keys[world, y, x]
    segment = wp.uint8(0)
    depth = wp.float32(0.0)
    if key != wp.uint64(NOTHING):
        code = wp.int32(key & wp.uint64(0xFFFFFFFF))
        surface = scene.slots[world * slots_per_world + (code >> FACE_BITS)]
        segment = wp.uint8(surface.segment)
        depth = 1.0 / wp.cast(wp.uint32(key >> wp.uint64(32)), wp.float32)
    out_segment[world, y, x] = segment
    out_depth[world, y, x] = depth


def create_kernel(shadows: bool, supersampling: int) -> wp.Kernel:
    """The kernel that colours pixels, with or without shadow rays.

    A pixel on an edge (samples that see different slots, or depths that differ by EDGE) is the mean of
    `supersampling`**2 samples; one that sees a single surface takes one sample at its centre.
    """

    @wp.func
    def shade(scene: Scene, lights: Lights, world: wp.int32, hit: Hit, origin: wp.vec3f, direction: wp.vec3f):
        point = origin + direction * hit.distance
        base = albedo(scene, hit, point)
        up = 0.5 * (hit.normal[2] + 1.0)
        ambient = lights.sky_colour[world] * up + lights.ground_colour[world] * (1.0 - up)
        to_light = -lights.key_direction[world]
        facing = wp.dot(hit.normal, to_light)
        if facing <= 0.0:
            return wp.cw_mul(base, ambient)
        lit = wp.float32(1.0)
        if wp.static(shadows):  # noqa: SIM102  (decided when the kernel is compiled)
            if is_blocked(scene, world, point + hit.normal * 1.0e-3, to_light):
                lit = 1.0 - lights.shadow[world]
        number = wp.int32(hit.slot)
        surface = scene.slots[number]
        key = lights.key_colour[world] * lit
        light = wp.cw_mul(base, ambient + key * facing)
        if surface.gloss > 0.0:
            light += key * (surface.gloss * glint_of(hit.normal, wp.normalize(to_light - direction)))
        return light

    @wp.func
    def is_one_surface(
        scene: Scene,
        keys: wp.array3d[wp.uint64],
        first_slot: wp.int32,
        world: wp.int32,
        row: wp.int32,
        column: wp.int32,
    ):
        """Whether all samples from a row and column on see the same slot at about one depth, of a box the same side."""
        key = keys[world, row, column]
        code = wp.int32(key & wp.uint64(0xFFFFFFFF))
        nearness = wp.cast(wp.uint32(key >> wp.uint64(32)), wp.float32)
        bits = wp.int32(FACE_BITS)
        if key != wp.uint64(NOTHING) and scene.slots[first_slot + (code >> FACE_BITS)].kind == GeoType.BOX:
            bits = wp.int32(1)  # a side has two faces
        same = wp.bool(True)
        for sample in range(1, wp.static(supersampling * supersampling)):
            other = keys[world, row + sample // wp.static(supersampling), column + sample % wp.static(supersampling)]
            gap = wp.abs(wp.cast(wp.uint32(other >> wp.uint64(32)), wp.float32) - nearness)
            if (wp.int32(other & wp.uint64(0xFFFFFFFF)) >> bits) != (code >> bits) or gap > wp.static(EDGE) * nearness:
                same = wp.bool(False)
        return same

    @wp.kernel(enable_backward=False, module="unique")
    def colour(
        scene: Scene,
        placements: wp.array[Placement],
        keys: wp.array3d[wp.uint64],
        slots_per_world: wp.int32,
        cameras: Cameras,
        lights: Lights,
        tone: wp.array[wp.uint8],
        backdrop: wp.array4d[wp.uint8],
        out_rgb: wp.array4d[wp.uint8],
    ):
        world, py, px = wp.tid()
        lens = cameras.focal_centre[world]
        origin = wp.transform_get_translation(cameras.pose[world])
        light = wp.vec3f(0.0)
        covered = wp.float32(0.0)
        samples = wp.int32(wp.static(supersampling * supersampling))
        shift = wp.float32(0.5)
        if wp.static(supersampling > 1):
            row = py * wp.static(supersampling)
            column = px * wp.static(supersampling)
            if is_one_surface(scene, keys, world * slots_per_world, world, row, column):
                samples = wp.int32(1)
                shift = wp.float32(wp.static(0.5 * supersampling))
        weight = 1.0 / wp.float32(samples)
        for sample in range(samples):
            row = py * wp.static(supersampling) + sample // wp.static(supersampling)
            column = px * wp.static(supersampling) + sample % wp.static(supersampling)
            key = keys[world, row, column]
            if key != wp.uint64(NOTHING):
                x = (wp.float32(column) + shift) * wp.static(1.0 / supersampling)
                y = (wp.float32(row) + shift) * wp.static(1.0 / supersampling)
                local = wp.vec3f((x - lens[1]) / lens[0], (y - lens[2]) / lens[0], 1.0)
                direction = wp.transform_vector(cameras.pose[world], wp.normalize(local))
                hit = hit_of(scene, placements, key, world * slots_per_world, local, origin, direction)
                covered += weight
                light += shade(scene, lights, world, hit, origin, direction) * weight
        light = wp.cw_mul(light, lights.gain[world])
        for channel in range(3):
            root = wp.sqrt(light[channel]) * wp.static(0.5 * (TONE_STEPS - 1))
            value = wp.float32(tone[wp.min(wp.int32(root + 0.5), TONE_STEPS - 1)])
            if covered < 0.999 and backdrop.shape[0] > 0:
                value = value + (1.0 - covered) * wp.float32(backdrop[world, py, px, channel])
            out_rgb[world, py, px, channel] = wp.uint8(wp.min(value, 255.0))

    return colour
