"""Our ray-casting kernel: Newton's intersections, with lights, intrinsics and labels of each world's own.

Newton 1.6.1's own renderer shares lights and intrinsics between worlds; its building blocks do not. This is the only
file that reaches into them (`tests/test_sim_labels.py` compares with the public renderer and fails loudly when the
pinned version changes). Camera axes are OpenCV, pixel centres at half-integers.
"""

import newton
import numpy as np
import warp as wp
from newton import GeoType
from newton._src.geometry import raycast
from newton._src.sensors.warp_raytrace import raytrace
from newton._src.sensors.warp_raytrace.types import MeshData

from sim_envs.texels import Texel, TextureRow, mesh_uv, projected_uv, sample_linear

PINNED_NEWTON = "1.6.1"
TILE = 16
"""Pixels are visited in square tiles of this side, so that neighbouring rays share cache lines."""
MAX_DISTANCE_M = 60.0
TONE_STEPS = 4096
"""Entries of the table from the square root of linear light to sRGB bytes; powers are the dearest thing here."""
SHOULDER = 0.25
"""Strength of the tone curve's shoulder: x (1 + s) / (1 + s x), so that highlights roll off instead of clipping."""


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """Linear light from sRGB, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.asarray(srgb) + 0.055) / 1.055) ** 2.4)


def tone_table() -> np.ndarray:
    """sRGB bytes (TONE_STEPS,) of toned linear light by its square root in [0, 2]."""
    linear = np.linspace(0, 2, TONE_STEPS) ** 2
    toned = np.clip(linear * (1 + SHOULDER) / (1 + SHOULDER * linear), 0, 1)
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


@wp.struct
class Cameras:
    """Per-world cameras, arrays (worlds,)."""

    pose: wp.array[wp.transformf]
    """T_world_cam, OpenCV axes."""
    focal_centre: wp.array[wp.vec3f]
    """(focal, cx, cy) [px]."""


@wp.struct
class Slot:
    """One slot as the kernel reads it; see SlotTable. Packed, so that a ray touches few cache lines."""

    transform: wp.transformf
    size: wp.vec3f
    colour: wp.vec3f
    source: wp.uint64
    kind: wp.int32
    mesh: wp.int32
    texture: wp.int32
    gloss: wp.float32
    segment: wp.int32


@wp.struct
class Scene:
    """The slots of all worlds and the bounding volumes over them. Small: Warp passes structs by value."""

    bvh: wp.uint64
    group_roots: wp.array[wp.int32]
    enabled: wp.array[wp.uint32]
    slots: wp.array[Slot]
    mesh_data: wp.array[MeshData]
    textures: wp.array[TextureRow]
    texels: wp.array[Texel]


def mesh_data(uvs: wp.array, normals: wp.array) -> MeshData:
    """Texture coordinates and normals of one mesh in Newton's own layout."""
    data = MeshData()
    data.uvs, data.normals = uvs, normals
    return data


@wp.struct
class Hit:
    """Nearest intersection of a ray; slot -1 where nothing was hit."""

    distance: wp.float32
    normal: wp.vec3f
    slot: wp.int32
    u: wp.float32
    v: wp.float32
    face: wp.int32


@wp.func
def intersect_box(transform: wp.transformf, half: wp.vec3f, origin: wp.vec3f, direction: wp.vec3f):
    """Entry distance of a unit ray into a box of half extents `half`, -1 if none, and the normal there."""
    back = wp.transform_inverse(transform)
    o = wp.transform_point(back, origin)
    d = wp.transform_vector(back, direction)
    entry = wp.float32(-1.0e9)
    leave = wp.float32(1.0e9)
    axis = wp.int32(0)
    for i in range(3):
        inverse = 1.0 / (d[i] + wp.where(wp.abs(d[i]) < 1.0e-12, 1.0e-12, 0.0))
        near = -o[i] * inverse - half[i] * wp.abs(inverse)
        far = -o[i] * inverse + half[i] * wp.abs(inverse)
        if near > entry:
            entry = near
            axis = i
        leave = wp.min(leave, far)
    normal = wp.vec3f(0.0)
    if entry > leave or entry < 0.0:
        return wp.float32(-1.0), normal
    normal[axis] = -wp.sign(d[axis])
    return entry, wp.transform_vector(transform, normal)


