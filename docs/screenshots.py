"""Take the README's screenshots from a real run: `python docs/screenshots.py`.

Starts `migrator demo`, waits until the job is in the middle, and photographs its page in light and in dark. Needs the
demo's extras, Playwright (both are in `./x setup`) and Debian's chromium.
"""

# ruff: noqa: INP001 - a command, not a package
from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

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
_ADDRESS = re.compile(r"dashboard: (http://127\.0\.0\.1:\d+/)")


@contextmanager
def demo(objects: int, seed: int) -> Iterator[str]:
    """Run the demo and yield the address of its dashboard; end it afterwards."""
    command = [sys.executable, "-m", "migrator", "demo", "--objects", str(objects), "--seed", str(seed)]
    # A file rather than a pipe: nobody reads what it says later, and a full pipe would stop it.
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stderr=said, stdout=subprocess.DEVNULL, process_group=0)
        try:
            yield _address(process, said)
        finally:
            _end(process)


def _address(process: subprocess.Popen[bytes], said: TextIO) -> str:
    for _ in _patiently():
        said.seek(0)
        if found := _ADDRESS.search(said.read()):
            return found.group(1)
        if process.poll() is not None:
            break
    sys.exit("the demo did not show its dashboard")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the demo and whatever it started: they are one process group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _patiently() -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        yield
        time.sleep(0.1)


def wait_for_the_middle(address: str) -> None:
    """Return when the page shows a bit of everything: prefixes in three states, several own rules, some gone."""
    for _ in _patiently():
        with urlopen(f"{address}api/jobs/demo") as answer:  # noqa: S310 - our own loopback address
            job = json.load(answer)
        own = sum(slot["own"] for slot in job["slots"])
        if own >= 4 and len(job["states"]) >= 3:
            return
        if job["state"] == "done":
            sys.exit("the demo was over before its middle was seen; try another --objects")
    sys.exit(f"the demo did not get to its middle in {PATIENCE_S:.0f} s")


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
        sys.exit(f"{file} has {size} bytes, more than {MOST_BYTES}")
    print(f"{file.relative_to(IMAGES.parent.parent)}: {size} bytes")  # noqa: T201 - a command says what it did


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description="Take the README's screenshots from a real run.")
    parser.add_argument("--objects", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS)) as browser,
        demo(options.objects, options.seed) as address,
    ):
        wait_for_the_middle(address)
        for scheme in ("light", "dark"):
            photograph(browser, f"{address}jobs/demo", scheme, IMAGES / f"dashboard-{scheme}.png")


if __name__ == "__main__":
    main()
