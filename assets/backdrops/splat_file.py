"""Reads 3D Gaussian splats (Kerbl et al. 2023) from binary .ply files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lace.core.errors import InvalidValueError

_TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "<i2",
    "int16": "<i2",
    "ushort": "<u2",
    "uint16": "<u2",
    "int": "<i4",
    "int32": "<i4",
    "uint": "<u4",
    "uint32": "<u4",
    "float": "<f4",
    "float32": "<f4",
    "double": "<f8",
    "float64": "<f8",
}
_NEEDED = (
    "x",
    "y",
    "z",
    "f_dc_0",
    "f_dc_1",
    "f_dc_2",
    "opacity",
    "scale_0",
    "scale_1",
    "scale_2",
    "rot_0",
    "rot_1",
    "rot_2",
    "rot_3",
)
SH_C0 = 0.28209479177387814
"""The constant spherical harmonic, 1 / (2 sqrt(pi))."""


@dataclass(frozen=True)
class Splats:
    """n Gaussians."""

    centres: np.ndarray
    """(n, 3) in the file's frame."""
    colours: np.ndarray
    """(n, 3) display RGB in [0, 1]."""
    opacities: np.ndarray
    """(n,) in (0, 1)."""
    scales: np.ndarray
    """(n, 3) standard deviations."""
    quats_wxyz: np.ndarray
    """(n, 4)."""


def read_splats(path: str | Path) -> Splats:
    """Splats of a binary little-endian .ply; raises InvalidValueError if it is something else."""
    path = Path(path)
    data = path.read_bytes()
    count, dtype, start = _header(path, data)
    missing = [name for name in _NEEDED if name not in (dtype.names or ())]
    if missing:
        raise _bad(path, f"its vertices lack {', '.join(missing)}", "export the scene as a 3DGS .ply with colours")
    if len(data) < start + count * dtype.itemsize:
        raise _bad(path, "it ends early", "copy the file again")
    rows = np.frombuffer(data, dtype, count, start)

    def columns(*names: str) -> np.ndarray:
        return np.stack([rows[name] for name in names], -1).astype(np.float64)

    return Splats(
        columns("x", "y", "z"),
        np.clip(0.5 + SH_C0 * columns("f_dc_0", "f_dc_1", "f_dc_2"), 0, 1),
        1 / (1 + np.exp(-columns("opacity")[:, 0])),
        np.exp(columns("scale_0", "scale_1", "scale_2")),
        columns("rot_0", "rot_1", "rot_2", "rot_3"),
    )


def _header(path: Path, data: bytes) -> tuple[int, np.dtype, int]:
    """Number of vertices, their record type, and where the records start [bytes]."""
    mark = b"end_header\n"
    end = data.find(mark)
    if not data.startswith(b"ply") or end < 0:
        raise _bad(path, "it has no .ply header", "check that it is a .ply file")
    lines = [line.split() for line in data[:end].decode("ascii", "replace").splitlines()]
    if ["format", "binary_little_endian", "1.0"] not in lines:
        raise _bad(path, "it is not binary little endian", "save it in that format")
    elements = [line for line in lines if line[:1] == ["element"]]
    if not elements or elements[0][1] != "vertex":
        raise _bad(path, "its first element is not 'vertex'", "save it as a splat, not as a mesh")
    fields, first = [], lines.index(elements[0])
    for line in lines[first + 1 :]:
        if line[:1] == ["element"]:
            break
        if line[:1] == ["property"]:
            if line[1] not in _TYPES:
                raise _bad(path, f"a vertex property has type {line[1]!r}", "save it with plain numbers")
            fields.append((line[2], _TYPES[line[1]]))
    return int(elements[0][2]), np.dtype(fields), end + len(mark)


def _bad(path: Path, got: str, next_step: str) -> InvalidValueError:
    return InvalidValueError(
        f"reading the Gaussian splat {path}",
        got,
        f"a binary little-endian .ply whose vertices have {', '.join(_NEEDED)}",
        next_step,
    )
