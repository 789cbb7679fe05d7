"""The model hub: whether it answers (its own library retries for a minute or more), and how to keep it out."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx
from huggingface_hub import constants, errors, get_hf_file_metadata, hf_hub_url

PATIENCE_S = 5.0
"""Limit for connecting, and for the answer [s]."""


def answers(repository: str) -> bool:
    """Whether the hub answers a request for `repository`, if only by a refusal; False offline.

    If it does not, load with `local_files_only=True`: from the cache, or an error at once.
    """
    try:
        get_hf_file_metadata(hf_hub_url(repository, "config.json"), timeout=PATIENCE_S)
    except errors.HfHubHTTPError as error:
        return error.response is not None and error.response.status_code < 500
    except (httpx.TransportError, errors.OfflineModeIsEnabled):
        return False
    return True


@contextmanager
def kept_out() -> Generator[None]:
    """Blocks requests to the hub inside the block: its library raises OfflineModeIsEnabled at once."""
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
