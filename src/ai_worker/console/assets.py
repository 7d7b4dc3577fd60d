"""Style sheets, scripts and pictures of the console."""

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class Assets(StaticFiles):
    """Static files. Their addresses carry a digest of the content, so browsers may keep them for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, to be kept if it was asked for by its digest."""
        response = await super().get_response(path, scope)
        kept = b"v=" in scope.get("query_string", b"") and response.status_code == 200
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response
