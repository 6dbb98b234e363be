"""Nobody gets in who may not, nothing that is too large, and what goes wrong is not shown."""

from __future__ import annotations

import asyncio
import base64
import json
import logging

import httpx
import pytest

from serve.api.guard import HEADERS, hostname
from serve.api.limits import Limits
from serve.api.logs import Lines
from serve.api.tokens import BadTokens, Tokens, issue
from serve.app import serve
from tests.serve.api.served import Client, app, is_problem

READ, PUBLISH = issue("read", "crm"), issue("publish", "batch")
LINES = f"# who may ask\n\n{READ[1]}\n{PUBLISH[1]}\n"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def closed(public, saved):
    """A service with tokens."""
    return Client(app(public, saved, tokens=LINES, hosts=["renewals.example"]))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("rnw_" + "x" * 43),
        bearer(""),
        bearer(PUBLISH[1].split(":")[1]),
        {"Authorization": READ[0]},
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic " + base64.b64encode(b"crm").decode()},
        {"Authorization": b"Bearer \xff\xfe"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/renewals", "/metrics", "/openapi.json", "/docs", "/nowhere"])
def test_without_a_token_nothing_is_told(closed, path, headers):
    answer = closed.ask("GET", path, headers=headers)
    assert is_problem(answer, 401, "name a token") and "www-authenticate" in answer.headers


def test_what_a_load_balancer_asks_needs_no_token(closed):
    assert closed.get("/healthz").status_code == closed.get("/readyz").status_code == 200


def test_a_token_lets_in_as_bearer_and_from_a_browser_as_the_password(closed):
    basic = base64.b64encode(f"anna:{READ[0]}".encode()).decode()
    for headers in (bearer(READ[0]), bearer(PUBLISH[0]), {"Authorization": f"basic {basic}"}):
        assert closed.ask("GET", "/v1/models", headers=headers).status_code == 200
    asked = closed.ask("GET", "/", headers={"Accept": "text/html"})
    assert asked.headers["www-authenticate"].startswith("Basic realm=")


def test_only_who_may_publish_may_have_it_look_for_what_is_new(closed):
    refused = closed.ask("POST", "/v1/refresh", headers=bearer(READ[0]))
    assert is_problem(refused, 403, "may read only")
    told = closed.ask("POST", "/v1/refresh", headers=bearer(PUBLISH[0]))
    assert told.status_code == 200 and told.json()["taken"] == []


def test_a_token_is_long_random_and_kept_as_a_hash_only():
    token, line = issue("read", "crm")
    assert token != issue("read", "crm")[0] and len(token) >= 4 + 43
    assert token not in line and Tokens.of(line).caller(b"Bearer " + token.encode()).name == "crm"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no token"),
        ("# none\n", "there is no token"),
        ("admin crm sha256:" + "a" * 64, "line 1"),
        ("\nread crm sha256:" + "a" * 63, "line 2"),
        ("read crm hush-hush", "line 1"),
        (f"{READ[1]}\n{READ[1]}", "line 2 of the tokens has a name that stands there twice"),
    ],
)
def test_a_bad_configuration_is_refused_and_not_repeated(text, said):
    with pytest.raises(BadTokens, match=said) as refused:
        Tokens.of(text)
    assert "hush" not in str(refused.value) and "a" * 60 not in str(refused.value)


def test_a_name_that_no_line_can_hold_is_refused():
    with pytest.raises(BadTokens, match="cannot be named"):
        issue("read", "two words")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "renewals.example"])
def test_beyond_loopback_it_does_not_start_without_tokens(public, host):
    with pytest.raises(BadTokens, match="there are no tokens"):
        serve(public / "cycle", host=host)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("Renewals.Example", 200),
        ("evil.example", 400),
        ("localhost.evil.example", 400),
        ("evil.example#@localhost", 400),
        ("localhost/evil", 400),
        ("", 400),
        ("[::1", 400),
    ],
)
def test_only_its_own_names_are_answered_to(closed, host, status):
    answer = closed.ask("GET", "/healthz", headers={"Host": host})
    assert answer.status_code == status and (status == 200 or is_problem(answer, 400, "Host"))


