"""Files in object stores, by paths s3://BUCKET/..., gs://BUCKET/... and az://CONTAINER/..., through pyarrow.

A `Path` made of such an address is "s3:/BUCKET/..."; it names the same object, and joins and parents work on it. An
object appears whole or not at all: pyarrow uploads it in parts and completes it in one call. Stores have no locks.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lace.core.errors import DatasetError, InvalidValueError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

SCHEMES = ("s3", "gs", "az")
_SECONDS = 20
"""For a connection, and for each answer of a store [s]."""


def is_remote(path: str | Path) -> bool:
    """Whether a path lies in an object store."""
    scheme, colon, _rest = Path(path).parts[0].partition(":") if Path(path).parts else ("", "", "")
    return bool(colon) and scheme in SCHEMES and not _rest


def address(path: str | Path) -> str:
    """The path as users write it: "s3://BUCKET/..."; local paths as they are."""
    return str(path).replace(":/", "://", 1) if is_remote(path) else str(path)


def require_local(path: str | Path, what: str) -> None:
    """Raises InvalidValueError where `what` (a command's result) cannot be written to an object store."""
    if is_remote(path):
        raise InvalidValueError(
            f"opening {address(path)}",
            f"{what} cannot be written to an object store",
            "a folder",
            "give a local or a shared folder as --out, and copy it when it is finished",
        )


def opened(path: str | Path) -> tuple["FileSystem", str]:
    """(file system, key in it) of a remote path.

    Raises:
        DatasetError: The store's settings are wrong.
    """
    scheme, *rest = Path(path).parts
    with named_errors(path):
        return _system(scheme.removesuffix(":"), _settings()), "/".join(rest)


def read(path: str | Path) -> bytes:
    """An object; FileNotFoundError if there is none."""
    system, key = opened(path)
    with named_errors(path), system.open_input_file(key) as file:
        return file.read()


def write(path: str | Path, content: bytes) -> None:
    """Publishes an object; a crash leaves the old one or the new one."""
    system, key = opened(path)
    with named_errors(path), system.open_output_stream(key) as stream:
        stream.write(content)  # all at once: closing the stream completes what it has


def size(path: str | Path) -> int | None:
    """Bytes of an object; None if there is none."""
    system, key = opened(path)
    with named_errors(path):
        facts = system.get_file_info(key)
    return facts.size if facts.is_file else None


def names(folder: str | Path, below: bool = False) -> list[str]:
    """Names of the objects in a folder, in the store's order; with `below`, paths of all objects below it."""
    from pyarrow.fs import FileSelector

    system, key = opened(folder)
    with named_errors(folder):
        found = system.get_file_info(FileSelector(key, allow_not_found=True, recursive=below))
    return [facts.path.removeprefix(f"{key}/") for facts in found if facts.is_file]


def remove(path: str | Path) -> None:
    """Deletes an object, if there is one."""
    system, key = opened(path)
    with named_errors(path):
        if system.get_file_info(key).is_file:
            system.delete_file(key)


def _settings() -> tuple[tuple[str, str], ...]:
    """What the environment says of stores; part of the key under which a connection is kept."""
    wanted = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID")
    return tuple((name, os.environ[name]) for name in (*wanted, "AZURE_STORAGE_ACCOUNT_NAME") if os.environ.get(name))


@lru_cache(maxsize=8)
def _system(scheme: str, settings: tuple[tuple[str, str], ...]) -> Any:
    from pyarrow import fs

    found = dict(settings)
    if scheme == "gs":
        return fs.GcsFileSystem()
    if scheme == "az":
        account = found.get("AZURE_STORAGE_ACCOUNT_NAME")
        if not account:
            raise OSError("AZURE_STORAGE_ACCOUNT_NAME is not set")
        return fs.AzureFileSystem(account_name=account, account_key=os.environ.get("AZURE_STORAGE_KEY"))
    endpoint = found.get("AWS_ENDPOINT_URL_S3") or found.get("AWS_ENDPOINT_URL")
    region = found.get("AWS_REGION") or found.get("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None)
    return fs.S3FileSystem(
        endpoint_override=endpoint, region=region, connect_timeout=_SECONDS, request_timeout=_SECONDS
    )


@contextmanager
def named_errors(path: str | Path) -> Generator[None]:
    """Turns what a store answers into one message with the next step; FileNotFoundError passes."""
    try:
        yield
    except FileNotFoundError as error:
        if "bucket" not in str(error).lower():
            raise
        advice = _advice("NoSuchBucket", address(path))
        raise DatasetError(f"using {address(path)}", "its bucket does not exist", *advice) from error
    except (OSError, ValueError, NotImplementedError) as error:
        text = " ".join(str(error).split())[:300]
        raise DatasetError(f"using {address(path)}", text, *_advice(str(error), address(path))) from error


def _advice(text: str, where: str) -> tuple[str, str]:
    low, bucket = text.lower(), "/".join(where.split("/")[:3])
    if "nosuchbucket" in low or "bucket does not exist" in low or "not found" in low:
        return f"the bucket {bucket}", f"make {bucket} first (it is never made here), or correct its name"
    if any(word in low for word in ("access", "forbidden", "403", "credential", "invalidaccesskey", "signature")):
        return "a store that lets you read and write", (
            "set its credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, "
            "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_KEY), or ask for the right to write there"
        )
    return "a store that answers", "check the address, AWS_ENDPOINT_URL and the network; the same command resumes"
