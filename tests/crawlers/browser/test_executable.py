"""The browser: which is taken, what it is started with, and what happens when none is there."""

import json
import os
import time
from pathlib import Path

import pytest

from crawlers.browser import executable as browser
from crawlers.browser.executable import BrowserMissing, find_browser, install_browser, launch_args

STARTS = "#!/bin/sh\necho Chromium 1.0\n"
BROKEN = "#!/bin/sh\nexit 127\n"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No browser anywhere, an empty cache, an empty PATH, and nobody is root."""
    for name in ("TILTH_BROWSER", "PLAYWRIGHT_BROWSERS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TILTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(browser, "PLACES", ())
    monkeypatch.setattr(browser, "_is_root", lambda: False)


def executable(path: Path, script: str = STARTS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def downloaded(tmp_path: Path, script: str = STARTS) -> Path:
    """What Playwright leaves behind after a whole download."""
    folder = tmp_path / "playwright" / f"chromium-{browser._playwright_revision()}"
    path = executable(folder / "chrome-linux64" / "chrome", script)
    (folder / "INSTALLATION_COMPLETE").touch()
    return path


def no_download(command: list[str], **limits: float) -> bool:
    return False


def test_the_named_browser_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloaded(tmp_path)
    named = executable(tmp_path / "mine")
    monkeypatch.setenv("TILTH_BROWSER", str(named))
    assert find_browser().path == named


def test_a_named_browser_that_is_not_there_is_an_error_and_no_other_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path / "bin" / "chromium")
    monkeypatch.setenv("TILTH_BROWSER", str(tmp_path / "mine"))
    with pytest.raises(BrowserMissing, match="TILTH_BROWSER"):
        find_browser()


def test_playwrights_own_comes_before_an_installed_one(tmp_path: Path) -> None:
    installed = executable(tmp_path / "bin" / "chromium")
    assert find_browser().path == installed
    own = downloaded(tmp_path)
    assert find_browser().path == own


def test_a_download_that_was_cut_off_is_not_taken(tmp_path: Path) -> None:
    (downloaded(tmp_path).parent.parent / "INSTALLATION_COMPLETE").unlink()
    with pytest.raises(BrowserMissing, match="doctor --fix"):
        find_browser()


def test_an_installed_one_is_used_when_the_download_is_out_of_reach_and_the_second_run_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = executable(tmp_path / "bin" / "chromium")
    monkeypatch.setattr(browser, "_run", no_download)
    said: list[str] = []
    assert install_browser(said.append).path == installed
    assert any("out of reach" in line for line in said)
    said.clear()
    assert install_browser(said.append).path == installed
    assert said == []


def test_a_browser_that_does_not_start_is_passed_over_by_the_installation_and_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded(tmp_path, BROKEN)
    executable(tmp_path / "bin" / "chromium", BROKEN)
    works = executable(tmp_path / "bin" / "google-chrome")
    monkeypatch.setattr(browser, "_run", no_download)
    install_browser(lambda line: None)
    assert find_browser().path == works


def test_a_choice_made_for_another_playwright_is_made_anew(tmp_path: Path) -> None:
    old = executable(tmp_path / "old")
    memory = tmp_path / "cache" / "browser.json"
    memory.parent.mkdir()
    memory.write_text(json.dumps({"path": str(old), "playwright": "1"}))
    own = downloaded(tmp_path)
    assert find_browser().path == own


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"path": 3, "playwright": null}', "\x00"])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "cache" / "browser.json"
    memory.parent.mkdir()
    memory.write_text(content)
    installed = executable(tmp_path / "bin" / "chromium")
    assert find_browser().path == installed


def test_root_gets_one_from_the_package_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "bin" / "dnf")
    ran: list[str] = []

    def run(command: list[str], **limits: float) -> bool:
        ran.append(command[0])
        if command[0] == "dnf":
            executable(tmp_path / "bin" / "chromium-browser")
        return command[0] == "dnf"

    monkeypatch.setattr(browser, "_run", run)
    with pytest.raises(BrowserMissing, match="only root"):
        install_browser(lambda line: None)
    assert "dnf" not in ran
    monkeypatch.setattr(browser, "_is_root", lambda: True)
    assert install_browser(lambda line: None).path == tmp_path / "bin" / "chromium-browser"


def test_the_sandbox_is_given_up_only_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--no-sandbox" not in launch_args()
    monkeypatch.setattr(browser, "_is_root", lambda: True)
    assert "--no-sandbox" in launch_args()


def test_a_download_that_falls_silent_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script = executable(tmp_path / "hangs", f"#!/bin/sh\necho begun\n/bin/sleep 60 &\necho $! > {tmp_path}/pid\nwait\n")
    began = time.monotonic()
    assert not browser._run([str(script)], limit=30, silent=0.5)
    assert time.monotonic() - began < 10
    pid = int((tmp_path / "pid").read_text())
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text():
            return  # ended; only nobody has taken its exit status yet
        time.sleep(0.1)
    pytest.fail("the child of the ended download still runs")
