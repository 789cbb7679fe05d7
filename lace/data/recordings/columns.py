"""Joint names of recordings of other programs, mapped to the robot's."""

from collections.abc import Mapping, Sequence

from lace.core.errors import InvalidValueError


def parse_joints(pairs: Sequence[str]) -> dict[str, str]:
    """{their name: ours} of "THEIRS=ours" texts; InvalidValueError for anything else or a name given twice."""
    names: dict[str, str] = {}
    for pair in pairs:
        theirs, equals, ours = pair.rpartition("=")
        if not equals or not theirs or theirs in names or ours in names.values():
            raise InvalidValueError(
                "reading --joint",
                repr(pair),
                "THEIRS=ours, each name once",
                "write for instance --joint xarm_j1=joint1",
            )
        names[theirs] = ours
    return names


def renamed(names: Sequence[str], mapping: Mapping[str, str]) -> tuple[str, ...]:
    """Names with those of `mapping` replaced; InvalidValueError where it names one that is not there."""
    unknown = [theirs for theirs in mapping if theirs not in names]
    if unknown:
        raise InvalidValueError(
            "reading --joint",
            f"no joint {unknown[0]!r} in the recording",
            f"one of {', '.join(names)}",
            "correct the name",
        )
    return tuple(mapping.get(name, name) for name in names)
