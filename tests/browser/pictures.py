"""The pictures in docs/pages, of a service that runs: each page, wide and narrow, light and dark.

renewcast serve &
python -m tests.browser.pictures http://127.0.0.1:8000 acc_00083
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS

FOLDER = Path("docs/pages")
WIDTHS = {1280: 900, 390: 844}


def main(address: str, account: str) -> None:
    """Write a picture of what a reader sees first of each page."""
    pages = {
        "cycle": "/", "renewals": "/renewals", "account": f"/accounts/{account}",
        "predicted": "/predicted", "health": "/health", "data": "/data",
    }  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for width, height in WIDTHS.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                for name, path in pages.items():
                    page.goto(address + path)
                    page.screenshot(path=FOLDER / f"{name}-{scheme}-{width}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
