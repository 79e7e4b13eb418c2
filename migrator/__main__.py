"""`python -m migrator` is the command line."""

from __future__ import annotations

from migrator.cli.main import main

main()
