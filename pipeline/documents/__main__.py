"""`python -m pipeline.documents`: write every page that the code says by itself into `docs/`."""

from __future__ import annotations

from pathlib import Path

from pipeline import files
from pipeline.documents.pages import CHAPTERS, write
from pipeline.verbs.front import need


def main() -> None:
    """Write the pages, from the top of the clone; the interface is read from what was published."""
    need(files.CYCLE / "MANIFEST.json", "dvc repro")
    for page in write(Path("docs"), CHAPTERS):
        print(page)


if __name__ == "__main__":
    main()
