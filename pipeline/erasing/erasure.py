"""Forget an account: everything that holds it is found first, then erased, then searched again.

What the pipeline makes again is deleted whole, for the rows of others were made with it, too: ranks
among peers, rollups, models. What cannot be made again (exports, publications, the ledger) is
written anew without it. The exports come last: after a crash the same command finds all that is
left and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline import files
from pipeline.erasing import scrubbing, versions
from pipeline.erasing.belongings import Belongings, belongings, words_of
from pipeline.erasing.findings import Find, left_to_you, on_disk
from pipeline.erasing.traces import Sought
from pipeline.forgetting import Register
from pipeline.reading.source import read_source
from pipeline.settings import Settings

NOTHING = Belongings({}, {}, (), False)


class UnknownAccount(ValueError):
    """No file and no database holds the account: a slip of the pen is not to be registered."""


@dataclass(frozen=True)
class Plan:
    """`finds`: what is to be erased, in that order; `left`: files in the clone that hold the
    account and are not ours to change; `yours`: what else is not, in sentences; `unreachable`: the
    commits whose data can no longer be checked out."""

    sought: Sought
    finds: tuple[Find, ...]
    left: tuple[str, ...]
    yours: tuple[str, ...]
    unreachable: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """The plan as JSON holds it."""
        return {
            "account_id": self.sought.account_id,
            "finds": [find.to_dict() for find in self.finds],
            "left": list(self.left),
            "yours": list(self.yours),
            "unreachable": list(self.unreachable),
        }


@dataclass(frozen=True)
class Request:
    """Whom to forget, in which `publications` outside the clone as well, and whether `inputs`
    outside the clone may be written anew."""

    account_id: str
    publications: Sequence[Path] = ()
    inputs: bool = False


def plan(settings: Settings, asked: Request) -> Plan:
    """Everything that holds the account. Nothing is changed.

    Raises BadInput if the exports cannot be read, Entangled if others would change without its
    rows, and UnknownAccount if nothing holds it and it was never forgotten.
    """
    belongs = _belongs(settings, asked.account_id)
    sought = Sought(asked.account_id, belongs.words, belongs.within)
    found = _search(settings, asked, sought, belongs)
    known = found.finds or found.left or belongs.rows
    if not known and not Register.read().among([asked.account_id]):
        raise UnknownAccount(
            f"nothing holds an account {asked.account_id}: give its account_id as the tables have "
            "it (`renewcast explain` takes the same)"
        )
    return found


def erase(settings: Settings, asked: Request, found: Plan, today: date) -> Plan:
    """Register the account as forgotten, erase what was found, and search again: what is left.

    Every step may be repeated; after a crash plan and erase again.
    """
    Register.read().and_also(asked.account_id, today).write()
    for find in found.finds:
        find.erase()
    return _search(settings, asked, found.sought, NOTHING)


def _belongs(settings: Settings, account_id: str) -> Belongings:
    given = settings.source.input
    if "://" not in given and not Path(given).is_dir():
        words, within = words_of(files.TABLES, account_id)
        return Belongings({}, {}, words, within)
    source, _ = read_source(Path(settings.source.folder))
    return belongings(source, given, account_id)


def _search(settings: Settings, asked: Request, sought: Sought, belongs: Belongings) -> Plan:
    account = sought.account_id
    finds: list[Find] = []
    if entries := scrubbing.entries_of(settings, account):
        finds.append(
            Find("the ledger", "erase the content and the salt of", entries, "entries", (),
                 lambda: scrubbing.forget_entries(settings, account))
        )  # fmt: skip
    if cells := scrubbing.cells_with(files.TRACKING, sought):
        finds.append(
            Find(str(files.TRACKING), "blank", cells, "texts", (),
                 lambda: scrubbing.scrub(files.TRACKING, sought))
        )  # fmt: skip
    stores, objects = versions.stores(), []
    for folder in stores.folders:
        if held := versions.objects_with(folder, sought):
            objects += held
            finds.append(Find.deleting(f"DVC's {_short(folder)}", held, "objects"))
    own = _own_input(settings, asked)
    ours, left, kept = on_disk(settings, asked.publications, own, sought, belongs, stores.folders)
    return Plan(
        sought,
        (*finds, *ours),
        tuple(str(path) for path in left),
        tuple(left_to_you(settings, own, sought, belongs, stores, kept)),
        tuple(versions.out_of_reach(objects)),
    )


def _own_input(settings: Settings, asked: Request) -> Path | None:
    """The folder of exports, if it is ours to write: in the clone, or named by the request."""
    given = settings.source.input
    if "://" in given or not Path(given).is_dir():
        return None
    inside = Path(given).resolve().is_relative_to(Path.cwd())
    return Path(given) if inside or asked.inputs else None


def _short(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
