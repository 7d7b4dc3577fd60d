"""Copy the htmx files out of the build environment, so that no minified file is committed."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {"htmx-2.min.js": "htmx.min.js", "ext/hx-sse-2.min.js": "hx-sse.min.js"}
"""Where each file is in django-htmx, and what it is called in the console's static folder."""


class CopyHtmx(BuildHookInterface):  # type: ignore[type-arg]
    """Put htmx and its SSE extension into `console/static/vendor` before the wheel is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy the files; `version` is "standard" or "editable", both need them."""
        spec = find_spec("django_htmx")
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError("django-htmx is not in the build environment; build with isolation on")
        source = Path(spec.submodule_search_locations[0], "static", "django_htmx")
        target = Path(self.root, "src", "ai_worker", "console", "static", "vendor")
        target.mkdir(parents=True, exist_ok=True)
        for name, call_it in FILES.items():
            shutil.copyfile(source / name, target / call_it)
