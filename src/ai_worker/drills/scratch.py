"""What a scratch installation is told: one WeCom application, and a model that answers everything."""

from dataclasses import dataclass

from ai_worker.demo.wecom import SimulatedWecom

CHANNEL = "desk"


@dataclass(frozen=True, slots=True)
class WecomApplication:
    """The credentials of a company that exists on loopback only."""

    corp_id: str = "ww0123456789abcdef"
    agent_id: int = 1000002
    secret: str = "scratch-app-secret"  # noqa: S105  (opens nothing)
    token: str = "scratchtoken"  # noqa: S105  (opens nothing)
    encoding_aes_key: str = "A9Gp8FUWrkIQZ0SpLGyAx1kqziXGMa2QN8IRUNr376o"

    def platform(self) -> SimulatedWecom:
        """Return the platform that knows this application."""
        return SimulatedWecom(
            corp_id=self.corp_id,
            agent_id=self.agent_id,
            secret=self.secret,
            token=self.token,
            encoding_aes_key=self.encoding_aes_key,
        )

    def settings(self, api_base: str) -> str:
        """Return the settings of the channel `desk` that speaks to a platform at `api_base`."""
        return f"""
[channels.{CHANNEL}]
kind = "wecom-app"
corp_id = "{self.corp_id}"
agent_id = {self.agent_id}
secret = "{self.secret}"
token = "{self.token}"
encoding_aes_key = "{self.encoding_aes_key}"
api_base = "{api_base}"
"""


def open_model(base_url: str) -> str:
    """Return the settings of a model at `base_url` and of a worker that lets it answer anything."""
    return f"""
[model]
base_url = "{base_url}"
name = "scripted"
[workers.xiaozhi]
display_name = "小智"
grounding = "open"
"""
