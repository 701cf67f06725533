"""The doctor tells what is missing and how to get it, shows no secret, and mends by the code that `make` uses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crawlers.browser import executable as browser
from labeling import studio_environment
from store.errors import TilthError
from tilth import doctor
from tilth.doctor import Check, checks, fix


def named(name: str, folder: Path) -> Check:
    return next(check for check in checks(folder) if check.name == name)


def test_every_failed_check_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTH_CACHE", str(tmp_path / "nothing"))
    monkeypatch.setenv("TILTH_BROWSER", str(tmp_path / "no-browser"))
    monkeypatch.delenv("TILTH_STUDIO_PYTHON", raising=False)
    found = checks(tmp_path)
    assert {check.name for check in found if not check.ok} >= {"browser", "label studio"}
    assert all(check.remedy for check in found if not check.ok)
    assert len({check.name for check in found}) == len(found)


def test_the_hub_token_is_seen_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_TOKEN_PATH", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert not named("hub token", tmp_path).ok
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    assert named("hub token", tmp_path).ok
    assert "verysecret" not in repr(checks(tmp_path))


def test_a_package_older_than_asked_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda name: ["rich>=999", "no-such-thing-x", "typer; extra == 'x'"]
    )
    detail = named("packages", tmp_path).detail
    assert "rich is" in detail and ">=999" in detail
    assert "no-such-thing-x is missing" in detail
    assert "typer" not in detail


def test_the_way_through_an_encoder_and_its_reason_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.scoring.way import Choice, choice_file, keep_choice

    monkeypatch.setenv("TILTH_CACHE", str(tmp_path))
    assert "20,000 texts" in named("scoring", tmp_path).detail
    keep_choice(Choice("onnx", 2, 512, {}, "onnx: the fastest measured", "tiny@1"), choice_file("tiny@1"))
    keep_choice(Choice("torch", 2, 512, {}, "of another machine", "tiny@2"), choice_file("elsewhere"))
    assert named("scoring", tmp_path).detail == "tiny@1: onnx: the fastest measured"


def test_fixing_tries_the_next_thing_after_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def no_browser(say: doctor.Say) -> None:
        raise browser.BrowserMissing("No browser could be had.")

    def studio(say: doctor.Say) -> None:
        asked.append("studio")

    monkeypatch.setattr(browser, "install_browser", no_browser)
    monkeypatch.setattr(studio_environment, "install_studio", studio)
    said: list[str] = []
    assert fix(said.append) == TilthError.exit_code == 1
    assert said == ["No browser could be had."]
    assert asked == ["studio"]


def test_importing_the_doctor_brings_nothing_heavy_along() -> None:
    code = (
        "import sys, tilth.doctor, crawlers.browser.executable, labeling.studio_environment; "
        "print(*sorted({'torch', 'scrapy', 'duckdb', 'pandas', 'label_studio_sdk', 'playwright'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert answer.stdout.strip() == ""
