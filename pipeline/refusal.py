"""What is wrong is said in sentences: a stage that DVC runs says it, and exits, as the verbs do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

PACKAGES = {"features", "models", "serve", "pipeline", "simulation"}


@contextmanager
def in_sentences() -> Iterator[None]:
    """Exit 2 for bad input, 3 where the gate found a leak, 1 for an error, each with its message.

    Whatever else is raised is a fault of ours, and keeps its traceback.
    """
    try:
        yield
    except OSError as error:
        print(f"{error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except (ValueError, RuntimeError) as error:
        ours = type(error).__module__.split(".")[0] in PACKAGES
        kinds = refusals() if ours else ()
        if not isinstance(error, (*kinds, RuntimeError)):
            raise
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, kinds) else 3 if leaks(error) else 1)


def leaks(error: Exception) -> bool:
    """Whether the honesty gate refused what was to be learnt."""
    from models.gate import LeakFound

    return isinstance(error, LeakFound)


def refusals() -> tuple[type[Exception], ...]:
    """What we raise where the input, not the program, is to be changed."""
    from features.definition import UnknownName
    from features.observations import NoMornings
    from features.tables import BadInput
    from models.encoding import MissingColumns
    from models.health_diff import BandsDiffer
    from models.health_profile import UnknownFeature
    from models.heldout import NothingHeldOut
    from models.holdout import CannotAssign
    from pipeline.erasing.belongings import Entangled
    from pipeline.erasing.erasure import UnknownAccount
    from pipeline.experiments.promotion import CannotJudge
    from pipeline.experiments.run_record import UnknownRun
    from pipeline.experiments.searching import NothingToSearch
    from pipeline.experiments.side_by_side import NotComparable
    from pipeline.experiments.tracking import NotTracked
    from pipeline.forgetting import BadRegister
    from pipeline.health_trial import NoPast
    from pipeline.settings import BadParams
    from serve.api.tokens import BadTokens
    from serve.freshness import Refused
    from serve.given import BadInput as BadFeatures
    from serve.sealing.entries import Unsealable
    from serve.sealing.verification import NoAnchor
    from serve.settling import BeyondData

    return (
        BadFeatures,
        BadInput,
        BadParams,
        BadRegister,
        BadTokens,
        BandsDiffer,
        BeyondData,
        CannotAssign,
        CannotJudge,
        Entangled,
        MissingColumns,
        NoAnchor,
        NoMornings,
        NoPast,
        NotComparable,
        NothingHeldOut,
        NothingToSearch,
        NotTracked,
        Refused,
        UnknownFeature,
        UnknownAccount,
        UnknownName,
        UnknownRun,
        Unsealable,
    )