@wp.func
def nearest_hit(scene: Scene, world: wp.int32, origin: wp.vec3f, direction: wp.vec3f):
    """Nearest slot of `world` along a unit ray.

    Both sides of a triangle count: the makers' meshes have open seams, and Newton's culling drops a whole mesh whose
    first hit is a back face, so that the table would show through the palm.
    """
    hit = Hit()
    hit.distance = wp.static(MAX_DISTANCE_M)
    hit.slot = wp.int32(-1)
    hit.face = wp.int32(-1)
    query = wp.bvh_query_ray(scene.bvh, origin, direction, scene.group_roots[world])
    entry = wp.int32(0)
    while wp.bvh_query_next(query, entry, hit.distance):
        number = wp.int32(scene.enabled[entry])
        slot = scene.slots[number]
        distance = wp.float32(-1.0)
        normal = wp.vec3f(0.0)
        u = wp.float32(0.0)
        v = wp.float32(0.0)
        face = wp.int32(-1)
        if slot.kind == GeoType.MESH:
            distance, normal, u, v, face = raytrace._ray_intersect_mesh_smooth(
                slot.transform, slot.size, origin, direction, slot.source,
                slot.mesh, scene.mesh_data, False, hit.distance,
            )
        elif slot.kind == GeoType.BOX:
            distance, normal = intersect_box(slot.transform, slot.size, origin, direction)
        else:
            distance, normal = raycast.ray_intersect_shape(
                slot.transform, slot.size, slot.kind, origin, direction, True
            )
        if distance >= 0.0 and distance < hit.distance:
            hit.distance = distance
            hit.normal = normal
            if wp.dot(normal, direction) > 0.0:
                hit.normal = -normal
            hit.slot = number
            hit.u = u
            hit.v = v
            hit.face = face
    return hit


@wp.func
def is_blocked(scene: Scene, world: wp.int32, origin: wp.vec3f, direction: wp.vec3f):
    """Whether anything of `world` lies along a unit ray."""
    query = wp.bvh_query_ray(scene.bvh, origin, direction, scene.group_roots[world])
    entry = wp.int32(0)
    while wp.bvh_query_next(query, entry, wp.static(MAX_DISTANCE_M)):
        number = wp.int32(scene.enabled[entry])
        slot = scene.slots[number]
        distance = wp.float32(-1.0)
        if slot.kind == GeoType.MESH:
            local_origin, local_direction = raycast.map_ray_to_local(
                slot.transform, origin, direction, slot.size
            )
            distance = raycast.ray_intersect_mesh_anyhit(
                local_origin, local_direction, slot.source, wp.static(MAX_DISTANCE_M)
            )
        elif slot.kind == GeoType.BOX:
            distance, _normal = intersect_box(slot.transform, slot.size, origin, direction)
        else:
            distance, _normal = raycast.ray_intersect_shape_no_normal(
                slot.transform, slot.size, slot.kind, origin, direction, True
            )
        if distance >= 0.0:
            return True
    return False


@wp.func
def albedo(scene: Scene, hit: Hit, point: wp.vec3f):
    """Linear RGB of the surface at a hit: its colour (linear) times its texture."""
    number = hit.slot
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
def ray_direction(cameras: Cameras, world: wp.int32, x: wp.float32, y: wp.float32):
    """Unit world direction through image point (x, y) [px]."""
    f = cameras.focal_centre[world]
    local = wp.normalize(wp.vec3f((x - f[1]) / f[0], (y - f[2]) / f[0], 1.0))
    return wp.transform_vector(cameras.pose[world], local)


@wp.kernel(enable_backward=False)
def probe(
    scene: Scene, cameras: Cameras, uv: wp.array2d[wp.vec2f], out_segment: wp.array2d[wp.uint8],
    out_depth: wp.array2d[wp.float32],
):  # fmt: skip
    """What lies along the ray through each image point uv (worlds, points) [px]: segment id and depth [m], 0 if none."""
    world, point = wp.tid()
    at = uv[world, point]
    direction = ray_direction(cameras, world, at[0], at[1])
    hit = nearest_hit(scene, world, wp.transform_get_translation(cameras.pose[world]), direction)
    segment = wp.uint8(0)
    depth = wp.float32(0.0)
    if hit.slot >= 0:
        number = hit.slot
        surface = scene.slots[number]
        segment = wp.uint8(surface.segment)
        forward = wp.transform_vector(cameras.pose[world], wp.vec3f(0.0, 0.0, 1.0))
        depth = hit.distance * wp.dot(direction, forward)
    out_segment[world, point] = segment
    out_depth[world, point] = depth


