"""The project's code rules, checked on the syntax trees of all our files; each check is first tested on a bad case."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("lace", "assets", "policies", "sim_envs", "real_bridge")
FOLDERS = (*PACKAGES, "tests", "benchmarks", "tools")
FILES = sorted(path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS, MAX_NESTING = 400, 60, 8, 4
EXCEPTIONS: dict[str, str] = {
    "sim_envs/rendering/shading.py:create_kernel": "holds a Warp kernel, which closes over its settings",
    "sim_envs/rendering/shading.py:colour": "a Warp kernel: its parameters are the arrays of its launch",
}
""""file.py", "file.py:function" -> why it may be larger than the rest."""


def _floors(package: str, below: tuple[str, ...], order: tuple[str, ...], top: tuple[str, ...]) -> dict:
    """Each sub-package in `order` may import itself and those before it; each on `top` itself and all of `order`."""
    names = [f"{package}.{name}" for name in order]
    floors = {name: (*below, *names[: i + 1]) for i, name in enumerate(names)}
    return floors | {f"{package}.{name}": (*below, *names, f"{package}.{name}") for name in top}


_LEARNING = ("core", "data", "backbones", "reports", "alignment", "measure", "tables")
_SIMULATION = ("config", "rendering", "scenes", "bodies", "frames", "physics", "trials")
FLOORS = {
    **_floors("lace", (), _LEARNING, ()),
    "lace.cli": ("lace.core", "lace.data", "lace.cli"),
    "lace": ("lace",),
    "assets": ("lace.core", "assets"),
    "policies": ("lace", "policies"),
    **_floors("sim_envs", ("lace", "assets", "policies"), _SIMULATION, ("simulate", "rollouts", "grasp_env")),
    "sim_envs": ("lace", "assets", "policies", "sim_envs"),
    "real_bridge": ("lace", "assets", "policies", "real_bridge"),
    "real_bridge.emulator": (
        "lace",
        "assets",
        "policies",
        "sim_envs",
        "real_bridge",
    ),  # the emulator runs a simulated cell
}
"""Our packages that each package may import; the longest matching name applies. Tests and benchmarks may import all."""
LAZY_TOP = "lace/cli/"
"""The command line may import every package, but those not listed for it only inside functions."""

HEAVY = {
    r"isaaclab\w*": {"sim_envs/rendering/renderer.py", "sim_envs/physics/isaac/physics.py"},
    r"mujoco_usd_converter": set(),  # runs in a separate process
    r"pxr": set(),
    r"timm": {"lace/backbones/efficientnet_lite.py"},
    r"coacd": {"assets/objects/decomposition.py"},
    r"transformers": {
        "lace/backbones/families.py",
        "lace/data/imports/detectors.py",
        "policies/detr/model.py",
    },  # features; what photographs show; DETR's transformer
    r"onnxruntime": {"policies/export.py"},
    r"ai_edge_litert": {"lace/data/hands/detector.py"},
    r"ray": {"lace/core/ray_pool.py"},
    r"rerun": {"lace/data/rerun_view.py"},
    r"xarm": {"real_bridge/xarm/driver.py"},
    r"dynamixel_sdk": {"real_bridge/leap_hand/serial_client.py", "real_bridge/leap_hand/serial_port.py"},
    r"pyrealsense2": {"real_bridge/cameras/realsense.py"},
    r"lerobot": {
        "lace/data/imports/lerobot.py",
        "lace/data/recordings/lerobot.py",
        "sim_envs/rollouts/lerobot_files.py",
    },
    r"avp_stream|dex_retargeting": {"real_bridge/record/vision_pro.py"},
    r"mcap\w*": {"lace/data/recordings/mcap.py"},
    r"newton\._src": {
        "sim_envs/rendering/raytrace.py",
        "sim_envs/rendering/renderer.py",
        "sim_envs/rendering/texels.py",
    },
}
"""Pattern of a module -> the files that may import it: slow to import, or private to a pinned version."""

FORBIDDEN_TEXT = {
    "registry host": re.compile(r"\bpypi\.\w|python" + r"hosted|\bdownload\.py" + r"torch"),
    "machine path": re.compile(r"(?<![\w.~*}\])-])/(root|work|home/\w+|Users/\w+)/"),
}

Detector = Callable[[str, ast.Module], Iterator[str]]
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


def _functions(tree: ast.Module) -> Iterator[_Function]:
    return (node for node in ast.walk(tree) if isinstance(node, _Function))


def _lines(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1


def _nesting(node: ast.AST) -> int:
    """Nesting depth of blocks below `node`; an elif is as deep as its if, an inner function starts from zero."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_Function.__args__, ast.ClassDef, ast.Lambda)):
            continue
        is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        deepest = max(deepest, _nesting(child) + (isinstance(child, _BLOCKS) and not is_elif))
    return deepest