def test_a_name_with_odd_signs_is_no_name():
    assert hostname("a@localhost") == hostname("localhost?x") == hostname("\\localhost") == ""


def test_a_page_of_another_origin_may_not_send(client):
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", "http://[::1"):
        refused = client.post("/v1/score", {}, headers={"Origin": origin})
        assert is_problem(refused, 403, "another origin")
    assert client.post("/v1/score", {}, headers={"Origin": "http://localhost"}).status_code == 422
    plain = client.ask("POST", "/v1/score", content=b"{}", headers={"Content-Type": "text/plain"})
    assert is_problem(plain, 415, "send JSON")


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/renewals", "/nowhere", "/docs", "/v1/renewals.csv"]
)
def test_every_answer_carries_the_headers_that_keep_browsers_careful(client, path):
    headers = client.get(path).headers
    for name, value in HEADERS.items():
        assert headers[name] == value
    scripts = [part for part in HEADERS["Content-Security-Policy"].split(";") if "script" in part]
    assert scripts == [" script-src 'self'"] and "server" not in headers


def blocks(count, size=65_536):
    async def sent():
        for _ in range(count):
            yield b" " * size

    return sent()


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (lambda: blocks(1600), {}),  # 100 MB whose length nobody announced
        (lambda: b"{}", {"Content-Length": str(10**8)}),
        (lambda: b"{}", {"Content-Length": "9" * 40}),
    ],
)
def test_a_body_of_100_mb_is_refused_before_it_is_read(client, content, headers):
    headers = {"Content-Type": "application/json"} | headers
    for path in ("/v1/score", "/v1/what-if"):
        answer = client.ask("POST", path, content=content(), headers=headers)
        assert is_problem(answer, 413, "16,777,216 bytes")
        assert answer.headers["connection"] == "close"
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 100_000, 400),
        (b'{"features":' * 2000 + b"1" + b"}" * 2000, 400),
        (b'{"features":' * 500 + b"1" + b"}" * 500, 422),
        (b"[" * 900 + b"]" * 900, 422),
        (b'{"account_id": "a\x00b", "changes": {}}', 400),
        (b'{"features": {"arr": NaN}}', 400),
        (b'{"features": {"arr": 1e999}}', 400),
        (b'{"features": {"arr": 1' + b"0" * 5000 + b"}}", 400),
        (b'{"features": {"\\ud800": 1}}', 400),
        (b'{"features": "\xff\xfe"}', 400),
        ('{"features": {"ａrr": "\u202e\ufeff"}}'.encode(), 422),
        ('{"account_id": "\U0001f4a9\u0000"}'.encode("utf-16"), 400),
        (b"", 400),
        (b"null", 422),
        (b'"__import__"', 422),
        (b'{"rows": {"__class__": 1}}', 422),
    ],
)
def test_odd_json_is_refused_and_the_service_lives(client, body, status):
    for path in ("/v1/score", "/v1/what-if"):
        kind = {"Content-Type": "application/json"}
        assert is_problem(client.ask("POST", path, content=body, headers=kind), status)
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("ask", ["accounts", "explain", "history"])
@pytest.mark.parametrize(
    "odd",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/MANIFEST.json",
        "/etc/passwd",
        "acme%00",
        "acme%00.json",
        "C:%5Cwindows",
        "acme'%20OR%201=1%20--",
        "%ff%fe",
        "%f0%9f%92%a9",
        "a" * 499,
        "acme%0d%0aSet-Cookie:%20a=b",
        "ａｃｍｅ",
        ".",
    ],
)
def test_a_path_as_an_id_reaches_no_file_and_no_other_account(client, ask, odd):
    answer = client.get(f"/v1/{ask}/{odd}")
    if ask == "history" and answer.status_code == 200:
        assert answer.json() == {"predictions": [], "outcomes": []}
    else:
        assert is_problem(answer, 404)
    assert "root:" not in answer.text and "set-cookie" not in answer.headers


