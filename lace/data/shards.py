"""Parquet shards, published atomically: temporary name, fsync, rename, fsync of the folder."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lace.core import store
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import publish_bytes, require_no_pointer
from lace.data.schema import BINARY_COLUMNS, METADATA_KEY, SCHEMA, EncodedFrame, to_json

_ZSTD_LEVEL = 3
"""zstd's own default."""


@dataclass(frozen=True)
class Shard:
    """A shard in memory."""

    path: Path
    table: pa.Table
    """Columns of `SCHEMA`, one row per frame."""
    constants: dict[str, Any]
    """As from `schema.constants_of`."""
    metadata: dict[str, Any]
    """Facts added by the writer ("marker_error_px")."""


def shard_name(number: int) -> str:
    """File name of shard `number` ("shard-00003.parquet")."""
    return f"shard-{number:05d}.parquet"


def write_shard(
    path: str | Path, rows: Sequence[EncodedFrame], constants: Mapping[str, Any], extra_metadata: Mapping[str, Any]
) -> None:
    """Publishes `rows` atomically as the shard `path`; the same input gives the same bytes.

    Args:
        path: Shard file; its folder is made if missing.
        rows: Rows as from `encode_frame`, at least one.
        constants: As from `schema.constants_of`.
        extra_metadata: JSON-able facts about the shard ("marker_error_px": largest marker error [px]).
    """
    if not rows:
        raise InvalidValueError(f"writing {path}", "no rows", "at least one frame", "leave empty shards out")
    publish_bytes(path, shard_bytes(rows, constants, extra_metadata))


def publish_renumbered(source: Path, target: Path, first: int) -> None:
    """Publishes a copy of a shard whose frames count on from `first`; everything else stays as it is."""
    shard = read_shard(source)
    numbers = pa.array(range(first, first + len(shard.table)), SCHEMA.field("index").type)
    place = shard.table.schema.get_field_index("index")
    publish_bytes(target, _parquet(shard.table.set_column(place, SCHEMA.field("index"), numbers)))


def shard_bytes(rows: Sequence[EncodedFrame], constants: Mapping[str, Any], extra_metadata: Mapping[str, Any]) -> bytes:
    """The bytes of a shard file."""
    payload = {"constants": constants, "metadata": extra_metadata}
    schema = SCHEMA.with_metadata({METADATA_KEY: to_json(payload).encode()})
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    return _parquet(pa.Table.from_arrays(columns, schema=schema))


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **_layout(table.schema))
    return sink.getvalue().to_pybytes()


def _layout(schema: pa.Schema) -> dict[str, Any]:
    """Writer options: image bytes are already compressed and stored unchanged, the rest is compressed by zstd."""
    leaves = [f"{f.name}.list.element" if pa.types.is_list(f.type) else f.name for f in schema]
    packed = [leaf for leaf in leaves if leaf not in BINARY_COLUMNS]
    return {
        "compression": {leaf: "zstd" if leaf in packed else "none" for leaf in leaves},
        "compression_level": dict.fromkeys(packed, _ZSTD_LEVEL),
        "use_dictionary": False,
        "write_statistics": ["index"],
    }


def read_shard(path: str | Path, columns: Sequence[str] | None = None) -> Shard:
    """Reads a shard, all columns or those named; raises DatasetError with its path if it is damaged."""
    path = Path(path)
    with _damage_named(path):
        with _parquet_file(path) as file:
            facts = _facts(file.schema_arrow)
            table = file.read(columns=None if columns is None else list(columns))
        return Shard(path, table, facts["constants"], facts["metadata"])


def read_metadata(path: str | Path) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """(rows, constants, metadata) from the footer alone."""
    with _damage_named(Path(path)), _parquet_file(Path(path)) as file:
        facts = _facts(file.schema_arrow)
        return file.metadata.num_rows, facts["constants"], facts["metadata"]


def _parquet_file(path: Path) -> pq.ParquetFile:
    if not store.is_remote(path):
        return pq.ParquetFile(path)
    system, key = store.opened(path)
    with store.named_errors(path):
        return pq.ParquetFile(key, filesystem=system, pre_buffer=True)


def _facts(schema: pa.Schema) -> dict[str, Any]:
    return json.loads(schema.metadata[METADATA_KEY])


@contextmanager
def _damage_named(path: Path) -> Generator[None]:
    try:
        yield
    except (OSError, pa.ArrowException, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        require_no_pointer(path, f"reading {path}")
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(
            f"reading {path}",
            f"the shard is damaged or was not written by lace ({reason})",
            "a whole Parquet shard",
            f"run `lace data verify {path.parent.parent}`; then delete this shard and rerun the generate command: "
            "it makes the missing shard again",
        ) from error


def is_whole(path: str | Path, rows: int | None = None) -> bool:
    """Whether the shard's footer is readable, with at least one row, and with `rows` rows if given."""
    try:
        count, _, _ = read_metadata(path)
    except DatasetError:
        return False
    return count == rows if rows is not None else count > 0
