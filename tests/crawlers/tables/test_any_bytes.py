"""Whatever bytes a file holds, its rows are given or it is refused."""

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawlers.file_rows import file_rows
from crawlers.import_error import ImportRefused

PARQUET = io.BytesIO()
pq.write_table(pa.table({"text": ["a", "b"], "n": [1, 2]}), PARQUET)
BEGINS = {
    ".csv": [b"", b"text\n", b"sep=;\n", b"id,text\r", b'id,text\n1,"', gzip.compress(b"text\na\n")[:20]],
    ".jsonl": [b"", b'{"text": "', b'{"text": 1', b"\xef\xbb\xbf{", b"\x28\xb5\x2f\xfd"],
    ".parquet": [PARQUET.getvalue()[:cut] for cut in (4, 60, 200)],
}


@pytest.mark.parametrize("form", BEGINS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(drawn=st.data(), rest=st.binary(max_size=60) | st.text(',;"|\r\n ab{}[]:1e-', max_size=40).map(str.encode))
def test_no_bytes_raise_anything_else(tmp_path: Path, form: str, drawn: st.DataObject, rest: bytes) -> None:
    path = tmp_path / f"a{form}"
    path.write_bytes(drawn.draw(st.sampled_from(BEGINS[form])) + rest)
    try:
        for row in file_rows(path, ["text"]):
            assert "text" in row.cells or form == ".jsonl"
    except ImportRefused as error:
        assert str(path) in str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.integers(4, len(PARQUET.getvalue()) - 1), byte=st.integers(0, 255))
def test_a_parquet_file_with_a_wrong_byte_is_read_or_refused(tmp_path: Path, place: int, byte: int) -> None:
    content = bytearray(PARQUET.getvalue())
    content[place] = byte
    (tmp_path / "a.parquet").write_bytes(content)
    try:
        assert all("text" in row.cells for row in file_rows(tmp_path / "a.parquet", ["text"]))
    except ImportRefused as error:
        assert "a.parquet" in str(error)