def long_files(file: str, tree: ast.Module) -> Iterator[str]:
    last = max((node.end_lineno for node in tree.body), default=0)
    if last > MAX_FILE_LINES and file not in EXCEPTIONS:
        yield f"{file} has {last} lines, {MAX_FILE_LINES} are allowed"


def large_functions(file: str, tree: ast.Module) -> Iterator[str]:
    for function in _functions(tree):
        if f"{file}:{function.name}" in EXCEPTIONS:
            continue
        arguments = function.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        parameters = len([name for name in names if name not in ("self", "cls")])
        for what, size, limit in (
            ("lines", _lines(function), MAX_FUNCTION_LINES),
            ("parameters", parameters, MAX_PARAMETERS),
            ("nested blocks", _nesting(function), MAX_NESTING),
        ):
            if size > limit:
                yield f"{file}:{function.lineno} {function.name} has {size} {what}, {limit} are allowed"


def _imports(file: str, tree: ast.AST, lazily: bool = True) -> Iterator[tuple[int, str]]:
    """(line, full dotted name) of everything imported; `lazily` False leaves out what functions import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = file.removesuffix(".py").split("/")[: -node.level] if node.level else []
            module = ".".join([*package, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif lazily or not isinstance(node, _Function):
            yield from _imports(file, node, lazily)


def _under(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def upward_imports(file: str, tree: ast.Module) -> Iterator[str]:
    module = file.removesuffix(".py").replace("/", ".")
    floors = [floor for floor in FLOORS if _under(module, (floor,))]
    if not floors:
        return
    allowed = FLOORS[max(floors, key=len)]
    for line, name in _imports(file, tree, lazily=not file.startswith(LAZY_TOP)):
        if _under(name, FOLDERS) and not _under(name, allowed):
            yield f"{file}:{line} imports {name}; of ours it may import {', '.join(allowed)}"


def stray_heavy_imports(file: str, tree: ast.Module) -> Iterator[str]:
    if not _under(file.replace("/", "."), PACKAGES):
        return
    for line, name in _imports(file, tree):
        for pattern, homes in HEAVY.items():
            if re.match(rf"{pattern}(\.|$)", name) and file not in homes:
                yield f"{file}:{line} imports {name}; only {', '.join(sorted(homes)) or 'no file'} may"


def bare_excepts(file: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{file}:{node.lineno} catches everything; name the exceptions"


def catch_all_names(file: str, _tree: ast.Module) -> Iterator[str]:
    if any(re.fullmatch(r"_?utils?|.*_utils?", part) for part in file.removesuffix(".py").split("/")):
        yield f"{file} is named after nothing; name it after its concept"


def forbidden_text(file: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FORBIDDEN_TEXT.items():
            if found := pattern.search(line):
                yield f"{file}:{number} names a {what}: {found.group()}"


def import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Module -> the modules of `sources` (file -> text) that it imports anywhere, for type checking too."""
    modules = {file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): file for file in sources}

    def module_of(name: str) -> str | None:
        return next((known for known in (name, name.rpartition(".")[0]) if known in modules), None)

    graph = {}
    for module, file in modules.items():
        found = {module_of(name) for _line, name in _imports(file, ast.parse(sources[file]))}
        graph[module] = {name for name in found if name is not None} - {module}
    return graph


