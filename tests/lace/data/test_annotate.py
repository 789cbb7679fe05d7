"""The annotation page: rejects other clients, saves every click, resumes at the last position."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from lace.cli import main as cli
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.keypoints import INDEX, Visibility
from lace.data.annotate.server import AnnotationServer
from lace.data.annotate.session import LABELS_NAME, LOCK_NAME, Session, checked
from lace.data.dataset import FrameDataset
from lace.data.verify import verify_dataset
from tests.browser import Browser, find_browser
from tests.synthetic import make_dataset

LABEL = {"skipped": False, "points": {"wrist": [10.5, 20.25, "visible"], "thumb_tip": [None, None, "absent"]}}


@pytest.fixture
def folder(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "photos"
    path.mkdir()
    for i in range(3):
        cv2.imwrite(str(path / f"{i}.png"), cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (160, 120)))
    return path


@pytest.fixture
def server(folder):
    with AnnotationServer(Session(folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection(*server.server_address, timeout=5)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_others_are_refused(server):
    good = f"/{server.token}/state"
    assert server.server_address[0] == "127.0.0.1" and ask(server, good)[0] == 200
    assert ask(server, "/state")[0] == ask(server, "/wrong/state")[0] == ask(server, "/")[0] == 403
    assert ask(server, good, Host="evil.example")[0] == 403
    assert ask(server, good, Host=f"evil.example:{server.server_address[1]}")[0] == 403
    body = json.dumps(LABEL)
    assert ask(server, f"/{server.token}/frame/0", "POST", body, Origin="http://evil.example")[0] == 403
    assert ask(server, "/wrong/frame/0", "POST", body)[0] == 403
    assert not server.session.labels


def test_every_change_is_on_disk_and_is_continued(server, folder):
    assert ask(server, f"/{server.token}/frame/1", "POST", json.dumps(LABEL))[0] == 200
    assert Session(folder).labels == {"1.png": LABEL}
    assert ask(server, f"/{server.token}/frame/9", "POST", json.dumps(LABEL))[0] == 400
    assert ask(server, f"/{server.token}/frame/1", "POST", "{")[0] == 400
    assert Session(folder).labels == {"1.png": LABEL}
    assert ask(server, f"/{server.token}/image/2")[1].startswith(b"\x89PNG")
    assert b"<canvas" in ask(server, f"/{server.token}/")[1]


@pytest.mark.parametrize(
    "point", [[1, 2], [1, 2, "seen"], [None, None, "visible"], [1, 2, "absent"], ["1", 2, "visible"]]
)
def test_wrong_labels_are_refused(point):
    with pytest.raises(InvalidValueError, match="saving labels"):
        checked({"skipped": False, "points": {"wrist": point}})


def test_export_is_a_dataset(folder, tmp_path):
    session = Session(folder)
    session.save(1, LABEL)
    session.save(2, {"skipped": True, "points": {}})
    assert (folder / LABELS_NAME).exists()
    assert cli.main(["annotate", str(folder), "--export", str(tmp_path / "out")]) == 0
    (record,) = FrameDataset(tmp_path / "out")
    assert record.embodiment == "human_right"
    assert record.keypoints_uv[0].tolist() == [10.5, 20.25] and record.visibility[0] == Visibility.VISIBLE
    assert record.visibility[INDEX["thumb_tip"]] == Visibility.ABSENT
    assert not verify_dataset(tmp_path / "out").problems


def test_an_export_is_of_the_datasets_embodiment(tmp_path):
    make_dataset(tmp_path / "frames", frames=2)
    Session(tmp_path / "frames").save(0, LABEL)
    assert cli.main(["annotate", str(tmp_path / "frames"), "--export", str(tmp_path / "out")]) == 0
    records = list(FrameDataset(tmp_path / "out"))
    assert [record.embodiment for record in records] == ["synthetic"] * 2


def test_labels_of_a_dataset_are_shown_and_what_is_not_corrected_stays(tmp_path):
    before = list(FrameDataset(make_dataset(tmp_path / "frames", frames=2)))
    session = Session(tmp_path / "frames")
    name = session.names[0]
    u, v, kind = session.given[name]["points"]["index_tip"]
    number = INDEX["index_tip"]
    assert kind == Visibility(before[0].visibility[number]).name.lower()
    assert (u, v) == tuple(before[0].keypoints_uv[number].tolist())
    session.save(
        0, {**session.given[name], "points": session.given[name]["points"] | {"index_tip": [7.0, 8.0, "visible"]}}
    )
    assert cli.main(["annotate", str(tmp_path / "frames"), "--export", str(tmp_path / "out")]) == 0
    first, second = FrameDataset(tmp_path / "out")
    assert first.keypoints_uv[number].tolist() == [7, 8] and first.source.startswith("annotated/")
    np.testing.assert_array_equal(second.visibility, before[1].visibility)
    seen = second.visibility >= Visibility.OCCLUDED
    np.testing.assert_array_equal(second.keypoints_uv[seen], before[1].keypoints_uv[seen])
    assert second.source == "synthetic" and second.draws == before[1].draws


def test_a_port_in_use_says_so(server, folder, capsys):
    assert cli.main(["annotate", str(folder), "--port", str(server.server_address[1])]) == cli.EXIT_USAGE
    assert "leave out --port" in capsys.readouterr().err


def test_ctrl_c_ends_the_page_without_error(folder):
    Session(folder).save(0, LABEL)
    command = [sys.executable, "-m", "lace.cli", "annotate", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("open http://127.0.0.1:")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert process.returncode == 0 and "labels of 1 of 3 frames" in out and not error


@pytest.fixture
def chromium():
    path = find_browser()
    if path is None:
        pytest.skip("no chromium on this machine")
    return path


def at(page, u, v):
    """Page coordinates of the image point (u, v) [px]."""
    return page.run(f"[ox+{u}*scale, oy+{v}*scale]")


FITTED = "Math.abs(scale / Math.min(view.width / image.width, view.height / image.height) - 0.95) < 1e-9"
"""Waits until the new image is loaded and shown unzoomed; until then the old zoom is kept."""
READY = f"typeof S === 'object' && image.complete && image.width > 0 && {FITTED}"


@pytest.mark.browser
def test_labels_clicked_in_a_browser_survive_its_restart(server, folder, chromium, tmp_path):
    with Browser(chromium, tmp_path / "first") as page:
        page.call("Page.navigate", url=server.url)
        page.until(READY)
        page.click(*at(page, 40, 30))
        page.click(*at(page, 60, 50), shift=True)
        page.press("v")
        page.press("a")
        page.click(*at(page, 90, 70))
        page.press("z")
        page.until("Object.keys(frame().points).length === 4 && $('status').textContent === 'saved'")
        page.screenshot(tmp_path / "page.png")
    points = Session(folder).labels["0.png"]["points"]
    assert [p[2] for p in points.values()] == ["visible", "occluded", "out_of_view", "absent"]
    np.testing.assert_allclose(points["wrist"][:2], (40, 30), atol=0.5)
    np.testing.assert_allclose(points["thumb_cmc"][:2], (60, 50), atol=0.5)
    with Browser(chromium, tmp_path / "second") as page:
        page.call("Page.navigate", url=server.url)
        page.until(READY)
        assert page.run("[n, S.keypoints[k]]") == [0, "thumb_tip"]
        page.run("view.dispatchEvent(new WheelEvent('wheel', {deltaY: -300, clientX: 300, clientY: 300})), 1")
        before = page.run("ox")
        page.run("view.dispatchEvent(new MouseEvent('mousemove', {buttons: 2, movementX: 30})), 1")
        assert page.run("ox") == pytest.approx(before + 30), "dragged with the right button"
        page.click(*at(page, 70, 60))
        page.press("ArrowRight")
        page.press("s")
        page.until(f"n === 2 && $('status').textContent === 'saved' && {FITTED}")
        page.press("o")
        page.click(*at(page, 20, 20))
        page.press("ArrowUp")
        page.press("o")
        page.until("frame().points.wrist[2] === 'visible' && unsaved === 0")
    labels = Session(folder).labels
    np.testing.assert_allclose(labels["0.png"]["points"]["thumb_tip"][:2], (70, 60), atol=0.5)
    assert len(labels["0.png"]["points"]) == 5 and labels["1.png"]["skipped"]


def test_two_sessions_of_one_folder_keep_each_others_labels(folder):
    one, other = Session(folder), Session(folder)
    one.save(0, LABEL)
    other.save(1, LABEL)
    assert Session(folder).labels == {"0.png": LABEL, "1.png": LABEL}
    assert one.refreshed() == other.refreshed() == {"0.png": LABEL, "1.png": LABEL}
    assert not (folder / LOCK_NAME).exists()


def test_a_frame_that_another_session_labelled_is_not_overwritten(folder):
    one, other = Session(folder), Session(folder)
    one.save(0, LABEL)
    with pytest.raises(DatasetError, match="another session has labelled this frame"):
        other.save(0, {"skipped": True, "points": {}})
    assert Session(folder).labels == {"0.png": LABEL}
    other.refreshed()
    other.save(0, {"skipped": True, "points": {}})
    assert Session(folder).labels["0.png"]["skipped"]


def test_concurrent_sessions_lose_no_labels(folder):
    sessions = [Session(folder) for _ in range(3)]
    threads = [threading.Thread(target=session.save, args=(i, LABEL)) for i, session in enumerate(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Session(folder).labels) == 3


@pytest.mark.parametrize("port", [70000, -1])
def test_an_invalid_port_is_refused(folder, capsys, port):
    assert cli.main(["annotate", str(folder), "--port", str(port)]) == cli.EXIT_USAGE
    assert "not between 0 and 65535" in capsys.readouterr().err


def test_file_names_that_are_not_utf8_are_labelled_and_exported(folder, tmp_path):
    (folder / "0.png").rename(folder / os.fsdecode(b"caf\xe9.png"))
    session = Session(folder)
    session.save(session.names.index(os.fsdecode(b"caf\xe9.png")), LABEL)
    assert cli.main(["annotate", str(folder), "--export", str(tmp_path / "out")]) == 0
    assert [record.source for record in FrameDataset(tmp_path / "out")] == ["annotated/caf\\udce9.png"]


def test_a_folder_of_videos_points_to_their_import(tmp_path):
    (tmp_path / "hand.MP4").write_bytes(b"")
    with pytest.raises(InvalidValueError, match="lace import video"):
        Session(tmp_path)
