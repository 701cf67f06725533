"""The page of all settings is what the models say that check `tilth.toml`."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_docs_list_every_key_with_its_default_and_its_meaning():
    written = runpy.run_path(str(ROOT / "tools" / "write_settings.py"))["page"]()
    said = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert said == written, "run python tools/write_settings.py"
