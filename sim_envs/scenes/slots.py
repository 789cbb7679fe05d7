"""Which slots of a world show which part of a scene, and which segment each slot belongs to."""

from dataclasses import dataclass, field

import numpy as np

from lace.core.frames import Segment
from lace.core.semantics import DISTRACTOR, ROOM, TABLE, TARGET
from sim_envs.config.axes import MAX_DISTRACTORS

TABLE_SLOTS, ROOM_SLOTS = 9, 52
FIRST_MARKER = 230
"""Segment id of the first marker; only self-tests draw markers."""


@dataclass(frozen=True)
class BodyParts:
    """What a body is drawn as: named parts, each a segment; every slot and every link belongs to one."""

    semantic: str
    """Class of all its segments: ROBOT or HUMAN of `lace.core.semantics`."""
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
    segments.append(Segment(target_id, TARGET, TARGET, TARGET))
    for d in range(MAX_DISTRACTORS):
        segments.append(Segment(target_id + 1 + d, f"{DISTRACTOR}_{d}", DISTRACTOR, f"{DISTRACTOR}_{d}"))
    table_id = target_id + 1 + MAX_DISTRACTORS
    segments += [Segment(table_id, TABLE, TABLE, TABLE), Segment(table_id + 1, ROOM, ROOM, ROOM)]
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
