"""A chat backend you own: sign-in and live two-person rooms, durable before delivered."""

__version__ = "0.1.0"
