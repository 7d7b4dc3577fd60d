"""The official SDK's MCP server behind its own authorization server, each on a port of its own, as one process.

    python -m tests.connectors.mcp.consenting SERVER_PORT GIVER_PORT

The authorization server keeps everything in memory and takes every question for consented. `GET /seen` tells what
came; `POST /forget/access` makes it forget the access tokens (they ran out), `/forget/all` all of them (revoked).
"""

import asyncio
import secrets
import sys
import time
from typing import Any

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    ProviderTokenVerifier,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.connectors.mcp.example import server

SCOPE = "orders"
LIFE_S = 3_600


class Giver(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Remembers clients, codes and tokens for as long as it runs."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}
        self.given: list[str] = []
        self.resources: list[str | None] = []

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        code = AuthorizationCode(
            code=secrets.token_urlsafe(32),
            client_id=client.client_id,
            expires_at=time.time() + 60,
            **params.model_dump(exclude={"state", "scopes"}),
            scopes=params.scopes or [],
        )
        self.codes[code.code] = code
        self.resources.append(params.resource)
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._give("code", client.client_id, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        del self.refresh[refresh_token.token]
        return self._give("refresh", client.client_id, scopes, refresh_token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        raise NotImplementedError

    def _give(self, how: str, client_id: str, scopes: list[str], resource: str | None) -> OAuthToken:
        self.given.append(how)
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        until = int(time.time()) + LIFE_S
        facts: dict[str, Any] = {"client_id": client_id, "scopes": scopes, "resource": resource}
        self.access[access] = AccessToken(token=access, expires_at=until, **facts)
        self.refresh[refresh] = RefreshToken(token=refresh, **facts)
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=LIFE_S, scope=" ".join(scopes))

    async def seen(self, _request: Request) -> Response:
        clients = [{"name": one.client_name, "redirects": [*map(str, one.redirect_uris or ())]}
                   for one in self.clients.values()]  # fmt: skip
        scopes = sorted({scope for token in self.access.values() for scope in token.scopes})
        return JSONResponse({"clients": clients, "given": self.given, "resources": self.resources, "scopes": scopes})

    async def forget(self, request: Request) -> Response:
        self.access.clear()
        if request.path_params["what"] == "all":
            self.refresh.clear()
        return JSONResponse({})


async def main(server_port: int, giver_port: int) -> None:
    giver = Giver()
    issuer = AnyHttpUrl(f"http://127.0.0.1:{giver_port}")
    auth = AuthSettings(
        issuer_url=issuer,
        resource_server_url=AnyHttpUrl(f"http://127.0.0.1:{server_port}/mcp"),
        required_scopes=[SCOPE],
        validate_token_resource=True,
    )
    shop = server.streamable_http_app(auth=auth, token_verifier=ProviderTokenVerifier(giver))
    registers = ClientRegistrationOptions(enabled=True, valid_scopes=[SCOPE])
    routes = [
        *create_auth_routes(giver, issuer, client_registration_options=registers),
        Route("/seen", giver.seen),
        Route("/forget/{what}", giver.forget, methods=["POST"]),
    ]
    runs = [
        uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        for app, port in ((shop, server_port), (Starlette(routes=routes), giver_port))
    ]
    await asyncio.gather(*(one.serve() for one in runs))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
