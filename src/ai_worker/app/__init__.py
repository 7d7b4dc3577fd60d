"""The roof: the only place that knows everything. It wires the rooms to the sockets and has no logic."""

from ai_worker.app.line import API_CHANNEL
from ai_worker.app.parts import Role
from ai_worker.app.service import Service
from ai_worker.app.serving import serve
from ai_worker.app.wiring import running

__all__ = ["API_CHANNEL", "Role", "Service", "running", "serve"]
