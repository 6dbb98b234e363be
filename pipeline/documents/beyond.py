"""A hook of the site's builder: links from a page to files of the clone outside of docs/.

Read in the clone they lead to the file; on the site, which may lie anywhere, they name it.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """A page's text, as the builder asks for it; a link that leads nowhere stays, and fails."""
    clone = Path(config["config_file_path"]).parent
    return named(markdown, page.file.src_uri, clone)


def named(markdown: str, page: str, clone: Path) -> str:
    """The text of the page `docs/<page>`, with what lies beyond docs/ named instead of linked."""

    def told(link: re.Match[str]) -> str:
        path = normpath(join("docs", dirname(page), link[2]))
        if path.startswith(("docs/", "..")) or not (clone / path).exists():
            return link[0]
        return link[1] if path in link[1] else f"{link[1]} (`{path}`)"

    return LINK.sub(told, markdown)
