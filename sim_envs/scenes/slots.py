"""The slots of a world: every drawn thing owns one, and every frame re-dresses all of them.

All worlds have the same slots in the same order, so a batch of scenes is a table (worlds, slots), and what a slot is
drawn as (box or mesh, where, how large, which colour and texture) may differ in every world and every frame.
"""

from dataclasses import dataclass, field

import numpy as np

from lace.core.frames import Segment

MAX_DISTRACTORS = 6
TABLE_SLOTS, ROOM_SLOTS = 9, 52
FIRST_MARKER = 230
"""Segment id of the first marker; only self-tests draw markers."""
PARKED = (0.0, 0.0, -100.0)
"""Where an unused slot waits [m]: no camera looks there."""


@dataclass(frozen=True)
class BodyParts:
    """What a body is drawn as: named parts, each a segment; every slot and every link belongs to one."""

    semantic: str
    """Class of all its segments: "robot" or "human"."""
    names: tuple[str, ...]
    """Parts in order of their segments; those of the hand come last."""
    hand: int
    """How many of the last parts are the hand's."""
    of_slot: tuple[str, ...]
    """Part of each of the body's slots."""
    of_link: dict[str, str]


@dataclass(frozen=True)
class SlotLayout:
    """Which slots a world has and which segment each belongs to."""

    body: slice
    target: int
    distractors: slice
    table: slice
    room: slice
    markers: slice
    count: int
    segment_of_slot: np.ndarray
    """(count,) uint8."""
    segments: tuple[Segment, ...]
    hand_ids: tuple[int, int]
    """First and last segment id of the hand's parts (contiguous)."""
    body_ids: tuple[int, int]
    target_id: int
    link_segment: dict[str, int] = field(default_factory=dict)


def layout_for(parts: BodyParts, keypoint_count: int) -> SlotLayout:
    """Slots for a body: its parts, the target, distractors, the table, the room, and markers for self-tests."""
    kind = parts.semantic
    segments = [Segment(i + 1, f"{kind}/{name}", kind, kind) for i, name in enumerate(parts.names)]
    part_segment = {name: i + 1 for i, name in enumerate(parts.names)}
    last = len(segments)
    target_id = last + 1
    segments.append(Segment(target_id, "target", "target", "target"))
    for d in range(MAX_DISTRACTORS):
        segments.append(Segment(target_id + 1 + d, f"distractor_{d}", "distractor", f"distractor_{d}"))
    table_id = target_id + 1 + MAX_DISTRACTORS
    segments += [Segment(table_id, "table", "table", "table"), Segment(table_id + 1, "room", "room", "room")]
    widths = [len(parts.of_slot), 1, MAX_DISTRACTORS, TABLE_SLOTS, ROOM_SLOTS, keypoint_count]
    edges = np.concatenate([[0], np.cumsum(widths)])
    ids = np.concatenate(
        [
            [part_segment[part] for part in parts.of_slot],
            [target_id],
            target_id + 1 + np.arange(MAX_DISTRACTORS),
            np.full(TABLE_SLOTS, table_id),
            np.full(ROOM_SLOTS, table_id + 1),
            FIRST_MARKER + np.arange(keypoint_count),
        ]
    )
    spans = [slice(int(a), int(b)) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return SlotLayout(
        body=spans[0],
        target=int(edges[1]),
        distractors=spans[2],
        table=spans[3],
        room=spans[4],
        markers=spans[5],
        count=int(edges[-1]),
        segment_of_slot=ids.astype(np.uint8),
        segments=tuple(segments),
        hand_ids=(last - parts.hand + 1, last),
        body_ids=(1, last),
        target_id=target_id,
        link_segment={link: part_segment[part] for link, part in parts.of_link.items()},
    )


@dataclass
class SlotTable:
    """What every slot is drawn as, for a batch of worlds. Arrays are (worlds, slots, ...)."""

    source: np.ndarray
    """int32: -1 box, -2 cylinder, -3 sphere, otherwise the number of a mesh in the library."""
    T: np.ndarray
    """(..., 4, 4) T_world_slot, rotation and translation only."""
    scale: np.ndarray
    """(..., 3): half extents of a box; radius, half height of a cylinder; radius of a sphere; factor of a mesh."""
    colour: np.ndarray
    """(..., 3) sRGB in [0, 1]."""
    texture: np.ndarray
    """int32: number in the library's texture bank, -1 for none."""
    gloss: np.ndarray
    """Strength of the highlight in [0, 1]."""


def empty_table(worlds: int, slots: int) -> SlotTable:
    """All slots parked: millimetre boxes far below the floor."""
    T = np.tile(np.eye(4), (worlds, slots, 1, 1))
    T[..., :3, 3] = PARKED
    return SlotTable(
        source=np.full((worlds, slots), -1, np.int32),
        T=T,
        scale=np.full((worlds, slots, 3), 1e-3),
        colour=np.ones((worlds, slots, 3)),
        texture=np.full((worlds, slots), -1, np.int32),
        gloss=np.zeros((worlds, slots)),
    )
