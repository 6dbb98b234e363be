"""What is handed to Docker names what exists, hides what must stay, and runs on what it installs.

No image is built here: what a build would read is read instead.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from serve.__main__ import BadEnvironment, Place, main
from serve.app import STOP_AFTER
from tests.pipeline.accounts.test_dossier import Made
from tests.workspace import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICE, LEDGER = COMPOSE["services"]["service"], COMPOSE["services"]["ledger"]
NEVER = ("mlflow", "dvc", "scikit-learn", "pyarrow", "altair", "vl-convert-python", "optuna")


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile."""

    name: str
    text: str


def steps() -> list[Step]:
    """The instructions of the Dockerfile, continued lines as one."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [Step(*line.strip().split(maxsplit=1)) for line in lines]


def of(name: str) -> list[str]:
    return [step.text for step in steps() if step.name == name]


def pins(name: str) -> dict[str, set[str]]:
    """Every package of a requirements file with the versions it may have."""
    found: dict[str, set[str]] = {}
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    for package, version in re.findall(r"(?m)^([a-z0-9._-]+)==([^\s;]+)", text):
        found.setdefault(package, set()).add(version)
    return found


def test_the_service_installs_few_packages_and_none_that_trains_or_tracks():
    serve = pins("serve")
    assert not set(serve) & set(NEVER)
    assert {"fastapi", "lightgbm", "psycopg", "sqlalchemy", "uvicorn"} <= set(serve)
    assert len(serve) < 45 < len(pins("core"))


def test_the_service_installs_the_versions_that_everything_else_was_tested_with():
    core, serve = pins("core"), pins("serve")
    assert {name: serve[name] for name in serve if name in core} == {
        name: core[name] for name in serve if name in core
    }
    assert set(serve) <= set(core)


def test_what_the_image_copies_is_there_and_not_ignored():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert [line for line in lines if line and line[0] not in "#!"][0] == "*"
    copied = [text.split()[0] for text in of("COPY") if not text.startswith("--from")]
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / path).exists() for path in copied)


def test_the_image_is_told_only_of_what_the_service_imports():
    copied = {text.split()[0] for text in of("COPY")}
    assert not copied & {"pipeline", "simulation", "data", "artifacts", "."}


def test_the_command_of_the_image_is_a_module_of_ours_that_can_be_run():
    (command,) = of("CMD")
    python, flag, module = json.loads(command)
    assert (python, flag) == ("python", "-m")
    assert importlib.util.find_spec(f"{module}.__main__") is not None


def test_the_image_runs_as_nobody_and_is_asked_for_its_health_without_another_program():
    assert of("USER") == ["10001:10001"]
    (asked,) = re.findall(r"CMD (\[.*\])", of("HEALTHCHECK")[0])
    python, flag, code = json.loads(asked)
    compile(code, "HEALTHCHECK", "exec")
    assert (python, flag) == ("python", "-c") and "127.0.0.1:8000/healthz" in code
    installed = " ".join(of("RUN"))
    assert "--require-hashes" in installed and "curl" not in installed


def test_every_shell_line_of_the_image_can_be_read():
    for text in of("RUN"):
        assert subprocess.run(["sh", "-n", "-c", text], capture_output=True).returncode == 0
        assert shlex.split(text)


def test_nothing_is_reached_from_beyond_this_machine():
    for service in (SERVICE, LEDGER):
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_service_can_change_nothing_and_has_no_rights():
    assert SERVICE["read_only"] is True and SERVICE["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in SERVICE["security_opt"]
    assert all(volume.endswith(":ro") for volume in SERVICE["volumes"])
    assert not any(key in SERVICE for key in ("privileged", "user", "network_mode", "pid"))


def test_no_secret_stands_in_a_file_that_is_kept():
    for service in (SERVICE, LEDGER):
        for name, value in service["environment"].items():
            told = any(word in name for word in ("PASSWORD", "TOKEN", "LEDGER", "SECRET"))
            assert not told or (name.endswith("_FILE") and value.startswith("/run/secrets/")), name
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    used = {f"/run/secrets/{name}" for name in COMPOSE["secrets"]}
    named = {
        value
        for service in (SERVICE, LEDGER)
        for name, value in service["environment"].items()
        if name.endswith("_FILE")
    }
    assert used == named


def test_a_publication_is_mounted_with_its_folder_so_that_the_next_one_is_seen():
    place = Path(SERVICE["environment"]["RENEWCAST_PUBLICATION"])
    mounted = [volume.split(":")[1] for volume in SERVICE["volumes"]]
    assert str(place.parent) in mounted and str(place) not in mounted


def test_there_is_time_to_answer_what_was_asked_before_the_end():
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > STOP_AFTER
    assert of("STOPSIGNAL") == ["SIGTERM"] and SERVICE["init"] is True


def test_every_variable_that_compose_sets_is_read(tmp_path):
    given = {}
    for name, value in SERVICE["environment"].items():
        if name.endswith("_FILE"):
            path = tmp_path / name
            path.write_text(f"of {name}\n")
            value = str(path)
        given[name] = value
    image = dict(re.findall(r"(RENEWCAST_\w+)=(\S+)", " ".join(of("ENV"))))
    place = Place.of(image | given | {"RENEWCAST_NAMES": "renewals.example"})
    assert place == Place(
        publication=Path("/srv/published/cycle"),
        bundles=Path("/srv/artifacts"),
        reports=Path("/srv/reports"),
        ledger="of RENEWCAST_LEDGER_FILE",
        tokens="of RENEWCAST_TOKENS_FILE",
        host="0.0.0.0",
        port=8000,
        names=("renewals.example",),
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HOST": "0.0.0.0"}, "0.0.0.0 and there are no tokens"),
        ({"HOST": "::"}, "there are no tokens"),
        ({"HOST": "renewals.internal"}, "there are no tokens"),
        ({"PORT": "http"}, "PORT is 'http'"),
        ({"PORT": "70000"}, "from 1 to 65535"),
        ({"LEDGER_FILE": "nowhere"}, "nowhere cannot be read"),
        ({"LEDGER_FILE": "empty"}, "empty is empty"),
        ({"LEDGER_FILE": "url", "LEDGER": "sqlite:///l.db"}, "are both set"),
    ],
)
def test_an_environment_that_cannot_be_used_is_refused_and_no_secret_is_said(
    given, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "url").write_text("postgresql://u:hush@h/d")
    with pytest.raises(BadEnvironment, match=said) as refused:
        Place.of({f"RENEWCAST_{name}": value for name, value in given.items()})
    assert "hush" not in str(refused.value)


def test_without_a_word_the_service_is_on_loopback():
    place = Place.of({})
    assert (place.host, place.port, place.tokens) == ("127.0.0.1", 8000, None)


def test_a_bad_environment_ends_with_2_and_one_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "serve"], cwd=ROOT, capture_output=True, text=True,
        env={"RENEWCAST_PORT": "x"},
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "RENEWCAST_PORT" in done.stderr


def test_everything_that_the_environment_says_reaches_the_service(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr("serve.app.serve", lambda *given, **named: asked.update(named, of=given))
    for name in ("PUBLICATION", "BUNDLES", "REPORTS", "LEDGER", "TOKENS", "HOST", "NAMES"):
        monkeypatch.setenv(f"RENEWCAST_{name}", name.lower())
    monkeypatch.setenv("RENEWCAST_PORT", "8001")
    assert main() == 0
    assert asked == {
        "of": (Path("publication"),), "bundles": Path("bundles"), "reports": Path("reports"),
        "ledger": "ledger", "tokens": "tokens", "host": "host", "port": 8001, "hosts": ("names",),
    }  # fmt: skip


def test_tokens_that_are_none_end_it_with_2(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("RENEWCAST_TOKENS", "read everything please")
    monkeypatch.setenv("RENEWCAST_PUBLICATION", str(tmp_path))
    assert main() == 2
    assert "tokens" in capsys.readouterr().err


ALONE = """
import importlib.abc, sys
from importlib.metadata import packages_distributions