def import_circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one import circle in order, the first repeated at the end; [] if there is none."""
    done: set[str] = set()

    def search(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for imported in sorted(graph[module]):
            if circle := search(imported, [*path, module]):
                return circle
        done.add(module)
        return []

    return next((circle for module in sorted(graph) if (circle := search(module, []))), [])


DETECTORS: tuple[Detector, ...] = (
    long_files,
    large_functions,
    upward_imports,
    stray_heavy_imports,
    bare_excepts,
    catch_all_names,
)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.__name__)
def test_our_files_keep_the_rule(detector):
    problems = [
        problem for file in FILES for problem in detector(file, ast.parse((ROOT / file).read_text(encoding="utf-8")))
    ]
    assert not problems, "\n" + "\n".join(problems)


def test_no_import_circle():
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file in FILES if file.startswith(PACKAGES)}
    circle = import_circle(import_graph(sources))
    assert not circle, " -> ".join(circle)


@pytest.mark.parametrize(
    ("second", "circle"),
    [
        ("from lace.a import x", ["lace.a", "lace.b", "lace.a"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lace.a", ["lace.a", "lace.b", "lace.a"]),
        ("def f():\n    from lace import a", ["lace.a", "lace.b", "lace.a"]),
        ("from lace.c import x", []),
    ],
)
def test_circle_detector(second, circle):
    sources = {"lace/__init__.py": "", "lace/a.py": "import lace.b", "lace/b.py": second, "lace/c.py": ""}
    assert import_circle(import_graph(sources)) == circle


def test_files_are_found():
    assert {"lace/cli/main.py", "lace/core/cache.py", "sim_envs/rendering/renderer.py", "tests/test_house.py"} <= set(
        FILES
    )


def test_exceptions_exist_and_have_a_reason():
    for name, reason in EXCEPTIONS.items():
        assert name.split(":")[0] in FILES, f"{name} is gone; take it off the list"
        assert len(reason) > 20, f"{name} needs a reason"


def test_heavy_homes_exist():
    assert not {home for homes in HEAVY.values() for home in homes} - set(FILES)


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """Files that are, or would be, committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files are tracked")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def test_no_machine_or_registry_in_tracked_text(tracked):
    problems = []
    for file in tracked:
        content = (ROOT / file).read_bytes() if (ROOT / file).is_file() else b""
        if b"\0" not in content:
            problems += forbidden_text(file, content.decode("utf-8"))
    assert not problems, "\n" + "\n".join(problems)


def test_what_a_command_draws_is_not_committed_beside_the_packages(tracked):
    drawn = (".png", ".jpg", ".jpeg", ".mp4", ".npz", ".onnx", ".safetensors", ".html")
    assert not [file for file in tracked if "/" not in file and file.endswith(drawn) and (ROOT / file).is_file()]


def _blocks(depth: int) -> str:
    return "def f():\n" + "".join(f"{'    ' * (i + 1)}if x:\n" for i in range(depth)) + "    " * (depth + 1) + "pass\n"


