"""`ai-worker version`. Imports nothing that costs time: deployments ask it often."""

import platform

from ai_worker import __version__


def show(*, as_json: bool) -> None:
    """Print which version this is, and of which Python."""
    if as_json:
        import json

        print(json.dumps({"version": __version__, "python": platform.python_version()}))
    else:
        print(f"ai-worker {__version__} (Python {platform.python_version()})")
