"""The entry point: runs a verb and turns every trouble into a sentence and an exit code."""

import os
import sys

from store.errors import TilthError


def main() -> None:
    """Run the command line; exit with 0 when done, 1 when it failed, 2 when the request or the project file is wrong."""
    from tilth.shadowing import check_shadowing

    debug = "--debug" in sys.argv or bool(os.environ.get("TILTH_DEBUG"))
    try:
        check_shadowing()
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
        if debug or error.errno != 28:
            raise
        print(
            "tilth: no space left on the disk. What was there is safe; free some room and run it again.",
            file=sys.stderr,
        )
        raise SystemExit(1) from error
