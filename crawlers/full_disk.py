"""Which errors mean that there is no room to write, and so concern all pages and not one."""

import errno


def is_full(error: BaseException) -> bool:
    """Whether a disk is full, or what its owner may use of it."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
