"""The pages walked as somebody in customer success would, in a real browser."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

PAGES = {
    "cycle": "/",
    "renewals": "/renewals",
    "account": "/accounts/acc_00003",
    "predicted": "/predicted",
    "calibration": "/predicted?tab=calibration",
    "misses": "/predicted?tab=misses",
    "lead": "/predicted?tab=lead",
    "definitions": "/predicted?tab=definitions",
    "health": "/health?account=acc_00003&w_frequency=2",
    "data": "/data",
}
SERIOUS = ("serious", "critical")


def test_from_the_cycle_to_the_riskiest_renewal_and_why(page, service):
    page.goto("/")
    tile = page.get_by_role("link", name=re.compile(r"^\d+$")).first
    count = int(tile.inner_text())
    tile.click()
    assert page.locator("tbody tr").count() == min(count, 25)
    page.select_option("#f-sort", "risk")
    page.wait_for_url("**sort=risk**")
    risks = page.locator(".risk b").all_inner_texts()
    assert [int(risk.rstrip("%")) for risk in risks] == sorted(
        (int(risk.rstrip("%")) for risk in risks), reverse=True
    )
    name = page.locator("tbody th a").first.inner_text()
    page.locator("tbody th a").first.click()
    assert page.locator("h1").inner_text() == name
    why = page.locator("#why")
    assert "fewer people use it" in why.inner_text()
    assert "the probability went from 10% to 20%" in why.inner_text()


def test_filters_answer_without_a_reload_and_say_how_many_are_left(page):
    page.goto("/renewals")
    page.evaluate("window.before = true")
    page.select_option("#f-agreement", "differ")
    page.wait_for_url("**agreement=differ**")
    page.wait_for_function("document.getElementById('announced').textContent.includes('renewals')")
    assert page.evaluate("window.before") is True
    count = int(page.locator(".count b").inner_text())
    assert f"{count} renewals" in page.locator("#announced").inner_text()
    assert page.evaluate("document.activeElement.id") in ("f-agreement", "")
    page.go_back()
    assert "agreement" not in page.url


def test_the_export_is_what_is_on_the_screen(page, tmp_path):
    page.goto("/renewals?band=high&sort=due")
    with page.expect_download() as found:
        page.get_by_role("link", name=re.compile("Export these")).click()
    saved = tmp_path / "renewals.csv"
    found.value.save_as(saved)
    with saved.open(encoding="utf-8-sig", newline="") as file:
        told = [row["account_id"] for row in csv.DictReader(file)]
    links = page.locator("tbody th a").evaluate_all("all => all.map(a => a.pathname)")
    assert [Path(place).name for place in links] == told


def test_everything_works_by_keyboard(page):
    page.goto("/renewals")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"
    page.focus("#f-q")
    page.keyboard.type("acc_00003")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=acc_00003**")
    page.focus("tbody th a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/acc_00003")


def test_the_list_works_without_a_script(chromium, service):
    context = chromium.new_context(base_url=service.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/renewals")
    page.select_option("#f-band", "high")
    page.get_by_role("button", name="Show").click()
    assert "band=high" in page.url
    assert set(page.locator(".risk small").all_inner_texts()) == {"high"}
    context.close()


def test_who_comes_back_after_settling_sees_what_happened(page, service):
    page.goto("/")
    assert "The 3 of 58 contracts that are settled" in page.inner_text("main")
    service.settle(5)
    page.reload()
    assert "The 5 of 58 contracts that are settled" in page.inner_text("main")
    page.goto("/accounts/acc_00006")
    assert "churned" in page.locator("#history").inner_text()


def test_a_dry_run_shows_the_score_before_and_after(page):
    page.goto("/accounts/acc_00003")
    page.get_by_role("link", name="Try other weights on this account").click()
    page.fill("#w-frequency", "2")
    page.get_by_role("button", name="Try").click()
    assert "weight 2" in page.locator("#dry").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_hard_to_reach(chromium, service, name, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    size = {"width": width, "height": 900}
    context = chromium.new_context(
        base_url=service.address, viewport=size, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(PAGES[name])
    found = axe.Axe().run(page).response["violations"]
    told = [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in SERIOUS]
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    over = page.evaluate(wide)
    context.close()
    assert not told
    assert over <= 0
