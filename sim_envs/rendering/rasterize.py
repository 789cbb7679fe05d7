"""Rasteriser: the nearest surface at every sample point, for all worlds of a batch.

Triangles are tested in homogeneous form (Olano and Greer, 1997): the three edge functions of a triangle are linear in
the direction of the ray through a sample, so no clipping is needed and triangles may reach behind the camera. The
nearest surface is the one with the largest 64-bit key (inverse depth, slot, face), in any order of threads.
Boxes are drawn as their triangles seen from outside, cylinders and spheres by a ray per sample inside their bounds.
"""

import numpy as np
import warp as wp
from newton import GeoType

from sim_envs.rendering.raytrace import MAX_DISTANCE_M, Cameras, Slot, intersect_round, ray_through
from sim_envs.rendering.samples import Grid, first_u, row_v, rows_of, span_of

FACE_BITS = 20
"""Low bits of a key that hold the face: a million triangles a mesh, 4096 slots a world."""
NOTHING = 0
"""Key where nothing was drawn: infinitely far away."""
CHUNK = 64
"""Triangles per thread."""
NEAR_M = 1e-3
"""Triangles reaching nearer to the camera plane than this have their screen bounds taken from where they cross it."""
SLACK = 1e-4
"""Share of a triangle's size by which it is drawn larger, so that rounding leaves no cracks between neighbours."""
BOX_FACES = 12


@wp.struct
class Item:
    """Work of one thread: `count` faces of a slot from `first` on."""

    slot: wp.int32
    first: wp.int32
    count: wp.int32


@wp.struct
class Placement:
    """Where a slot is in its world's camera frame."""

    rotation: wp.mat33f
    """Times the mesh's scale."""
    translation: wp.vec3f
    radius: wp.float32
    """Of the bounding sphere [m]; 0 where the slot is out of view."""
    centre: wp.vec3f


