"""The settings: one TOML file, the environment over it, refused whole or taken whole."""

from ai_worker.settings.load import load
from ai_worker.settings.problems import Problem, SettingsRefused
from ai_worker.settings.tree import (
    QueueSettings,
    Settings,
    StorageSettings,
    WorkerSettings,
)

__all__ = [
    "Problem",
    "QueueSettings",
    "Settings",
    "SettingsRefused",
    "StorageSettings",
    "WorkerSettings",
    "load",
]
