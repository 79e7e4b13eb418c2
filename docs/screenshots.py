"""Take the README's screenshots from a real run: `python docs/screenshots.py`.

Moves real files from the sandbox's origin to its OSS as the demo does, with some prefixes held, and photographs the
job's page once the others are retired, in light and in dark. Needs what `./x setup` installs, and Debian's chromium.
"""

# ruff: noqa: INP001 - a command, not a package
from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from migrator import settings
from migrator.app import control
from migrator.app.context import Runtime
from migrator.domain.states import PrefixState
from migrator.runtime import Embedded
from migrator.sandbox.demo.stage import JOB, stage
from migrator.web.serve import Dashboard

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
IMAGES = Path(__file__).parent / "images"
MOST_BYTES = 200_000
PATIENCE_S = 300.0
WIDTH, HEIGHT = 1280, 1000


def bring_to_the_middle(rt: Runtime) -> None:
    """Return when every third prefix is proven but held, and the others are retired."""
    _wait_until(lambda: rt.store.jobs.by_name(JOB).discovered)
    job = rt.store.jobs.by_name(JOB)
    held = [name for name in rt.store.prefixes.names(job.id) if name][::3]
    for name in held:
        control.hold(rt, JOB, name, "operations: until the weekend")

    def middle() -> bool:
        counts = rt.store.prefixes.state_counts(job.id)
        return counts[PrefixState.READY] == len(held) and counts[PrefixState.RETIRED] + len(held) == sum(
            counts.values()
        )

    _wait_until(middle)


def photograph(browser: Browser, url: str, scheme: str, file: Path) -> None:
    """Take one picture of the page as a desktop shows it, in a context of its own."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if scheme == "dark" else "light"
    )
    try:
        page = context.new_page()
        page.goto(url)
        page.get_by_role("heading", name="Prefixes").wait_for()
        page.screenshot(path=file)
    finally:
        context.close()
    size = file.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{file.name} has {size} bytes, more than {MOST_BYTES}")
    print(f"{file.name}: {size} bytes")  # noqa: T201 - a command says what it did


def _wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        if time.monotonic() > deadline:
            sys.exit(f"the job did not get to its middle in {PATIENCE_S:.0f} s")
        time.sleep(0.2)


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description="Take the README's screenshots from a real run.")
    parser.add_argument("--objects", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, stage(None, options.objects, options.seed) as scene:
        loaded = settings.load({}, database_url=f"sqlite:///{folder}/tracking.db", tick_s=0.5, resend_s=5.0)
        with Embedded(loaded) as rt, Dashboard(rt, "127.0.0.1", 0) as dashboard:
            control.start(rt, scene.spec)
            bring_to_the_middle(rt)
            with (
                sync_playwright() as playwright,
                playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS)) as browser,
            ):
                for scheme in ("light", "dark"):
                    photograph(browser, f"{dashboard.url}jobs/{JOB}", scheme, IMAGES / f"dashboard-{scheme}.png")


if __name__ == "__main__":
    main()
