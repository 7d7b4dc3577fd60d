"""The settings tree: what an installation can be told, composed of each room's own settings."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    SerializeAsAny,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from ai_worker.api.settings import ApiSettings
from ai_worker.channels.contract import ChannelSettings
from ai_worker.console.settings import ConsoleSettings
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.foundation.secret import Secret, SecretField, TextField
from ai_worker.knowledge.settings import KnowledgeSettings
from ai_worker.llm.contract import ModelSettings
from ai_worker.llm.embeddings import EmbeddingsSettings
from ai_worker.settings.handoff import HandoffSettings

KEY_LENGTH = 32
"""Characters that a key brought by `API_KEY` must have at least."""

_NAME = re.compile(r"[\w-]{1,64}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError("time_zone", "time zone") from None
    return name


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise PydanticCustomError("name", "name")
    return name


def _topic(name: str) -> str:
    if not _TOPIC.fullmatch(name) or name in (".", ".."):
        raise PydanticCustomError("topic", "topic")
    return name


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _folder(value: object, info: ValidationInfo) -> object:
    if value == "":
        raise PydanticCustomError("empty", "empty")
    base = (info.context or {}).get("folder", Path())
    return base / Path(value).expanduser() if isinstance(value, str) else value


def _long_enough(key: Secret) -> Secret:
    if len(key.reveal()) < KEY_LENGTH:
        raise PydanticCustomError("short_key", "short", {"limit": KEY_LENGTH})
    return key


def _storage_url(url: str) -> str:
    sqlite, postgres = url.removeprefix("sqlite:///"), re.match(r"postgres(ql)?://[^/\s]+/\S+", url)
    if not postgres and (sqlite == url or not sqlite.strip("/")):
        raise PydanticCustomError("storage_url", "url")
    return url


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _channel(value: object, info: ValidationInfo) -> ChannelSettings:
    """Read one channel's table with the settings class of its kind."""
    from ai_worker.channels import registry

    if isinstance(value, ChannelSettings):
        return value
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "table")
    kind = str(value.get("kind"))
    if kind not in registry.kinds():
        wrong: Literal["no_kind", "unknown_kind"] = "unknown_kind" if "kind" in value else "no_kind"
        raise PydanticCustomError(wrong, "kind", {"kind": kind, "known": list(registry.kinds())})
    return registry.settings_class(kind).model_validate(value, context=info.context)


Names = tuple[str, ...]
ChannelField = Annotated[SerializeAsAny[ChannelSettings], PlainValidator(_channel)]
ConfiguredName = Annotated[str, AfterValidator(_name)]


class _Section(BaseModel):
    """A part of the tree: unknown keys are refused, and nobody changes it once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


class StorageSettings(_Section):
    """Where everything durable is kept."""

    url: Annotated[TextField, AfterValidator(_storage_url)] = Field(default="sqlite:///ai-worker.db", repr=False)
    """The database: `sqlite:///FILE` (relative to `data_dir`; four slashes for an absolute path) or
    `postgresql://USER@HOST/DB` (with `?schema=NAME` if the tables are not to be in `ai_worker`). May be
    `env:NAME` or `file:PATH`, because it can carry a password."""


class QueueSettings(_Section):
    """What stands between the doors and the runners."""

    kafka: str = ""
    """Kafka bootstrap servers, `host:port` separated by commas. Empty: the store itself is the queue."""

    kafka_topic: Annotated[str, AfterValidator(_topic)] = "ai-worker.inbound"
    """The topic in which messages wait for the store, and the name of the consumer group that reads it."""

    kafka_options: dict[str, Annotated[SecretField, BeforeValidator(_as_text)]] = Field(default_factory=dict)
    """Options handed to the Kafka client as they stand: `security.protocol`, `sasl.*`, `ssl.*` … Refused are
    those on which the promises rest, such as `acks` and `enable.auto.commit`."""


class WorkerSettings(_Section):
    """One digital employee."""

    display_name: str = ""
    """What people see. Empty: the worker's name."""

    persona: TextField = ""
    """How it speaks and what it is for, in plain words; usually `file:persona.md`."""

    knowledge: Names = ("*",)
    """The knowledge bases it answers from; `*` means all."""

    skills: Names = ("*",)
    """The skills it has; `*` means all."""

    connectors: Names = ("*",)
    """The business systems whose tools it may use; `*` means all."""

    channels: Names = ("*",)
    """The channels it answers; `*` means all. The first worker that names a channel answers it."""

    grounding: Literal["strict", "open"] = "strict"
    """`strict`: only what knowledge and tools support. `open`: the model may also answer from itself."""

    merge_window_ms: int = Field(default=0, ge=0, le=60_000)
    """Milliseconds to wait for more messages of a burst: those of one contact that follow each other within
    this time are answered together. 0 answers each at once. Not for the API."""


