"""The surfaces that samples see: from the rasteriser's keys to points, normals, and edges between surfaces."""

import warp as wp
from newton import GeoType

from sim_envs.rendering.rasterize import FACE_BITS, NOTHING, Placement, box_triangle, edges_of
from sim_envs.rendering.raytrace import Cameras, Hit, Scene, intersect_round, ray_through
from sim_envs.rendering.samples import centre_row, place_of

EDGE = 0.02
"""Share by which 1 / depth differs inside a pixel that sees an edge of one body."""


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
def hit_at_centre(
    scene: Scene,
    placements: wp.array[Placement],
    key: wp.uint64,
    first_slot: wp.int32,
    cameras: Cameras,
    world: wp.int32,
    y: wp.int32,
    x: wp.int32,
):
    """Hit of the surface of a key by the ray through a pixel's centre; that ray's origin and direction (world)."""
    local = ray_through(cameras.focal_centre[world], wp.float32(x) + 0.5, wp.float32(y) + 0.5)
    origin = wp.transform_get_translation(cameras.pose[world])
    direction = wp.transform_vector(cameras.pose[world], wp.normalize(local))
    return hit_of(scene, placements, key, first_slot, local, origin, direction), origin, direction


@wp.func
def is_same_surface(scene: Scene, first_slot: wp.int32, key: wp.uint64, other: wp.uint64):
    """Whether two samples of a pixel see the same slot at about one depth, of a box the same side."""
    code = wp.int32(key & wp.uint64(0xFFFFFFFF))
    bits = wp.int32(FACE_BITS)
    if key != wp.uint64(NOTHING) and scene.slots[first_slot + (code >> FACE_BITS)].kind == GeoType.BOX:
        bits = wp.int32(1)  # a side has two faces
    nearness = wp.cast(wp.uint32(key >> wp.uint64(32)), wp.float32)
    gap = wp.abs(wp.cast(wp.uint32(other >> wp.uint64(32)), wp.float32) - nearness)
    return (wp.int32(other & wp.uint64(0xFFFFFFFF)) >> bits) == (code >> bits) and gap <= wp.static(EDGE) * nearness


@wp.func
def is_edge(scene: Scene, first_slot: wp.int32, keys: wp.array3d[wp.uint64], world: wp.int32, y: wp.int32, x: wp.int32):
    """Whether a corner of a pixel sees another surface than its centre."""
    centre = keys[world, centre_row(y, True), x]
    same = wp.int32(0)
    for sample in range(1, 5):
        row, column, _u, _v = place_of(sample, y, x, True)
        if is_same_surface(scene, first_slot, centre, keys[world, row, column]):
            same += 1
    return same < 4
