"""Where this machine keeps what all projects of one user share: Label Studio's environment, the choice of a browser."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for tilth; `TILTH_CACHE` names another one. It need not exist yet."""
    named = os.environ.get("TILTH_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("tilth", appauthor=False))