BAD = {
    "long file": (long_files, "lace/a.py", "x = 1\n" * 401, "401 lines"),
    "long function": (large_functions, "lace/a.py", "def f():\n" + "    x = 1\n" * 60, "61 lines"),
    "nine parameters": (large_functions, "lace/a.py", "def f(a, b, c, d, e, f, g, *, h, i): pass", "9 parameters"),
    "deep nesting": (large_functions, "lace/a.py", _blocks(5), "5 nested blocks"),
    "core imports data": (upward_imports, "lace/core/a.py", "import lace.data.shards", "lace.data.shards"),
    "data imports learning": (
        upward_imports,
        "lace/data/a.py",
        "from lace.alignment import training",
        "lace.alignment.training",
    ),
    "assets import data": (upward_imports, "assets/a.py", "from lace.data.schema import SCHEMA", "lace.data.schema"),
    "learning imports assets": (upward_imports, "lace/a.py", "def f():\n    import assets", "imports assets"),
    "relative": (upward_imports, "lace/core/a.py", "from ..data import shards", "lace.data.shards"),
    "policy imports sim": (
        upward_imports,
        "policies/a.py",
        "import sim_envs.rendering.renderer",
        "sim_envs.rendering.renderer",
    ),
    "policy imports bridge": (upward_imports, "policies/a.py", "import real_bridge", "real_bridge"),
    "sim imports bridge": (upward_imports, "sim_envs/a.py", "from real_bridge import xarm", "real_bridge.xarm"),
    "bridge imports sim": (upward_imports, "real_bridge/a.py", "import sim_envs", "sim_envs"),
    "bodies import frames": (upward_imports, "sim_envs/bodies/a.py", "import sim_envs.frames.source", "frames.source"),
    "scenes import bodies": (upward_imports, "sim_envs/scenes/a.py", "from sim_envs.bodies import body", "bodies.body"),
    "tops side by side": (upward_imports, "sim_envs/rollouts/a.py", "import sim_envs.simulate.run", "simulate.run"),
    "reports measure": (upward_imports, "lace/reports/a.py", "import lace.measure.rates", "lace.measure.rates"),
    "product imports tests": (upward_imports, "sim_envs/a.py", "from tests import synthetic", "tests.synthetic"),
    "eager command line": (upward_imports, f"{LAZY_TOP}a.py", "import sim_envs", "imports sim_envs"),
    "isaaclab": (stray_heavy_imports, "sim_envs/a.py", "from isaaclab_newton.physics import X", "isaaclab_newton"),
    "lazy transformers": (stray_heavy_imports, "lace/a.py", "def f():\n    import transformers", "transformers"),
    "private newton": (stray_heavy_imports, "sim_envs/a.py", "from newton import _src", "newton._src"),
    "rerun": (stray_heavy_imports, "lace/data/a.py", "import rerun as rr", "rerun_view.py"),
    "bare except": (bare_excepts, "lace/a.py", "try:\n    x\nexcept:\n    pass", "lace/a.py:3"),
    "utils": (catch_all_names, "lace/utils.py", "", "lace/utils.py"),
    "image_utils": (catch_all_names, "lace/image_utils/a.py", "", "image_utils"),
}
"""Name -> (detector, file name, source, text that the message must contain)."""


@pytest.mark.parametrize("name", BAD)
def test_detector_finds_a_violation(name):
    detector, file, source, complaint = BAD[name]
    problems = list(detector(file, ast.parse(source)))
    assert len(problems) == 1, problems
    assert complaint in problems[0]


GOOD = {
    "four hundred lines": (long_files, "lace/a.py", "x = 1\n" * 400),
    "sixty lines": (large_functions, "lace/a.py", "def f():\n" + "    x = 1\n" * 59),
    "self and eight": (large_functions, "lace/a.py", "class A:\n    def f(self, a, b, c, d, e, f, g, *, h): pass"),
    "four blocks": (large_functions, "lace/a.py", _blocks(4)),
    "elif chain": (large_functions, "lace/a.py", "def f():\n    if a: x\n" + "    elif b: x\n" * 6),
    "lazy command line": (upward_imports, f"{LAZY_TOP}a.py", "def f():\n    from sim_envs import generate"),
    "bridge imports policies": (
        upward_imports,
        "real_bridge/a.py",
        "import policies.cell, assets.robots, lace.alignment.training",
    ),
    "tests import all": (upward_imports, "tests/a.py", "import sim_envs, real_bridge"),
    "public newton": (stray_heavy_imports, "sim_envs/a.py", "import newton\nfrom newton import GeoType"),
    "look-alike": (stray_heavy_imports, "lace/a.py", "import transformers_of_ours, lace.rerun"),
    "named except": (bare_excepts, "lace/a.py", "try:\n    x\nexcept OSError:\n    pass"),
    "a word with util in it": (catch_all_names, "lace/utility_curve.py", ""),
}


@pytest.mark.parametrize("name", GOOD)
def test_detector_accepts_allowed_code(name):
    detector, file, source = GOOD[name]
    assert not list(detector(file, ast.parse(source)))


@pytest.mark.parametrize(
    ("line", "bites"),
    [
        ("url = 'https://py" + "pi.org/simple'", True),
        ("https://files.python" + "hosted.org/x", True),
        ("open('/ro" + "ot/.cache/x')", True),
        ("cd /wo" + "rk/main", True),
        ("cd /ho" + "me/ada/lace", True),
        ("from the Python package index; see docs/work/plan.md and ../work/x", False),
        ("Path.home() / '.cache' and $HOME/work/x", False),
    ],
)
def test_text_detector(line, bites):
    assert bool(list(forbidden_text("a.md", line))) == bites
