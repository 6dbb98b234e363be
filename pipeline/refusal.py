"""What is wrong is said in sentences: a stage that DVC runs says it, and exits, as the verbs do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
        from pipeline import cli

        ours = type(error).__module__.split(".")[0] in cli.PACKAGES
        kinds = cli.refusals() if ours else ()
        if not isinstance(error, (*kinds, RuntimeError)):
            raise
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, kinds) else 3 if cli.leaks(error) else 1)
