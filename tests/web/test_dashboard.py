"""The dashboard as people and browsers meet it, over a tracking database without any server behind it."""

from __future__ import annotations

import json
import os
import shutil
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from migrator import jobfile, settings
from migrator.app.control import start
from migrator.domain.states import Authority, JobState, PrefixState
from migrator.errors import Invalid
from migrator.runtime import build
from migrator.web.serve import Dashboard

JOB = b"""
name: photos
origin: {url: "s3://legacy/", endpoint: "http://127.0.0.1:1"}
destination: {url: "oss://new-home/", endpoint: "http://127.0.0.1:1", region: cn-hangzhou}
redirect: {url: "http://127.0.0.1:1/legacy/"}
allow_private: true
"""
HOSTILE = '<img src=x onerror="document.title=1">/'
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def rt(tmp_path):
    runtime = build(settings.load({}, database_url=f"sqlite:///{tmp_path / 'tracking.db'}"))
    yield runtime
    runtime.store.close()


@pytest.fixture
def job(rt):
    job = start(rt, jobfile.parse(JOB))
    rt.store.prefixes.add(job.id, ["", "eu/", HOSTILE], Authority.DESTINATION)
    rt.store.jobs.finish_discovery(job.id)
    rt.store.jobs.advance(job.id, JobState.DRAFT, JobState.RUNNING, "its prefixes are known")
    return rt.store.jobs.get(job.id)


@pytest.fixture
def dashboard(rt, job):
    with Dashboard(rt, "127.0.0.1", 0) as served:
        yield served


@pytest.fixture
def browser_page():
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        problems = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.problems = problems
        yield page
        browser.close()


def get(url, path, **headers):
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read().decode()
    finally:
        connection.close()


def test_the_page_is_complete_without_script(dashboard):
    status, headers, text = get(dashboard.url, "/jobs/photos")
    assert status == 200
    assert "Running: 0 of 3 prefixes are retired; 3 planned." in text
    assert text.count('<li class="free">') == 20
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_names_are_text_never_markup(dashboard):
    _, _, text = get(dashboard.url, "/jobs/photos")
    assert HOSTILE not in text
    assert "&lt;img src=x" in text


def test_json_is_the_same_snapshot(dashboard):
    status, headers, text = get(dashboard.url, "/api/jobs/photos")
    snapshot = json.loads(text)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert [line["name"] for line in snapshot["prefixes"]] == ["", HOSTILE, "eu/"]
    assert get(dashboard.url, "/api/jobs")[2] == '["photos"]'


def test_an_unknown_job_is_told_as_such(dashboard):
    status, _, text = get(dashboard.url, "/jobs/nothing")
    assert status == 404
    assert "nothing" in json.loads(text)["title"]


def test_other_host_names_are_refused(dashboard):
    assert get(dashboard.url, "/", Host="evil.example:80")[0] == 421
    assert get(dashboard.url, "/", Host="localhost:80")[0] == 200


def test_nothing_is_served_beyond_loopback(rt):
    with pytest.raises(Invalid, match="loopback"), Dashboard(rt, "0.0.0.0", 0):
        pass


def test_a_port_in_use_is_one_clear_line(rt, dashboard):
    with pytest.raises(Invalid, match="cannot be used"), Dashboard(rt, "127.0.0.1", urlsplit(dashboard.url).port):
        pass


@pytest.mark.browser
def test_a_browser_shows_the_job_and_follows_it(rt, job, dashboard, browser_page):
    browser_page.goto(dashboard.url)
    browser_page.get_by_role("link", name="photos").click()
    expect(browser_page.get_by_role("heading", name="photos")).to_be_visible()
    row = browser_page.get_by_role("row").filter(has=browser_page.get_by_role("rowheader", name="eu/"))
    expect(row).to_contain_text("planned")
    prefix = rt.store.prefixes.find(job.id, "eu/")
    rt.store.prefixes.advance(prefix.id, PrefixState.PLANNED, PrefixState.ARMING, "a rule goes up")
    expect(row).to_contain_text("arming")  # without a reload
    expect(browser_page.get_by_role("rowheader", name=HOSTILE)).to_be_visible()
    assert browser_page.title() == "photos - migrator"
    assert browser_page.problems == []


@pytest.mark.browser
def test_the_page_says_when_it_is_stale(rt, job, browser_page):
    with Dashboard(rt, "127.0.0.1", 0) as served:
        browser_page.goto(served.url + "jobs/photos")
        expect(browser_page.get_by_role("status")).to_be_hidden()
    expect(browser_page.get_by_role("status")).to_be_visible()