ALLOWED = set({allowed!r})
OF = packages_distributions()

class Bare(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        owners = {{of.lower().replace("_", "-") for of in OF.get(top, [])}} - {{"renewcast"}}
        if owners and not owners & ALLOWED or top in ("pipeline", "simulation"):
            raise ModuleNotFoundError(f"{{top}} is not installed here", name=top)
        return None

sys.meta_path.insert(0, Bare())

import json
from pathlib import Path
import serve.__main__, serve.app, serve.ledger, serve.judgement
from models import bundle
from models.target import Target
from serve.dossier import Dossier
from serve.scorer import probabilities

folders = {{name: Path("artifacts") / name / "serving" for name in ("churn", "upsell", "downsell")}}
models = {{name: bundle.load(folder) for name, folder in folders.items()}}
targets = [Target(**bundle.manifest(of)["about"]["target"]) for of in folders.values()]
columns = sorted({{name for of in models.values() for name in of.encoding.columns}})
features = Dossier(Path({folder!r})).matrix(columns)
asked = features.reset_index().assign(decided=None)
long = probabilities(features, asked, models, targets)
churn = long[long["target"].eq("churn")]
print(json.dumps(dict(zip(churn["account_id"], churn["probability"].map(float.hex)))))
"""


def test_with_the_packages_of_the_service_alone_the_published_bits_come_out(company, tmp_path):
    """Everything else is made invisible to a Python in which the bundles score the dossier."""
    with company.inside():
        made = Made()
        published = made.cycle.frame
        made.dossier.write(tmp_path)
    code = ALONE.format(allowed=sorted(pins("serve")), folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=company.folder, capture_output=True, text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    scored = published[published["status"].eq("scored")]
    found = json.loads(done.stdout)
    expected = scored.set_index("account_id")["churn_probability"].map(float.hex).to_dict()
    assert len(expected) > 20
    assert {account: found[account] for account in expected} == expected
