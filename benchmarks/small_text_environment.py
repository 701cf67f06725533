"""small-text in a virtual environment of its own, and the worker that runs in it.

It needs transformers below 5, so it cannot stand beside tilth. The environment is made once, in the user's cache
folder, from exact pins.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from corpora import Texts
from store.cache_folder import cache_folder

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "small_text_requirements.txt"
WORKER = HERE / "small_text_worker.py"


def small_text_python() -> Path:
    """The interpreter of the environment, which is made where it is not there; it takes a minute or two.

    Raises:
        subprocess.CalledProcessError: A package could not be installed.
    """
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"small-text-{pins}"
    python, whole = folder / "bin" / "python", folder / "installed"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"Making an environment with small-text in {folder} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(REQUIREMENTS)], check=True)
        whole.touch()
    return python


def write_job(folder: Path, texts: Texts, kind: str) -> Path:
    """The corpus as the worker reads it.

    Args:
        folder: Where it goes.
        texts: The corpus; the worker is given its labels, of which its strategy sees those that were asked for.
        kind: "fine-tune", "linear-svc" or "logistic-regression"; see the worker.
    """
    vectors = folder / f"{texts.name}.npz"
    parts = {"train": texts.train, "test": texts.test}
    np.savez(vectors, **{name: texts.encoder.embed(part.inputs()).vectors for name, part in parts.items()})
    job = {
        "kind": kind,
        "encoder": str(texts.encoder.folder.path),
        "classes": len(texts.classes),
        "train": {"texts": list(texts.train.texts), "labels": texts.train.labels.tolist()},
        "test": {"texts": list(texts.test.texts), "labels": texts.test.labels.tolist()},
        "vectors": str(vectors),
    }
    path = folder / f"{texts.name}-{kind}.json"
    path.write_text(json.dumps(job))
    return path


def worker(*words: str, **how: Any) -> subprocess.Popen[str]:
    """Start the worker on all cores; it says what it does on its standard output and writes warnings nowhere."""
    for_all_cores = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment = {
        **for_all_cores,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "true",
    }
    environment.pop("PYTHONPATH", None)
    command = [str(small_text_python()), "-P", str(WORKER), *words]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.DEVNULL, **how)
