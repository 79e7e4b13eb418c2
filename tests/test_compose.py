"""docker-compose.yml cannot be started by a test; but every command and variable in it must exist in the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from migrator.cli.main import cli
from migrator.settings import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "redirect-migrator"}


def words(command: str | list[str]) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else [word for word in command if word != "CMD"]


def commands() -> list[list[str]]:
    """Every command line of ours: what services run, what checks them, and what the comments tell people to type."""
    found = [words(service["command"]) for service in OURS.values()]
    found += [words(service["healthcheck"]["test"]) for service in OURS.values() if "healthcheck" in service]
    told = re.findall(r"^#.* (migrator \w.*)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    return [*(line for line in found if line[0] == "migrator"), *(line.split() for line in told)]


@pytest.mark.parametrize("line", commands(), ids=" ".join)
def test_every_command_exists_with_its_options(line: list[str]) -> None:
    command: click.Command = cli
    context = click.Context(cli, info_name=line[0])
    arguments = line[1:]
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None, f"there is no command {name!r}"
        command = found
    # Parses and validates, but does not run. A file that is named need not exist here.
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            parameter.type.exists = False
    command.make_context(line[0], arguments)


def test_there_are_commands_to_check() -> None:
    assert ["migrator", "db", "upgrade"] in commands()
    assert len(commands()) >= len(OURS)


def variables() -> set[str]:
    named = {name for service in OURS.values() for name in service.get("environment", {})}
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "Dockerfile").read_text()
    return named | set(re.findall(r"\bMIGRATOR_[A-Z_]+\b", text))


def test_every_variable_is_a_setting() -> None:
    assert variables(), "nothing is configured, which cannot be right"
    assert {name for name in variables() if name.startswith("MIGRATOR_")} <= VARIABLES.keys()


def test_everyone_who_needs_them_has_both_database_and_broker() -> None:
    for name, service in OURS.items():
        assert {"MIGRATOR_DATABASE_URL", "MIGRATOR_BROKER_URL"} <= service["environment"].keys(), name


def test_every_queue_has_a_worker() -> None:
    from migrator.app import QUEUES

    lines = [words(service["command"]) for service in OURS.values()]
    served = {queue for line in lines if "--queues" in line for queue in line[line.index("--queues") + 1].split(",")}
    assert served == {*QUEUES.values()}


def test_the_schema_is_upgraded_before_anything_runs() -> None:
    for name, service in OURS.items():
        if name != "migrate":
            assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}, name


def test_dependencies_exist_and_can_be_waited_for() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES, name
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed], f"{name} waits for {needed}, which has no healthcheck"


def test_redis_never_evicts() -> None:
    assert "--maxmemory-policy noeviction" in SERVICES["redis"]["command"]


def test_nothing_listens_beyond_this_machine() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:"), name


def test_no_secret_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN", variable):
                assert str(value).startswith("${"), f"{name}: {variable}"
            assert not re.search(r"://[^/@$]*:[^/@$]+@", str(value)), f"{name}: {variable}"
