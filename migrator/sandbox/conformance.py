"""Run the official Python SDK's own integration tests against the sandbox OSS, and say what came out.

    python -m migrator.sandbox.conformance CHECKOUT [--auth v4] [MODULE ...]

CHECKOUT is a checkout of github.com/aliyun/aliyun-oss-python-sdk. Its files stay as they are. The module is also the
pytest plugin that takes the real cloud out of those tests: what asks KMS uses the local RSA key instead, and names
under aliyuncs.com lead to the sandbox.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click

from migrator.sandbox.oss.run import RunningOss, start_oss

PORT_VARIABLE = "OSS_CONFORMANCE_PORT"
EXTRA_PACKAGES = {"mock": "mock", "aliyunsdksts": "aliyun-python-sdk-sts", "pytest_timeout": "pytest-timeout"}
"""What the SDK's tests import beyond what this project needs."""

MODULES: dict[str, tuple[str, ...]] = {
    "test_website": (),
    "test_object": (
        "test_process_object",
        "test_async_process_object",
        "test_sign_url_with_callback",
        "test_timeout",
        "test_default_timeout",
    ),
    "test_multipart": (),
    "test_list_objects_v2": (),
    "test_iterator": ("test_live_channel_iterator",),
    "test_chinese": (),
    "test_sign": (),
    "test_exception_ec": (),
    "test_upload": (),
    "test_download": (),
    "test_crypto_object": (),
    "test_crypto_multipart": (),
    "test_headers": (),
    "test_init": (),
    "test_crc64_combine": (),
    "test_proxy": (),
    "test_bucket": (
        "test_bucket_encryption",
        "test_bucket_encryption_wrong",
        "test_bucket_header_KMS_SM4",
        "test_bucket_header_SM4",
        "test_bucket_header_SSE_KMS",
        "test_bucket_storage_capacity",
        "test_lifecycle_object_tagging_exceptions_wrong_key",
        "test_lifecycle_object_tagging_exceptions_wrong_value",
        "test_lifecycle_storage_transitions_mixed",
        "test_put_lifecycle_days_less_than_transition_days",
        "test_put_lifecycle_invalid_transitions",
    ),
}
"""The modules that matter here, with the tests in them that are out of scope (docs/conformance.md says why)."""


@dataclass(slots=True)
class Tally:
    """What came out of one module."""

    module: str
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    out_of_scope: int = 0
    seconds: float = 0.0
    broken: str = ""
    """Why nothing was run at all."""


@click.command()
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path))
@click.argument("modules", nargs=-1)
@click.option("--auth", type=click.Choice(["v1", "v2", "v4"]), default="v4", help="Signature version (default: v4).")
def main(checkout: Path, modules: tuple[str, ...], auth: str) -> None:
    """Run the official Python SDK's tests against the sandbox OSS; exit 0 only if all that are in scope pass.

    CHECKOUT is a checkout of github.com/aliyun/aliyun-oss-python-sdk, MODULES only some of its test modules.

    Example: ./x conformance ~/aliyun-oss-python-sdk test_website test_object
    """
    tests = checkout / "tests"
    if not (tests / "common.py").is_file():
        raise click.UsageError(
            f"{checkout} is no checkout of the SDK: there is no tests/common.py in it; "
            "try: git clone https://github.com/aliyun/aliyun-oss-python-sdk"
        )
    for name in modules:
        if not (tests / f"{name}.py").is_file():
            raise click.UsageError(f"there is no tests/{name}.py in {checkout}")
    with tempfile.TemporaryDirectory(prefix="conformance-") as scratch, start_oss() as oss:
        extra = _install_missing(Path(scratch) / "packages")
        tallies = []
        for module in modules or MODULES:
            tally = _run(module, checkout, Path(scratch), extra, oss, auth)
            click.echo(_line(tally))
            tallies.append(tally)
    click.echo(_total(tallies))
    sys.exit(any(tally.failed or tally.broken for tally in tallies))


def _install_missing(folder: Path) -> Path | None:
    missing = [package for name, package in EXTRA_PACKAGES.items() if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    click.echo(f"for this run only: {', '.join(missing)}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *missing]
    if subprocess.run(command, check=False).returncode:
        raise click.ClickException(f"cannot install them; do it yourself: pip install {' '.join(missing)}")
    return folder


def _run(module: str, checkout: Path, scratch: Path, extra: Path | None, oss: RunningOss, auth: str) -> Tally:
    report = scratch / f"{module}.xml"
    path = [str(Path(__file__).parents[2]), *([str(extra)] if extra else []), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "OSS_TEST_ACCESS_KEY_ID": oss.access_key_id,
        "OSS_TEST_ACCESS_KEY_SECRET": oss.access_key_secret,
        "OSS_TEST_ENDPOINT": oss.endpoint,
        "OSS_TEST_BUCKET": "oss-python-sdk-",
        "OSS_TEST_REGION": oss.region,
        "OSS_TEST_AUTH_VERSION": auth,
        PORT_VARIABLE: str(oss.port),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(checkout)]
    command += ["-p", "no:logging", "-p", "no:cacheprovider", "-p", "migrator.sandbox.conformance"]
    command += ["-W", "ignore", "--timeout=120", f"--junitxml={report}"]
    excluded = MODULES.get(module, ())
    names = [f"tests/{module}.py"]
    start = time.monotonic()
    run = subprocess.run([*command, *names], cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    tally = Tally(module, seconds=time.monotonic() - start)
    if not report.is_file():
        tally.broken = run.stdout.strip()[-2000:] + run.stderr.strip()[-2000:]
        return tally
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - written by our own pytest
        name = case.get("name", "")
        if name in excluded:
            tally.out_of_scope += 1
        elif case.find("failure") is None and case.find("error") is None:
            tally.passed += 1
        else:
            tally.failed.append(name)
    return tally


def _line(tally: Tally) -> str:
    if tally.broken:
        return f"{tally.module:<24} could not run\n{tally.broken}"
    total = tally.passed + len(tally.failed)
    line = f"{tally.module:<24} {tally.passed:>3} of {total:<3} passed, {tally.out_of_scope} out of scope"
    line += f" ({tally.seconds:.1f} s)"
    return "\n".join([line, *(f"    failed: {name}" for name in tally.failed)])


def _total(tallies: list[Tally]) -> str:
    passed = sum(tally.passed for tally in tallies)
    failed = sum(len(tally.failed) for tally in tallies)
    broken = sum(bool(tally.broken) for tally in tallies)
    return f"in all: {passed} of {passed + failed} passed" + (f", {broken} modules could not run" if broken else "")


# -- the pytest plugin -----------------------------------------------------------------------------------------------
def pytest_configure() -> None:
    """Lead names under aliyuncs.com to the sandbox."""
    port = int(os.environ[PORT_VARIABLE])
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host or ""
        if name.endswith(".aliyuncs.com"):
            return real("127.0.0.1", port, *arguments[1:], **{k: v for k, v in options.items() if k != "port"})
        return real(host, *arguments, **options)

    socket.getaddrinfo = getaddrinfo


def pytest_collection_finish() -> None:
    """Use the local RSA key where the tests would ask the key management service."""
    common = sys.modules.get("tests.common")
    if common is None:
        return
    set_up = common.OssTestCase.setUp

    def without_kms(self: Any) -> None:
        set_up(self)
        self.kms_crypto_bucket = self.rsa_crypto_bucket

    common.OssTestCase.setUp = without_kms


if __name__ == "__main__":
    main()