def work_items(source: np.ndarray, parked: np.ndarray, face_count: np.ndarray) -> np.ndarray:
    """Items of all slots that are not parked, world by world.

    Args:
        source: (worlds, slots) mesh numbers, negative for primitives (see SlotTable).
        parked: (worlds, slots) bool.
        face_count: (meshes,) triangles of each mesh.
    """
    flat = source.ravel()
    faces = np.where(flat >= 0, face_count[np.maximum(flat, 0)], BOX_FACES)
    chunks = np.where(parked.ravel(), 0, -(-faces // CHUNK))
    slot = np.repeat(np.arange(len(flat)), chunks)
    first = (np.arange(len(slot)) - np.repeat(np.cumsum(chunks) - chunks, chunks)) * CHUNK
    items = np.zeros(len(slot), Item.numpy_dtype())
    items["slot"], items["first"] = slot, first
    items["count"] = np.minimum(CHUNK, faces[slot] - first)
    return items


@wp.func
def bounding_sphere(slot: Slot, low: wp.vec3f, high: wp.vec3f):
    """Centre in the slot's frame and radius [m]; low and high bound a mesh before its scale."""
    if slot.kind == GeoType.MESH:
        centre = wp.cw_mul(slot.size, 0.5 * (low + high))
        return centre, wp.length(wp.cw_mul(slot.size, 0.5 * (high - low)))
    if slot.kind == GeoType.BOX:
        return wp.vec3f(0.0), wp.length(slot.size)
    if slot.kind == GeoType.CYLINDER:
        return wp.vec3f(0.0), wp.sqrt(slot.size[0] * slot.size[0] + slot.size[1] * slot.size[1])
    return wp.vec3f(0.0), slot.size[0]


@wp.func
def is_in_view(centre: wp.vec3f, radius: wp.float32, lens: wp.vec3f, width: wp.float32, height: wp.float32):
    """Whether a sphere in the camera frame may reach into the image; lens is (focal, cx, cy) [px]."""
    if centre[2] < -radius:
        return False
    left = wp.normalize(wp.vec3f(lens[0], 0.0, lens[1]))
    right = wp.normalize(wp.vec3f(-lens[0], 0.0, width - lens[1]))
    top = wp.normalize(wp.vec3f(0.0, lens[0], lens[2]))
    bottom = wp.normalize(wp.vec3f(0.0, -lens[0], height - lens[2]))
    inside = wp.min(
        wp.min(wp.dot(left, centre), wp.dot(right, centre)), wp.min(wp.dot(top, centre), wp.dot(bottom, centre))
    )
    return inside >= -radius


@wp.kernel(enable_backward=False)
def compute_placements(
    slots: wp.array[Slot],
    bounds: wp.array2d[wp.vec3f],
    cameras: Cameras,
    slots_per_world: wp.int32,
    width: wp.float32,
    height: wp.float32,
    out: wp.array[Placement],
):
    """Transforms every slot into its camera's frame and marks those out of view; width and height in pixels."""
    number = wp.tid()
    slot = slots[number]
    world = number // slots_per_world
    to_camera = wp.transform_multiply(wp.transform_inverse(cameras.pose[world]), slot.transform)
    placed = Placement()
    scale = wp.vec3f(1.0)
    if slot.kind == GeoType.MESH:
        scale = slot.size
    placed.rotation = wp.quat_to_matrix(wp.transform_get_rotation(to_camera)) @ wp.diag(scale)
    placed.translation = wp.transform_get_translation(to_camera)
    centre, radius = bounding_sphere(slot, bounds[number, 0], bounds[number, 1])
    placed.centre = wp.transform_point(to_camera, centre)
    if is_in_view(placed.centre, radius, cameras.focal_centre[world], width, height):
        placed.radius = radius
    out[number] = placed


@wp.func
def box_corner(half: wp.vec3f, number: wp.int32):
    """Corner 0 to 7 of a box: bit i of the number is the side of axis i."""
    x = wp.where((number & 1) > 0, half[0], -half[0])
    y = wp.where((number & 2) > 0, half[1], -half[1])
    z = wp.where((number & 4) > 0, half[2], -half[2])
    return wp.vec3f(x, y, z)


@wp.func
def box_triangle(half: wp.vec3f, face: wp.int32):
    """Corners and outward axis of triangle 0 to 11 of a box: sides -x, +x, -y, +y, -z, +z, two triangles each."""
    side = face // 2
    axis = side // 2
    first = wp.where(side % 2 == 1, 1 << axis, 0)
    along = 1 << ((axis + 1) % 3)
    across = 1 << ((axis + 2) % 3)
    normal = wp.vec3f(0.0)
    normal[axis] = wp.where(side % 2 == 1, 1.0, -1.0)
    second = wp.where(face % 2 == 0, first + along, first + across)
    return box_corner(half, first), box_corner(half, second), box_corner(half, first + along + across), normal


@wp.struct
class Edges:
    """Planes through the camera and a triangle's edges: weights of corners b and c, and their sum, by ray direction."""

    b: wp.vec3f
    c: wp.vec3f
    total: wp.vec3f
    volume: wp.float32


@wp.func
def edges_of(a: wp.vec3f, b: wp.vec3f, c: wp.vec3f):
    """Edge planes of a triangle in the camera frame, turned so that the triangle is seen from its front.

    Differences are taken before products; otherwise rounding errors dominate the planes of small triangles.
    """
    edges = Edges()
    edges.b = wp.cross(c - a, a)
    edges.c = wp.cross(a, b - a)
    edges.total = wp.cross(b - a, c - a)
    edges.volume = wp.dot(a, edges.total)
    if edges.volume < 0.0:
        edges.b = -edges.b
        edges.c = -edges.c
        edges.total = -edges.total
        edges.volume = -edges.volume
    return edges


@wp.func
def extend(bounds: wp.vec4f, point: wp.vec3f, lens: wp.vec3f):
    """Bounds (u0, v0, u1, v1) [px] grown to hold the projection of a point in front of the camera."""
    u = lens[0] * point[0] / point[2] + lens[1]
    v = lens[0] * point[1] / point[2] + lens[2]
    return wp.vec4f(wp.min(bounds[0], u), wp.min(bounds[1], v), wp.max(bounds[2], u), wp.max(bounds[3], v))


@wp.func
def extend_by_edge(bounds: wp.vec4f, p: wp.vec3f, q: wp.vec3f, lens: wp.vec3f):
    """Bounds grown by p, if it is in front of the near plane, and by where the edge pq crosses that plane."""
    grown = bounds
    if p[2] >= NEAR_M:
        grown = extend(grown, p, lens)
    if (p[2] >= NEAR_M) != (q[2] >= NEAR_M):
        grown = extend(grown, p + (q - p) * ((NEAR_M - p[2]) / (q[2] - p[2])), lens)
    return grown


@wp.func
def draw_triangle(a: wp.vec3f, b: wp.vec3f, c: wp.vec3f, code: wp.uint64, grid: Grid):
    """Updates the key of every sample that a triangle in the camera frame covers."""
    lens = grid.lens
    bounds = wp.vec4f(1.0e9, 1.0e9, -1.0e9, -1.0e9)
    bounds = extend_by_edge(bounds, a, b, lens)
    bounds = extend_by_edge(bounds, b, c, lens)
    bounds = extend_by_edge(bounds, c, a, lens)
    y0, y1 = rows_of(grid, bounds)
    if y0 > y1:
        return
    edges = edges_of(a, b, c)
    if edges.volume <= 0.0:
        return
    widen = SLACK * edges.total
    side_b = edges.b + widen
    side_c = edges.c + widen
    side_a = edges.total - edges.b - edges.c + widen
    inverse = edges.total / edges.volume
    step = 1.0 / lens[0]
    for y in range(y0, y1 + 1):
        dy = (row_v(grid, y) - lens[2]) * step
        span = wp.vec2f((bounds[0] - lens[1]) * step, (bounds[2] - lens[1]) * step)
        span = cut(span, side_a[0], side_a[1] * dy + side_a[2])
        span = cut(span, side_b[0], side_b[1] * dy + side_b[2])
        span = cut(span, side_c[0], side_c[1] * dy + side_c[2])
        if span[0] <= span[1]:
            row = inverse[1] * dy + inverse[2]
            start = first_u(grid, y)
            origin = (start - lens[1]) * step
            x0, x1 = span_of(span[0] * lens[0] + lens[1], span[1] * lens[0] + lens[1], start, 1.0, grid.keys.shape[2])
            for x in range(x0, x1 + 1):
                offer(inverse[0] * (origin + wp.float32(x) * step) + row, code, grid, y, x)


@wp.func
def cut(span: wp.vec2f, slope: wp.float32, offset: wp.float32):
    """The part of a span of x in which slope * x + offset >= 0; first > last where there is none."""
    low = span[0]
    high = span[1]
    if slope > 0.0:
        low = wp.max(low, -offset / slope)
    elif slope < 0.0:
        high = wp.min(high, -offset / slope)
    elif offset < 0.0:
        high = low - 1.0
    return wp.vec2f(low, high)


@wp.func
def offer(inverse: wp.float32, code: wp.uint64, grid: Grid, y: wp.int32, x: wp.int32):
    """Keeps a surface of this inverse depth [1/m] if it is the nearest so far."""
    key = (wp.uint64(wp.cast(inverse, wp.uint32)) << wp.uint64(32)) | code
    if inverse > 0.0 and key > grid.keys[grid.world, y, x]:
        wp.atomic_max(grid.keys, grid.world, y, x, key)


@wp.func
def draw_mesh(
    item: Item,
    slot: Slot,
    placed: Placement,
    code: wp.uint64,
    grid: Grid,
):
    """Draws the item's triangles of a mesh."""
    mesh = wp.mesh_get(slot.source)
    for face in range(item.first, item.first + item.count):
        first = 3 * (slot.first_face + face)
        a = placed.rotation @ mesh.points[mesh.indices[first]] + placed.translation
        b = placed.rotation @ mesh.points[mesh.indices[first + 1]] + placed.translation
        c = placed.rotation @ mesh.points[mesh.indices[first + 2]] + placed.translation
        draw_triangle(a, b, c, code | wp.uint64(face), grid)


@wp.func
def draw_box(
    half: wp.vec3f,
    placed: Placement,
    code: wp.uint64,
    grid: Grid,
):
    """Draws all triangles of a box."""
    for face in range(BOX_FACES):
        a, b, c, normal = box_triangle(half, face)
        a = placed.rotation @ a + placed.translation
        if wp.dot(placed.rotation @ normal, a) < 0.0:
            b = placed.rotation @ b + placed.translation
            c = placed.rotation @ c + placed.translation
            draw_triangle(a, b, c, code | wp.uint64(face), grid)


@wp.func
def draw_round(slot: Slot, placed: Placement, code: wp.uint64, pose: wp.transformf, grid: Grid):
    """A cylinder or sphere, by a ray through each sample in its screen bounds; `pose` is the camera's."""
    lens = grid.lens
    bounds = wp.vec4f(-1.0e9, -1.0e9, 1.0e9, 1.0e9)
    front = placed.centre[2] - placed.radius
    if front > NEAR_M:
        reach = lens[0] * placed.radius / front
        middle = wp.vec2f(lens[0] * placed.centre[0], lens[0] * placed.centre[1]) / placed.centre[2]
        # The middle's projection times centre/front bounds the sphere's from outside.
        spread = reach + wp.length(middle) * (placed.centre[2] / front - 1.0)
        u = middle[0] + lens[1]
        v = middle[1] + lens[2]
        bounds = wp.vec4f(u - spread, v - spread, u + spread, v + spread)
    y0, y1 = rows_of(grid, bounds)
    origin = wp.transform_get_translation(pose)
    for y in range(y0, y1 + 1):
        start = first_u(grid, y)
        x0, x1 = span_of(bounds[0], bounds[2], start, 1.0, grid.keys.shape[2])
        for x in range(x0, x1 + 1):
            u = wp.float32(x) + start
            local = ray_through(lens, u, row_v(grid, y))
            direction = wp.transform_vector(pose, wp.normalize(local))
            distance, _normal = intersect_round(slot, origin, direction)
            if distance > 0.0 and distance < MAX_DISTANCE_M:
                offer(wp.length(local) / distance, code, grid, y, x)


@wp.kernel(enable_backward=False)
def rasterize(
    slots: wp.array[Slot],
    placements: wp.array[Placement],
    items: wp.array[Item],
    cameras: Cameras,
    slots_per_world: wp.int32,
    corners: wp.bool,
    keys: wp.array3d[wp.uint64],
):
    """Draws items into keys (worlds, rows, columns), all NOTHING before, see `grid_shape`."""
    item = items[wp.tid()]
    number = wp.int32(item.slot)  # Warp cannot index an array by a member of a struct
    placed = placements[number]
    world = number // slots_per_world
    if placed.radius <= 0.0 or world >= keys.shape[0]:
        return
    slot = slots[number]
    grid = Grid()
    grid.keys = keys
    grid.world = world
    grid.lens = cameras.focal_centre[world]
    grid.corners = corners
    code = wp.uint64(number % slots_per_world) << wp.uint64(FACE_BITS)
    if slot.kind == GeoType.MESH:
        draw_mesh(item, slot, placed, code, grid)
    elif slot.kind == GeoType.BOX:
        draw_box(slot.size, placed, code, grid)
    else:
        draw_round(slot, placed, code, cameras.pose[world], grid)
