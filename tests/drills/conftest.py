"""The command line, as in the tests of the commands."""

from tests.cli.conftest import cli, site

__all__ = ["cli", "site"]
