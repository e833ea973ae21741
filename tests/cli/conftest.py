"""Fixtures of the command line's tests: the commands of an installation in this process."""

from __future__ import annotations

import sys

import pytest
from command import CommandResult, RunCommand
from wire import Wire

from feeds.cli import main


@pytest.fixture
def feeds(wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCommand:
    """Run `feeds ARGUMENTS` in this process, on the installation of this test."""
    monkeypatch.setenv("FEEDS_CONFIG", str(wire.config))
    monkeypatch.chdir(wire.home)

    def run(*arguments: str) -> CommandResult:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["feeds", *arguments])
        with pytest.raises(SystemExit) as exit:
            main()
        output = capsys.readouterr()
        return CommandResult(int(exit.value.code or 0), output.out, output.err)

    return run
