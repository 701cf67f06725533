"""Files of `media/`: whole, or not there."""

import errno
import os
from pathlib import Path

import pytest

from crawlers.full_disk import is_full
from crawlers.media import write_media
from crawlers.page import FoundRecord

IMAGE = FoundRecord(0, None, None, {}, "image", "media/ab/abc.png")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def full(_: int) -> None:
        raise OSError(code, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as raised:
        write_media(tmp_path, [IMAGE], b"bytes")
    assert is_full(raised.value)
    assert list((tmp_path / "media/ab").iterdir()) == []
    monkeypatch.undo()
    write_media(tmp_path, [IMAGE], b"bytes")
    assert [path.read_bytes() for path in (tmp_path / "media/ab").iterdir()] == [b"bytes"]
