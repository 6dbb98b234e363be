"""A clone whose stages are a few lines each, so that DVC and git are all that takes time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.workspace import ROOT

DVC_YAML = """
stages:
  ingest:
    cmd: python -m pipeline.ingest
    params: [source]
    deps: ["${source.folder}", "${source.input}", pipeline/ingest.py]
    outs: [data/tables]
  train:
    foreach: ${targets}
    do:
      cmd: python -m pipeline.train ${key}
      params: ["targets.${key}", seed]
      deps: [data/tables, features, pipeline/train.py, requirements/core.txt]
      outs: ["artifacts/${key}", "runs/${key}.json"]
  score:
    cmd: python -m pipeline.score
    params: [cycle]
    deps: [artifacts, data/tables, pipeline/score.py]
    outs: [data/heldout.parquet, data/cycle]
"""
INGEST = """
import shutil
from pathlib import Path
out = Path("data/tables")
out.mkdir(parents=True, exist_ok=True)
for path in Path("exports").glob("*.csv"):
    shutil.copy(path, out / path.name)
"""
TRAIN = """
import hashlib, json, sys, uuid
from pathlib import Path
import yaml
from features.rows import rows
from pipeline.state import state
from dataclasses import asdict
def sha(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
target = sys.argv[1]
seed = yaml.safe_load(Path("params.yaml").read_text())["seed"]
folder = Path("artifacts", target, "serving")
folder.mkdir(parents=True)
(folder / "model.json").write_text(json.dumps({"seed": seed, "rows": rows()}))
parts = {"params": str(seed), "data": sha("data/tables/accounts.csv"),
         "code": sha("features/rows.py"), "lock": sha("requirements/core.txt")}
identity = hashlib.sha256(json.dumps([target, parts]).encode()).hexdigest()
exports = sorted([*Path("exports").glob("*.csv"), *Path("sources").rglob("*.sql")])
record = {"run_id": uuid.uuid4().hex, "target": target, **parts, "identity": identity,
          **asdict(state()), "inputs": {path.as_posix(): sha(path) for path in exports}}
Path("runs").mkdir(exist_ok=True)
Path("runs", f"{target}.json").write_text(json.dumps(record))
"""
SCORE = """
import hashlib, json
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
model = json.loads(Path("artifacts/churn/serving/model.json").read_text())
score = (model["rows"] * model["seed"] % 97) / 97
keys = {"account_id": ["a"], "as_of": ["2026-01-01"]}
held = {**keys, "target": ["churn"], "model": ["learnt"], "score": [score]}
pq.write_table(pa.table(held), "data/heldout.parquet")
out = Path("data/cycle")
out.mkdir()
of = hashlib.sha256(json.dumps(model).encode()).hexdigest()
told = {**keys, "prediction_id": [of], "churn_probability": [score]}
pq.write_table(pa.table(told), out / "record.parquet")
sha = hashlib.sha256((out / "record.parquet").read_bytes()).hexdigest()
run = json.loads(Path("runs/churn.json").read_text())["identity"][:12]
(out / "MANIFEST.json").write_text(json.dumps({"as_of": "2026-01-01", "due_within": 90,
    "identity": {"model_version": run}, "files": {"record.parquet": sha}}))
"""
ROWS = """
from pathlib import Path
def rows():
    return len(Path("data/tables/accounts.csv").read_text())
"""
ACCOUNTS = "account_id,name\nacme,Acme\nbolt,Bolt\n"


def run(folder: Path, *command: str) -> str:
    """What a command prints there; git commits as nobody in particular."""
    who = {f"GIT_{role}_{what}": "test" for role in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True,
        env={**os.environ, **who, "PATH": path},
    ).stdout  # fmt: skip


def dvc(folder: Path, *asked: str) -> str:
    return run(folder, sys.executable, "-m", "dvc", *asked)


def commit(folder: Path, words: str) -> str:
    """Commit all that is there; the commit's name."""
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", words)
    return run(folder, "git", "rev-parse", "HEAD").strip()


def company(folder: Path, remote: str, endpoint: str = "") -> None:
    """A clone, its target trained, the lock committed, all data pushed to a remote.

    With a folder for a remote the exports lie beside the code and no commit knows of them; with an
    `endpoint` of S3 they are data that DVC keeps."""
    (folder / ".dvc").mkdir(parents=True)
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
    shutil.copy(ROOT / ".dvc/.gitignore", folder / ".dvc/.gitignore")
    shutil.copy(ROOT / ".dvcignore", folder / ".dvcignore")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["source"] |= {"input": "exports", "folder": "sources/ours"}
    params["targets"] = {"churn": params["targets"]["churn"]}
    written = {
        "params.yaml": yaml.safe_dump(params, sort_keys=False),
        "dvc.yaml": DVC_YAML,
        ".gitignore": "__pycache__/\n/data/\n/artifacts/\n/runs/\n/exports/\n",
        "requirements/core.txt": (ROOT / "requirements/core.txt").read_text(),
        "sources/ours/accounts.sql": "SELECT * FROM raw_accounts",
        "exports/accounts.csv": ACCOUNTS,
        "features/__init__.py": "",
        "features/rows.py": ROWS,
        "pipeline/__init__.py": "",
        "pipeline/ingest.py": INGEST,
        "pipeline/train.py": TRAIN,
        "pipeline/score.py": SCORE,
        "pipeline/state.py": (ROOT / "pipeline/state.py").read_text(),
        "pipeline/files.py": (ROOT / "pipeline/files.py").read_text(),
    }
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    run(folder, "git", "init", "-q")
    dvc(folder, "remote", "add", "-d", "storage", remote)
    if endpoint:
        dvc(folder, "remote", "modify", "storage", "endpointurl", endpoint)
        dvc(folder, "add", "-q", "exports")
    commit(folder, "the code")
    dvc(folder, "repro", "-q")
    commit(folder, "what was learnt")
    dvc(folder, "push", "-q")


def clone(folder: Path, to: Path) -> Path:
    """A fresh clone: what git holds, no cache, no exports."""
    run(folder.parent, "git", "clone", "-q", str(folder), str(to))
    return to
