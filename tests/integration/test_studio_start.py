"""The embedded Label Studio: where it listens, who it is, and what goes wrong with it."""

import os
import socket
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from labeling import studio as embedded
from labeling.errors import PortInUse, StudioRefused, StudioStartFailed
from labeling.studio import down, status, up
from labeling.studio_client import StudioClient


def run_folder(studio):
    """The project folder of the shared Label Studio, from the place of its data."""
    options = Path(f"/proc/{studio.pid}/cmdline").read_bytes().decode().split("\0")
    return Path(options[options.index("--data-dir") + 1]).parent.parent


def test_it_listens_on_this_machine_only_and_answers_to_its_own_token(studio):
    assert studio.url.startswith("http://127.0.0.1:")
    with closing(StudioClient(studio.url, studio.token)) as client:
        assert client.check() == studio.email
    with closing(StudioClient(studio.url, "1" * 40)) as client, pytest.raises(StudioRefused, match="API_KEY"):
        client.check()
    ours = StudioClient(studio.url, "1" * 40, studio=studio.studio)
    with closing(ours), pytest.raises(StudioRefused, match="Put the folder studio/ back"):
        ours.check()


def test_one_that_runs_is_used_again(studio):
    again = up(run_folder(studio))
    assert (again.pid, again.url, again.studio, again.started) == (studio.pid, studio.url, studio.studio, False)
    assert status(run_folder(studio)).running


def test_only_its_owner_can_read_its_folder_and_token(studio):
    folder = run_folder(studio) / "studio"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "studio.json").stat().st_mode) == 0o600


def test_a_port_in_use_is_named_and_nothing_is_started(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"Port {port} .*--port"):
            up(tmp_path, port=port)
    assert not status(tmp_path).running


def test_a_server_that_ends_at_once_is_said_with_its_last_line(tmp_path, monkeypatch):
    broken = tmp_path / "label-studio"
    broken.write_text("#!/bin/sh\necho first; echo the database is broken; exit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(embedded, "install_studio", lambda say: broken)
    with pytest.raises(StudioStartFailed, match="the database is broken"):
        up(tmp_path / "project")
    assert not status(tmp_path / "project").running


def test_a_process_that_only_got_the_old_number_is_not_taken_for_it(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        try:
            folder = tmp_path / "studio"
            folder.mkdir()
            (folder / "pid.json").write_text(f'{{"pid": {other.pid}, "started": 1.0}}')
            assert not status(tmp_path).running
            assert not down(tmp_path)
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.slow
def test_it_comes_back_as_itself_on_the_same_port_after_it_was_stopped(tmp_path):
    first = up(tmp_path)
    try:
        assert down(tmp_path)
        assert not status(tmp_path).running
        second = up(tmp_path)
        assert (second.url, second.token, second.studio) == (first.url, first.token, first.studio)
        assert second.pid != first.pid
        assert os.getsid(second.pid) == second.pid
    finally:
        down(tmp_path)
