"""The entry point: runs a verb and turns every trouble into a sentence and an exit code."""

import errno
import os
import sys

NO_SPACE = "no space left on the disk. What was there is safe; free some room and run the same command again."


def main() -> None:
    """Run the command line; exit with 0: done, 1: failed, 2: the request or the project file is wrong."""
    from tilth.shadowing import check_shadowing

    # Before anything else of ours: what it finds may be the package that the next line would import.
    check_shadowing()
    from store.errors import TilthError

    debug = "--debug" in sys.argv or bool(os.environ.get("TILTH_DEBUG"))
    if debug:
        os.environ["TILTH_DEBUG"] = "1"  # for what would catch a library's error, and tell it
    try:
        from tilth.cli import app

        app()
    except TilthError as error:
        if debug:
            raise
        print(f"tilth: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        print("tilth: stopped; run the same command again to go on.", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        # One without a file's name is no trouble of the user's disk, and is shown with its traceback.
        if debug or not (error.errno == errno.ENOSPC or (error.filename and error.strerror)):
            raise
        trouble = NO_SPACE if error.errno == errno.ENOSPC else f"{error.filename}: {str(error.strerror).lower()}."
        print(f"tilth: {trouble}", file=sys.stderr)
        raise SystemExit(1) from error
