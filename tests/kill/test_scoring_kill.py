"""A scoring that is killed and run again ends with the vectors of an undisturbed one, and repeats only a chunk."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from store.database import Store
from store.embeddings import StoredVectors
from tests.tiny_project import write_encoder
from training.encoder import Encoder
from training.examples import Inputs

pytestmark = pytest.mark.kill

ROOT = Path(__file__).resolve().parents[2]
INPUTS = Inputs(np.array([f"r{n}" for n in range(90)]), [f"invoice {'parcel ' * (n % 7)}{n}" for n in range(90)])
CHUNK = 20
# Moments: in the middle of a chunk, before a chunk is kept, just after.
SCORING = f"""
import os, signal, sys
import numpy as np
import training.encoder
from store.database import Store
from store.embeddings import StoredVectors
from tests.kill.test_scoring_kill import INPUTS
training.encoder.TEXTS_PER_CHUNK = {CHUNK}
store, encoder, moment, number = sys.argv[1:]
def die(): os.kill(os.getpid(), signal.SIGKILL)
class Watched(StoredVectors):
    puts = 0
    def put(self, *row):
        Watched.puts += 1
        if moment == "before" and Watched.puts == int(number): die()
        super().put(*row)
        if moment == "after" and Watched.puts == int(number): die()
def told(done, _):
    if moment == "within" and done >= {CHUNK} * int(number) - 5: die()
training.encoder.Encoder(encoder, Watched(Store(store))).embed(INPUTS, told)
"""


@pytest.mark.parametrize("moment, number, kept", [("within", 3, 40), ("before", 2, 20), ("after", 4, 80)])
def test_a_killed_scoring_goes_on_where_it_stopped(moment: str, number: int, kept: int, tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "tiny")
    path = tmp_path / "tilth.duckdb"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    asked = [sys.executable, "-c", SCORING, str(path), str(encoder), moment, str(number)]
    killed = subprocess.run(asked, env=environment, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    told: list[int] = []
    with Store(path) as store:
        again = Encoder(str(encoder), StoredVectors(store)).embed(INPUTS, lambda _, total: told.append(total))
    assert told[-1] == len(INPUTS) - kept
    undisturbed = Encoder(str(encoder)).embed(INPUTS)
    np.testing.assert_allclose(again.vectors, undisturbed.vectors, rtol=0, atol=1e-5)
