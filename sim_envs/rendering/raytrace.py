"""Ray casting through the slots of a world with Newton's intersections: for shadows, keypoints and tests.

This is the only file that uses the private parts of Newton's ray tracer. `tests/sim_envs/frames/test_labels.py`
compares with the public renderer and fails when the pinned version changes. Camera axes are OpenCV, pixel centres at
half-integers.
"""

import sim_envs.rendering.newton_start  # noqa: F401  # isort: skip  (before Newton)

import newton
import warp as wp
from newton import GeoType
from newton._src.geometry import raycast
from newton._src.sensors.warp_raytrace.types import MeshData

from sim_envs.rendering.texels import Texel, TextureRow

PINNED_NEWTON = "1.6.1"
if newton.__version__ != PINNED_NEWTON:
    raise RuntimeError(
        f"sim_envs/rendering/raytrace.py was written for newton {PINNED_NEWTON}, not {newton.__version__}"
    )
MAX_DISTANCE_M = 60.0


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
    first_face: wp.int32
    """Of the mesh's faces, where the slot shows a part of it."""
    root: wp.int32
    """Of the mesh's bounding volumes, where rays enter them."""
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
def intersect_round(slot: Slot, origin: wp.vec3f, direction: wp.vec3f):
    """Entry distance of a unit ray into a cylinder or sphere, -1 if none, and the normal there."""
    return raycast.ray_intersect_shape(slot.transform, slot.size, slot.kind, origin, direction, True)


@wp.func
def intersect_mesh(slot: Slot, origin: wp.vec3f, direction: wp.vec3f, limit: wp.float32):
    """Distance of a unit ray to a mesh slot, -1 if not below `limit`; normal, barycentric (u, v) and face there."""
    local_origin, local_direction = raycast.map_ray_to_local(slot.transform, origin, direction, slot.size)
    distance, normal, u, v, face = raycast.ray_intersect_mesh(
        local_origin, local_direction, slot.size, slot.source, False, limit, slot.root
    )
    return distance, wp.transform_vector(slot.transform, normal), u, v, face


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
            distance, normal, u, v, face = intersect_mesh(slot, origin, direction, hit.distance)
        elif slot.kind == GeoType.BOX:
            distance, normal = intersect_box(slot.transform, slot.size, origin, direction)
        else:
            distance, normal = intersect_round(slot, origin, direction)
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
            local_origin, local_direction = raycast.map_ray_to_local(slot.transform, origin, direction, slot.size)
            distance = raycast.ray_intersect_mesh_anyhit(
                local_origin, local_direction, slot.source, wp.static(MAX_DISTANCE_M), slot.root
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
def ray_through(lens: wp.vec3f, u: wp.float32, v: wp.float32):
    """Direction in the camera frame, z = 1, through image point (u, v) [px]; lens is (focal, cx, cy) [px]."""
    return wp.vec3f((u - lens[1]) / lens[0], (v - lens[2]) / lens[0], 1.0)


@wp.kernel(enable_backward=False)
def probe(
    scene: Scene,
    cameras: Cameras,
    uv: wp.array2d[wp.vec2f],
    out_segment: wp.array2d[wp.uint8],
    out_depth: wp.array2d[wp.float32],
):
    """Segment id and depth [m] along the ray through each image point uv (worlds, points) [px], 0 if none."""
    world, point = wp.tid()
    at = uv[world, point]
    local = ray_through(cameras.focal_centre[world], at[0], at[1])
    direction = wp.transform_vector(cameras.pose[world], wp.normalize(local))
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