def test_an_id_that_is_too_long_and_a_filter_that_nobody_knows_are_refused(client):
    assert is_problem(client.get("/v1/accounts/" + "a" * 501), 422)
    assert is_problem(client.get("/v1/renewals", ownr="anna"), 422, "query.ownr")
    assert is_problem(client.get("/v1/explain/acme", target="../churn"), 404)


def test_what_is_wrong_inside_is_not_shown(client, caplog, monkeypatch):
    def breaks(_):
        raise RuntimeError("acme pays 1000")

    monkeypatch.setattr(client.state.now.listing, "find", breaks)
    with caplog.at_level(logging.INFO, "renewcast.service"):
        answer = client.get("/v1/renewals", owner="Anna Secret")
    assert is_problem(answer, 500, "a fault of ours") and "acme" not in answer.text
    failed, answered = (json.loads(Lines().format(record)) for record in caplog.records)
    assert failed["error"].startswith("RuntimeError in test_guard.py:")
    assert failed["id"] == answered["id"] == answer.headers["x-request-id"]
    assert "1000" not in str(failed) and answered["status"] == 500


def test_the_log_names_routes_and_nobody(closed, caplog):
    with caplog.at_level(logging.INFO, "renewcast.service"):
        closed.ask("GET", "/v1/accounts/acme?owner=anna", headers=bearer(READ[0]))
        closed.ask("GET", "/v1/nobody/acme", headers=bearer("hush"))
    lines = [Lines().format(record) for record in caplog.records]
    known, unknown = map(json.loads, lines)
    assert known["route"] == "/v1/accounts/{account_id:path}" and known["caller"] == "crm"
    assert unknown["route"] == "unmatched" and unknown["status"] == 401
    assert not any(word in "".join(lines) for word in ("acme", "anna", "hush", READ[0]))
    assert known["time"].endswith("+00:00")


def test_figures_are_counted_by_route_and_known_method(closed):
    closed.ask("BREW", "/v1/accounts/acme", headers=bearer(READ[0]))
    told = closed.ask("GET", "/metrics", headers=bearer(READ[0])).text
    assert 'method="other",route="' in told and "acme" not in told and "BREW" not in told
    assert 'renewcast_bundle_info{sha256="' in told and "renewcast_renewals 9.0" in told


def test_too_many_at_once_are_told_to_come_again(public, saved):
    few = app(public, saved, limits=Limits(at_once=2))

    async def slow(_):
        await asyncio.sleep(0.2)

    few.state.renewcast.read = slow

    async def many():
        transport = httpx.ASGITransport(app=few)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            paths = ["/v1/accounts/acme"] * 3 + ["/healthz"]
            return await asyncio.gather(*map(client.get, paths))

    *asked, alive = asyncio.run(many())
    assert [answer.status_code for answer in asked] == [404, 404, 429]
    assert is_problem(asked[2], 429) and asked[2].headers["retry-after"] == "1"
    assert alive.status_code == 200


def test_what_takes_too_long_is_ended(public, saved):
    slow = Client(app(public, saved, limits=Limits(seconds=0.2)))

    async def never(_):
        await asyncio.sleep(30)

    slow.state.read = never
    answer = slow.get("/v1/accounts/acme")
    assert is_problem(answer, 503, "took too long") and answer.headers["retry-after"] == "5"


def test_a_body_that_never_comes_is_not_waited_for(public, saved):
    slow = Client(app(public, saved, limits=Limits(seconds=0.2)))

    async def drips():
        yield b"{"
        await asyncio.sleep(30)

    kind = {"Content-Type": "application/json"}
    answer = slow.ask("POST", "/v1/score", content=drips(), headers=kind)
    assert is_problem(answer, 408, "took longer than 0.2 s")
    assert answer.headers["connection"] == "close"
