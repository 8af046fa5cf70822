"""`kms-e2e.toml`: what the author of a plugin writes, read into data. The same file serves host and containers."""

from pipeline.core.config.model import CONFIG_FILE, Config, Image, Program
from pipeline.core.config.reading import config_from_pyproject, config_from_toml
from pipeline.core.config.spec import ImageStart, plugin_spec

__all__ = [
    "CONFIG_FILE",
    "Config",
    "Image",
    "ImageStart",
    "Program",
    "config_from_pyproject",
    "config_from_toml",
    "plugin_spec",
]
