"""The samples of units for systemd and of the container: what they call and name is there, and they are confined."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from origin import KEEP, Origin, raw, reply

from feeds import __version__
from feeds.cli import COMMANDS, cli
from feeds.cli.options import GlobalOptions
from feeds.config.paths import ConfigLocation

ROOT = Path(__file__).parent.parent
UNITS = ROOT / "config" / "systemd"
SERVICES = ("daemon", "worker", "serve")
COMPOSE = yaml.safe_load((ROOT / "config" / "compose.yaml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "feeds"}


def check_command(words: list[str]) -> None:
    """Fail where the command line takes no such command or option."""
    assert Path(words[0]).name == "feeds"
    assert words[1] in COMMANDS
    cli.make_context("feeds", words[1:], obj=GlobalOptions())
    command = cli.get_command(cli.make_context("feeds", words[1:]), words[1])
    assert command
    command.make_context(words[1], words[2:])


def settings(path: Path) -> list[tuple[str, str]]:
    """The settings of a unit, in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(name, value) for name, sign, value in (line.partition("=") for line in lines) if sign and name[0] != "#"]


# ── systemd ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("service", SERVICES)
def test_the_unit_calls_commands_that_exist(service: str) -> None:
    (command,) = (value for name, value in settings(UNITS / "feeds@.service") if name == "ExecStart")
    check_command(shlex.split(command.replace("%i", service)))


def test_the_unit_of_a_turn_calls_a_command_that_exists() -> None:
    reset, command = (v for name, v in settings(UNITS / "feeds@run.service.d" / "oneshot.conf") if name == "ExecStart")
    assert reset == ""
    check_command(shlex.split(command))


def test_the_unit_does_not_restart_what_cannot_start() -> None:
    unit = settings(UNITS / "feeds@.service")
    for setting in ("Type=notify", "WatchdogSec=120", "RestartPreventExitStatus=2 3"):
        assert tuple(setting.split("=", 1)) in unit


def test_all_units_write_as_one_account() -> None:
    unit = settings(UNITS / "feeds@.service")
    assert {("DynamicUser", "yes"), ("User", "feeds"), ("StateDirectory", "feeds")} <= set(unit)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are installed; the program is one that is here."""
    shutil.copytree(UNITS, tmp_path / "units")
    for path in (path for path in (tmp_path / "units").rglob("*") if path.is_file()):
        path.write_text(path.read_text(encoding="utf-8").replace("/opt/feeds/bin/feeds", "/bin/true"), encoding="utf-8")
    return tmp_path / "units"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize(
    "unit", ["feeds@daemon.service", "feeds@serve.service", "feeds@run.service", "feeds@run.timer"]
)
def test_the_systemd_units_are_valid(installed: Path, unit: str) -> None:
    if unit.endswith(".service"):
        shutil.copy(installed / "feeds@.service", installed / unit)  # older versions do not look for the template
    command = ["systemd-analyze", "verify", "--man=no", str(installed / unit)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_confined(installed: Path) -> None:
    """By the measure of systemd itself, in which 0 is closed and 100 is open."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(installed / "feeds@.service")]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if "unrecognized option" in process.stderr:
        pytest.skip("this version of systemd cannot judge a file")
    assert process.returncode == 0, process.stdout


# ── container ───────────────────────────────────────────────────────────────────────────────────────────────────────


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, each on one line."""
    text = (ROOT / "config" / "Containerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [(name, value) for name, _, value in (line.partition(" ") for line in lines) if name]


def values(name: str) -> list[str]:
    return [value for each, value in instructions() if each == name]


def test_D9_the_container_is_made_of_what_is_there() -> None:
    copied = [name for value in values("COPY") if value[0] != "-" for name in value.split()[:-1]]
    assert {"feeds", "config", "pyproject.toml", "tests/constraints.txt"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)


def test_the_container_is_built_of_what_the_wheel_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["packages"], *wheel["force-include"], *wheel["shared-data"]]
    copied = [Path(name) for value in values("COPY") if value[0] != "-" for name in value.split()[:-1]]
    assert not [name for name in needed if not any(Path(name).is_relative_to(folder) for folder in copied)]


def test_the_container_calls_a_command_that_exists() -> None:
    entry, arguments = json.loads(values("ENTRYPOINT")[-1]), json.loads(values("CMD")[-1])
    check_command([*entry, *arguments])
    assert arguments[-1].endswith(f":{values('EXPOSE')[-1]}")


def test_the_container_runs_without_rights() -> None:
    assert re.fullmatch("[1-9][0-9]*:[1-9][0-9]*", values("USER")[-1])  # a number: others can see that it is not root
    assert [name for name, _ in instructions()].index("USER") > instructions().index(("FROM", "${BASE}"))


@pytest.mark.parametrize("service", OURS)
def test_the_services_run_without_rights(service: str) -> None:
    confined = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "tmpfs": ["/tmp"]}
    assert OURS[service].items() >= confined.items()


@pytest.mark.parametrize("service", OURS)
def test_the_services_call_commands_that_exist(service: str) -> None:
    command = OURS[service].get("command", json.loads(values("CMD")[-1]))
    check_command(["feeds", *command])
    ports = {port.rpartition(":")[2] for port in OURS[service].get("ports", ())}
    assert ports == ({values("EXPOSE")[-1]} if "--listen" in command else set())


def test_the_services_of_several_machines_start_only_when_they_are_asked_for() -> None:
    assert [name for name, service in COMPOSE["services"].items() if "profiles" not in service] == ["feeds"]


def test_the_container_is_labelled_with_the_version() -> None:
    assert f"VERSION={__version__}" in values("ARG")


def test_the_volumes_are_the_folders_of_the_sample() -> None:
    """So what `feeds init` writes works in the container as it is."""
    sample = yaml.safe_load((ROOT / "config" / "feeds.yaml").read_text(encoding="utf-8"))
    location = ConfigLocation(Path(values("WORKDIR")[-1]) / "config" / "feeds.yaml")
    folders = [str(location.resolve(sample[name])) for name in ("data", "public")]
    assert json.loads(values("VOLUME")[-1]) == folders
    for name, service in OURS.items():
        mounts = {place: volume for volume, place, *_ in (each.split(":") for each in service["volumes"])}
        assert (ROOT / "config" / mounts.pop(str(location.folder)) / "feeds.yaml").exists()
        assert set(mounts.values()) <= set(COMPOSE["volumes"])
        assert mounts.keys() == (set(folders) if name == "feeds" else {folders[1]})


def test_the_compose_file_builds_from_the_containerfile() -> None:
    build = COMPOSE["services"]["feeds"]["build"]
    assert (ROOT / "config" / build["context"] / build["dockerfile"]).samefile(ROOT / "config" / "Containerfile")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_the_container_is_as_healthy_as_the_program_says(origin: Origin, status: int, code: int) -> None:
    command = json.loads(values("HEALTHCHECK")[-1].partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    origin.put("/health", raw(reply(b"ok\n", status), KEEP))
    assert f", {values('EXPOSE')[-1]}, " in command[2]
    script = command[2].replace(f", {values('EXPOSE')[-1]}, ", f", {origin.port()}, ")
    environment = {"http_proxy": "http://127.0.0.1:9/"}  # which is not asked
    assert subprocess.run([sys.executable, "-c", script], check=False, env=environment).returncode == code
