"""Shading: colours, segment ids and depth from the rasteriser's keys, with the lights of each world."""

import warp as wp
from newton import GeoType

from sim_envs.rendering.rasterize import FACE_BITS, NOTHING, Placement
from sim_envs.rendering.raytrace import Cameras, Hit, Scene, is_blocked, ray_through
from sim_envs.rendering.samples import centre_row, place_of
from sim_envs.rendering.shadow import BIAS_M, IN_SHADOW, UNKNOWN, known_shadow
from sim_envs.rendering.still import Still, is_as_before
from sim_envs.rendering.surface import hit_of, is_edge, is_same_surface
from sim_envs.rendering.texels import mesh_uv, projected_uv, sample_linear
from sim_envs.rendering.tone import TONE_STEPS


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
    corners: wp.bool,
    slots_per_world: wp.int32,
    out_segment: wp.array3d[wp.uint8],
    out_depth: wp.array3d[wp.float32],
):
    """Segment id and depth [m] of every pixel, from keys at its centre; 0 where nothing was drawn."""
    world, y, x = wp.tid()
    key = keys[world, centre_row(y, corners), x]
    segment = wp.uint8(0)
    depth = wp.float32(0.0)
    if key != wp.uint64(NOTHING):
        code = wp.int32(key & wp.uint64(0xFFFFFFFF))
        surface = scene.slots[world * slots_per_world + (code >> FACE_BITS)]
        segment = wp.uint8(surface.segment)
        depth = 1.0 / wp.cast(wp.uint32(key >> wp.uint64(32)), wp.float32)
    out_segment[world, y, x] = segment
    out_depth[world, y, x] = depth


def create_kernel(shadows: bool, antialias: bool) -> wp.Kernel:
    """The kernel that colours pixels, with or without shadow rays.

    With `antialias` a pixel is the mean over its area of what is seen at its centre and its corners, each corner
    counting for an eighth (trapezoids). A surface is shaded where the centre sees it, or the first of the corners that
    follow each other round the pixel.
    """

    @wp.func
    def shade(
        scene: Scene,
        lights: Lights,
        world: wp.int32,
        hit: Hit,
        origin: wp.vec3f,
        direction: wp.vec3f,
        state: wp.int32,
    ):
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
            blocked = state == IN_SHADOW
            if state == UNKNOWN:
                blocked = is_blocked(scene, world, point + hit.normal * BIAS_M, to_light)
            if blocked:
                lit = 1.0 - lights.shadow[world]
        number = wp.int32(hit.slot)
        surface = scene.slots[number]
        key = lights.key_colour[world] * lit
        light = wp.cw_mul(base, ambient + key * facing)
        if surface.gloss > 0.0:
            light += key * (surface.gloss * glint_of(hit.normal, wp.normalize(to_light - direction)))
        return light

    @wp.kernel(enable_backward=False, module="unique")
    def colour(
        scene: Scene,
        placements: wp.array[Placement],
        keys: wp.array3d[wp.uint64],
        states: wp.array3d[wp.uint8],
        slots_per_world: wp.int32,
        cameras: Cameras,
        lights: Lights,
        tone: wp.array[wp.uint8],
        untone: wp.array[wp.float32],
        backdrop: wp.array4d[wp.uint8],
        still: Still,
        out_rgb: wp.array4d[wp.uint8],
    ):
        world, py, px = wp.tid()
        lens = cameras.focal_centre[world]
        origin = wp.transform_get_translation(cameras.pose[world])
        first_slot = world * slots_per_world
        samples = wp.int32(1)
        if wp.static(antialias):  # noqa: SIM102  (decided when the kernel is compiled)
            if is_edge(scene, first_slot, keys, world, py, px):
                samples = wp.int32(5)
        if samples == 1 and still.states.shape[0] > 0:  # noqa: SIM102  (Warp evaluates both sides of `and`)
            if is_as_before(still, keys, states, wp.static(antialias), world, py, px):
                for channel in range(3):
                    out_rgb[world, py, px, channel] = still.rgb[py, px, channel]
                return
        light = wp.vec3f(0.0)
        covered = wp.float32(0.0)
        # Not NOTHING at first: Warp 1.17 would write the loop's values into that constant wherever it stands.
        centre = keys[world, centre_row(py, wp.static(antialias)), px]
        last = keys[world, centre_row(py, wp.static(antialias)), px]
        of_centre = wp.vec3f(0.0)
        of_last = wp.vec3f(0.0)
        for sample in range(samples):
            row, column, u, v = place_of(sample, py, px, wp.static(antialias))
            key = keys[world, row, column]
            value = wp.vec3f(0.0)
            if sample > 0 and is_same_surface(scene, first_slot, key, centre):
                value = of_centre
            elif sample > 0 and is_same_surface(scene, first_slot, key, last):
                value = of_last
            elif key != wp.uint64(NOTHING):
                local = ray_through(lens, u, v)
                direction = wp.transform_vector(cameras.pose[world], wp.normalize(local))
                hit = hit_of(scene, placements, key, first_slot, local, origin, direction)
                state = wp.int32(UNKNOWN)
                if wp.static(shadows):  # noqa: SIM102  (decided when the kernel is compiled)
                    if sample == 0:
                        state = known_shadow(scene, keys, states, wp.static(antialias), first_slot, world, py, px)
                value = shade(scene, lights, world, hit, origin, direction, state)
            if sample == 0:
                of_centre = value
            last = key
            of_last = value
            weight = wp.where(samples == 1, 1.0, wp.where(sample == 0, 0.5, 0.125))
            light += value * weight
            covered += wp.where(key == wp.uint64(NOTHING), 0.0, weight)
        light = wp.cw_mul(light, lights.gain[world])
        for channel in range(3):
            behind = wp.uint8(0)
            if covered < 1.0 and backdrop.shape[0] > 0:
                behind = backdrop[world, py, px, channel]
            mixed = light[channel] + (1.0 - covered) * untone[wp.int32(behind)]
            root = wp.sqrt(mixed) * wp.static(0.5 * (TONE_STEPS - 1))
            out_rgb[world, py, px, channel] = tone[wp.min(wp.int32(root + 0.5), TONE_STEPS - 1)]

    return colour
