"""Whether the model hub answers, asked once: its library tries for a minute and more before it says that it does not."""

import httpx
from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url

PATIENCE_S = 5.0
"""How long one question may take to connect, and to be answered."""


def answers(repository: str) -> bool:
    """Whether the hub says anything of `repository`, a refusal included; False without a network or in offline mode.

    Where it does not, load with `local_files_only=True`: the cache, or an error at once.
    """
    try:
        get_hf_file_metadata(hf_hub_url(repository, "config.json"), timeout=PATIENCE_S)
    except errors.HfHubHTTPError as error:
        return error.response is not None and error.response.status_code < 500
    except (httpx.TransportError, errors.OfflineModeIsEnabled):
        return False
    return True
