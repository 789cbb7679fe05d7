"""All our kernels compile for CUDA: Warp includes the compiler, so no GPU and no driver are needed."""

import importlib
import re
from pathlib import Path

import pytest
import warp as wp

from sim_envs.rendering.shading import create_kernel
from tests.test_house import PACKAGES, ROOT

ARCHITECTURE = 90
"""Of an H100 or H200."""


def modules() -> dict[str, wp.Module]:
    """Warp modules of our packages that contain kernels, and those created at run time, by name."""
    files = [
        path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "@wp.kernel" in path.read_text()
    ]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    found = {name: wp.get_module(importlib.import_module(name).__name__) for name in names}
    return found | {f"colour, shadows {shadows}": create_kernel(shadows, True).module for shadows in (False, True)}


MODULES = modules()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_kernel_compiles_for_cuda(name: str, tmp_path: Path):
    (ptx,) = wp.compile_aot_module(MODULES[name], arch=ARCHITECTURE, module_dir=tmp_path, use_ptx=True)
    entries = re.findall(r"\.entry (\w+)", ptx.read_text())
    assert MODULES[name].kernels
    for kernel in MODULES[name].kernels:
        assert any(kernel.split("__locals__")[-1] in entry for entry in entries), f"{kernel} is not in the PTX"


@wp.func_native("return 2.0f * no_such_function_on_a_device(value);")
def undefined(value: float) -> float: ...


def test_a_kernel_that_does_not_compile_is_detected(tmp_path: Path):
    @wp.kernel(module="unique", enable_backward=False)
    def broken(values: wp.array[float]):
        values[wp.tid()] = undefined(values[wp.tid()])

    with pytest.raises(Exception, match="error"):
        wp.compile_aot_module(broken.module, arch=ARCHITECTURE, module_dir=tmp_path, use_ptx=True)
