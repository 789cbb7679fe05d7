"""Names that several packages share: classes of segments, the default human embodiment."""

ROBOT, HUMAN, TARGET, DISTRACTOR, TABLE, ROOM = "robot", "human", "target", "distractor", "table", "room"
"""Classes of segments (`Segment.semantic`)."""
EMBODIMENTS = (ROBOT, HUMAN)
"""Classes whose pixels show the hand and arm."""
OBJECTS = (TARGET, DISTRACTOR)
"""Classes whose pixels show an object."""
HUMAN_HAND = "human_right"
"""Embodiment of human right hands from every source: simulation, HInt, COCO, annotation."""
