"""What every test stands on: no model hub, the data that is shared between checkouts, marks by folder."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything imports transformers or datasets, which read these once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# A shared machine stalls now and then, which is no property of what is tested; CI draws the same examples each time.
settings.register_profile("tilth", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tilth")

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's folder says what it is: `tests/integration` and `tests/kill` carry the marks of the same name."""
    for item in items:
        for mark in ("integration", "kill"):
            if item.path.is_relative_to(ROOT / "tests" / mark):
                item.add_marker(mark)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real data sets and sites: `../shared` beside the checkout, or what `TILTH_SHARED` names."""
    folder = Path(os.environ.get("TILTH_SHARED") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the shared data in {folder}; TILTH_SHARED names another place")
    return folder
