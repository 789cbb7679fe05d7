"""Offline, a checkpoint is requested once with a timeout of a few seconds, and cached checkpoints still load."""

import httpx
import huggingface_hub as hub
import pytest

from lace.backbones import load_backbone
from lace.backbones.backbone import BackboneError
from lace.core.errors import InvalidValueError
from lace.core.hub import answers
from lace.data.imports.detectors import load_detector


@pytest.fixture
def asked(monkeypatch):
    """(requests for a checkpoint's file, {"status": HTTP status of the replies; None refuses the connection})."""
    seen, reply = [], {"status": None}

    def refused(_transport, request):
        if "/resolve/" in request.url.path:
            seen.append(request)
        if reply["status"] is None:
            raise httpx.ConnectError("nothing there", request=request)
        return httpx.Response(reply["status"], request=request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", refused)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # between the library's own retries, if any
    hub.close_session()
    yield seen, reply
    hub.close_session()


@pytest.mark.parametrize("status", [None, 503])
def test_a_hub_that_does_not_answer_is_asked_once_and_briefly(asked, status):
    seen, reply = asked
    reply["status"] = status
    with pytest.raises(BackboneError, match="hf download facebook/dinov3-vits16-pretrain-lvd1689m --local-dir FOLDER"):
        load_backbone("dinov3-s")
    assert len(seen) == 1
    assert max(seen[0].extensions["timeout"].values()) <= 5


def test_detectors_too(asked):
    with pytest.raises(InvalidValueError, match="download its weights once while online"):
        load_detector("some/detector")
    assert len(asked[0]) == 1


@pytest.mark.parametrize(("status", "expected"), [(401, True), (404, True), (500, False), (None, False)])
def test_a_refusal_is_an_answer(asked, status, expected):
    asked[1]["status"] = status
    assert answers("some/model") is expected


def test_what_is_cached_loads_without_a_network(asked, tmp_path, monkeypatch):
    commit = "0" * 40
    repository = tmp_path / "models--some--model"
    load_backbone("tiny").save(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert load_backbone("some/model", image_size=64).dim == 192
    assert len(asked[0]) == 1
