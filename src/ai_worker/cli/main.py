"""The command `ai-worker`."""


def main() -> None:
    """Run the command line."""
