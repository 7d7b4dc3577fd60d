"""ai-worker: a self-hosted AI digital employee. Nothing runs on import."""

__version__ = "0.1.0"
