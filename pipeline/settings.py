"""The only reader of params.yaml: each module declares its block, here they are put together."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from features.definition import Relative
from features.engine import EngineSettings
from features.feature import definitions, families
from models.chain import check_chains
from models.comparison import ComparisonSettings
from models.evidence import GateSettings
from models.health_floors import TrialSettings
from models.health_profile import HealthSettings, check_names
from models.heldout import HeldoutSettings
from models.ladder import LearnSettings
from models.lead_time import LeadTimeSettings
from models.monitor import MonitorSettings
from models.portfolio import ForecastSettings
from models.rates import RatesSettings
from models.signals import SignalSettings
from models.target import Targets
from models.warning import WarningSettings
from pipeline import files
from pipeline.holdout import HoldoutSettings
from serve.batch import CycleSettings
from serve.dossier import DossierSettings
from serve.dossier import check_names as check_dossier
from simulation.company import SimulationSettings


class Block(BaseModel):
    """A block of params.yaml: fixed, and without a key nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(Block):
    """`folder` of SELECTs over `input` (a folder of files, or a database URL), and the period in
    which the exports hold every customer; `data_until` null: the earliest of the tables' ends."""

    name: str
    folder: str
    input: str
    data_from: date
    data_until: date | None


class AccountsSettings(Block):
    """`static`: columns that never change in this source, so that they may be known afterwards."""

    static: list[str]


class ContractsSettings(Block):
    """`grace`: days after a due date in which a late renewal still counts as renewed. `ahead`: days
    in which the further terms of a running contract are looked for."""

    grace: NonNegativeInt
    ahead: PositiveInt


class FeaturesSettings(Block):
    """`families`: which of the feature families are learnt from; all are built, for the health
    score reads them, too."""

    families: list[str]


class LedgerSettings(Block):
    """`url`: the database in which published predictions are sealed, as SQLAlchemy reads it."""

    url: str


class Settings(Block):
    """params.yaml as a whole."""

    seed: int
    engine: EngineSettings
    simulation: SimulationSettings
    source: SourceSettings
    accounts: AccountsSettings
    contracts: ContractsSettings
    heldout: HeldoutSettings
    targets: Targets
    features: FeaturesSettings
    gate: GateSettings
    learning: LearnSettings
    health: HealthSettings
    health_trial: TrialSettings
    warning: WarningSettings
    comparison: ComparisonSettings
    lead_time: LeadTimeSettings
    signals: SignalSettings
    rates: RatesSettings
    forecast: ForecastSettings
    monitor: MonitorSettings
    cycle: CycleSettings
    ledger: LedgerSettings
    service: DossierSettings
    holdout: HoldoutSettings

    @model_validator(mode="after")
    def _measures(self) -> Settings:
        check_names(self.health, {definition.name for definition in definitions()})
        ranks = [of.name for of in definitions() if isinstance(of, Relative)]
        check_dossier(self.service, families(), ranks)
        check_chains(self.targets)
        for name, target in self.targets.items():
            if target.horizon > self.contracts.ahead:
                raise ValueError(
                    f"targets.{name}.horizon {target.horizon} is further than contracts.ahead "
                    f"{self.contracts.ahead}: decisions in between would not be seen"
                )
        return self


class BadParams(ValueError):
    """params.yaml cannot be used; every fault is named."""


def load(path: Path = files.PARAMS) -> Settings:
    """The settings, checked as a whole; raises BadParams with every fault."""
    return checked(read(path), path)


def checked(values: object, path: Path) -> Settings:
    """Settings from values that a file states; raises BadParams with every fault."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        faults = [
            f"{path}: {'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}"
            f" (it is {fault['input']!r:.80})"
            for fault in error.errors(include_url=False)
        ]
        raise BadParams("\n".join(faults)) from None


def read(path: Path = files.PARAMS) -> dict[str, Any]:
    """params.yaml as plain values; raises BadParams with the line where it is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
        twice = [
            f"{path} line {line}: {key} stands there twice: keep one of the two"
            for line, key in repeated(yaml.compose(text, Loader=yaml.CSafeLoader))
        ]
        values = yaml.load(text, Loader=Placed)
    except FileNotFoundError:
        raise BadParams(f"{path} is not in {Path.cwd()}: run from the top of the clone") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadParams(f"{path} line {line}: it is not UTF-8: save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise BadParams(no_yaml(error, path)) from None
    if twice:
        raise BadParams("\n".join(twice))
    return values


class Placed(yaml.CSafeLoader):
    """Reads YAML; of a value that is none, such as the day 2025-02-30, it says the line, too."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None


def repeated(root: yaml.Node | None) -> list[tuple[int, str]]:
    """The line and the name of every key that its block has already, of which YAML takes the last.

    >>> repeated(yaml.compose("a: {b: 1, c: 2, b: 3}\\nb: 4\\na: 5"))
    [(1, 'b'), (3, 'a')]
    """
    found, seen, left = [], set(), [root]
    while left:
        node = left.pop()
        if id(node) in seen:  # an alias: the same node under a second name
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                left.append(value)
                if isinstance(key, yaml.ScalarNode) and key.value in keys:
                    found.append((key.start_mark.line + 1, key.value))
                elif isinstance(key, yaml.ScalarNode):
                    keys.add(key.value)
    return sorted(found)


def no_yaml(error: yaml.YAMLError, path: Path) -> str:
    """What YAML cannot read, with its line, and what to look for."""
    mark = getattr(error, "problem_mark", None)
    place = path if mark is None else f"{path} line {mark.line + 1}"
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{place}: it is no YAML: {what}. Indent with spaces, close every bracket and quote"
