"""The settings of a scratch installation with one WeCom application and an echoing model."""

from ai_worker.demo.wecom import SimulatedWecom

CORP_ID = "ww0123456789abcdef"
AGENT_ID = 1000002
SECRET = "journey-app-secret"
TOKEN = "journeytoken"
AES_KEY = "A9Gp8FUWrkIQZ0SpLGyAx1kqziXGMa2QN8IRUNr376o"


def simulated_wecom() -> SimulatedWecom:
    """Return the platform that `channel` is configured for."""
    return SimulatedWecom(corp_id=CORP_ID, agent_id=AGENT_ID, secret=SECRET, token=TOKEN, encoding_aes_key=AES_KEY)


def channel(api_base: str) -> str:
    """Return the settings of the channel `desk`."""
    return f"""
[channels.desk]
kind = "wecom-app"
corp_id = "{CORP_ID}"
agent_id = {AGENT_ID}
secret = "{SECRET}"
token = "{TOKEN}"
encoding_aes_key = "{AES_KEY}"
api_base = "{api_base}"
"""


def open_model(base_url: str) -> str:
    """Return the settings of a model that answers everything."""
    return f"""
[model]
base_url = "{base_url}"
name = "scripted"
[workers.xiaozhi]
display_name = "小智"
grounding = "open"
"""