class ConnectorsSettings(_Section):
    """Business systems. Each is described in a folder of its own, beside the settings file."""

    check_every_s: float = Field(default=600, ge=0, le=86_400)
    """Seconds between two looks at whether a business system is there and takes our credentials: one
    harmless read, a little earlier or later so that not all are called at once. 0: nobody looks."""


def _default_workers() -> dict[str, WorkerSettings]:
    return {"xiaozhi": WorkerSettings(display_name="小智")}


class Settings(_Section):
    """Everything an installation can be told. Made by `load`; never changed, only replaced."""

    data_dir: Annotated[Path, BeforeValidator(_folder)] = Path("/var/lib/ai-worker")
    """The folder of everything durable. A relative one starts at the settings file's folder."""

    time_zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    """IANA name: what "today" means, and the times people see. Stored times are always UTC."""

    language: Literal["zh-CN", "en"] = "zh-CN"
    """The language of the console, the command line and the worker's own phrases."""

    max_concurrent: int = Field(default=1000, ge=1, le=100_000)
    """Turns in progress at once; what is above waits durably. Also the bare variable `MAX_CONCURRENT`."""

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = "INFO"
    """The least important log lines that are written. Also the bare variable `LOG_LEVEL`."""

    api_key: Annotated[SecretField, AfterValidator(_long_enough)] | None = None
    """A key that the API accepts from the start, 32 characters or more; usually the bare variable
    `API_KEY`. It is kept as a digest under the name `env` and lasts 90 days from when it was first seen."""

    api: ApiSettings = Field(default_factory=ApiSettings)
    """The API, for programs and platforms."""

    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    """The console, for people."""

    storage: StorageSettings = Field(default_factory=StorageSettings)
    """Where everything durable is kept."""

    queue: QueueSettings = Field(default_factory=QueueSettings)
    """What stands between the doors and the runners."""

    model: ModelSettings | None = None
    """The language model. Left out: answers come from approved knowledge alone."""

    embeddings: EmbeddingsSettings | None = None
    """An endpoint that turns texts into vectors. Left out: knowledge is searched by words alone."""

    knowledge: KnowledgeSettings = Field(default_factory=KnowledgeSettings)
    """How the knowledge is kept, and with which sources it is kept in step."""

    connectors: ConnectorsSettings = Field(default_factory=ConnectorsSettings)
    """The business systems in the folder `connectors`, all together."""

    workers: dict[ConfiguredName, WorkerSettings] = Field(default_factory=_default_workers)
    """The digital employees; the first is the default."""

    handoff: HandoffSettings = Field(default_factory=HandoffSettings)
    """When people see to contacts, and who."""

    channels: dict[ConfiguredName, ChannelField] = Field(default_factory=dict)
    """The connections to platforms, by a name of your choice; it stands in the callback's address."""

    _file: Path | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any) -> None:
        """Remember which file these settings came from."""
        self._file = (context or {}).get("file")

    @property
    def file(self) -> Path | None:
        """The file that was read; `None` when everything is a default or from the environment."""
        return self._file

    @property
    def connectors_folder(self) -> Path:
        """Where the administrator puts connector contracts: `connectors` beside the settings file."""
        return (self._file.parent if self._file else Path()) / "connectors"

    @property
    def skills_folder(self) -> Path:
        """Where the administrator puts skills: `skills` beside the settings file."""
        return (self._file.parent if self._file else Path()) / "skills"

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; `None` when another database is configured."""
        path = self.storage.url.removeprefix("sqlite:///")
        return None if path == self.storage.url else self.data_dir / path

    def staff(self) -> Staff:
        """Return the workers as the rooms know them."""
        return Staff(
            [
                Worker(
                    name=name,
                    display_name=worker.display_name or name,
                    persona=worker.persona,
                    knowledge=worker.knowledge,
                    skills=worker.skills,
                    connectors=worker.connectors,
                    channels=worker.channels,
                    grounding=worker.grounding,
                    language=self.language,
                    time_zone=self.time_zone,
                )
                for name, worker in self.workers.items()
            ]
        )