def create_kernel(shadows: bool, supersampling: int) -> wp.Kernel:
    """The ray-casting kernel for one setting of shadows and `supersampling`**2 colour rays per pixel.

    Labels (segment, depth) always come from the ray through the pixel's centre.
    """
    if newton.__version__ != PINNED_NEWTON:
        raise RuntimeError(f"sim_envs/raytrace.py was written for newton {PINNED_NEWTON}, not {newton.__version__}")

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
        if wp.static(shadows):
            if is_blocked(scene, world, point + hit.normal * 1.0e-3, to_light):
                lit = 1.0 - lights.shadow[world]
        halfway = wp.normalize(to_light - direction)
        number = hit.slot
        surface = scene.slots[number]
        glint = wp.max(0.0, wp.dot(hit.normal, halfway))
        glint = glint * glint
        glint = glint * glint
        glint = glint * glint
        glint = glint * glint
        shine = surface.gloss * glint * glint
        key = lights.key_colour[world] * lit
        return wp.cw_mul(base, ambient + key * facing) + key * shine

    @wp.kernel(enable_backward=False, module="unique")
    def ray_cast(
        scene: Scene, cameras: Cameras, lights: Lights, tone: wp.array[wp.uint8], backdrop: wp.array4d[wp.uint8],
        width: wp.int32, height: wp.int32, out_rgb: wp.array4d[wp.uint8], out_segment: wp.array3d[wp.uint8],
        out_depth: wp.array3d[wp.float32],
    ):  # fmt: skip
        tid = wp.tid()
        tiles_x = (width + TILE - 1) // TILE
        per_world = tiles_x * ((height + TILE - 1) // TILE) * TILE * TILE
        world = tid // per_world
        tile = (tid % per_world) // (TILE * TILE)
        inside = tid % (TILE * TILE)
        px = (tile % tiles_x) * TILE + inside % TILE
        py = (tile // tiles_x) * TILE + inside // TILE
        if px >= width or py >= height:
            return
        origin = wp.transform_get_translation(cameras.pose[world])
        direction = ray_direction(cameras, world, wp.float32(px) + 0.5, wp.float32(py) + 0.5)
        hit = nearest_hit(scene, world, origin, direction)
        segment = wp.uint8(0)
        depth = wp.float32(0.0)
        if hit.slot >= 0:
            number = hit.slot
            surface = scene.slots[number]
            segment = wp.uint8(surface.segment)
            forward = wp.transform_vector(cameras.pose[world], wp.vec3f(0.0, 0.0, 1.0))
            depth = hit.distance * wp.dot(direction, forward)
        out_segment[world, py, px] = segment
        out_depth[world, py, px] = depth
        light = wp.vec3f(0.0)
        covered = wp.float32(0.0)
        if wp.static(supersampling == 1):
            if hit.slot >= 0:
                covered = 1.0
                light = shade(scene, lights, world, hit, origin, direction)
        else:
            for sample in range(wp.static(supersampling * supersampling)):
                x = wp.float32(px) + (wp.float32(sample % supersampling) + 0.5) * wp.static(1.0 / supersampling)
                y = wp.float32(py) + (wp.float32(sample // supersampling) + 0.5) * wp.static(1.0 / supersampling)
                way = ray_direction(cameras, world, x, y)
                sub_hit = nearest_hit(scene, world, origin, way)
                if sub_hit.slot >= 0:
                    covered += wp.static(1.0 / supersampling**2)
                    light += shade(scene, lights, world, sub_hit, origin, way) * wp.static(1.0 / supersampling**2)
        light = wp.cw_mul(light, lights.gain[world])
        for channel in range(3):
            root = wp.sqrt(light[channel]) * wp.static(0.5 * (TONE_STEPS - 1))
            value = wp.float32(tone[wp.min(wp.int32(root + 0.5), TONE_STEPS - 1)])
            if covered < 0.999 and backdrop.shape[0] > 0:
                value = value + (1.0 - covered) * wp.float32(backdrop[world, py, px, channel])
            out_rgb[world, py, px, channel] = wp.uint8(wp.min(value, 255.0))

    return ray_cast
