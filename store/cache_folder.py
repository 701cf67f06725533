"""Where this machine keeps what every project of one user shares: Label Studio's environment, which browser was found."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for tilth; `TILTH_CACHE` names another one. It need not exist yet."""
    named = os.environ.get("TILTH_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("tilth", appauthor=False))
