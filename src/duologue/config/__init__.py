"""Settings from the environment and `.env`: every value checked once, every mistake told in one line."""

from duologue.config.settings import Settings, describe, load_settings
from duologue.config.variables import VARIABLES, ConfigError, Network, Variable

__all__ = ["VARIABLES", "ConfigError", "Network", "Settings", "Variable", "describe", "load_settings"]
