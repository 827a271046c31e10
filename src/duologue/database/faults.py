"""Which exceptions mean that PostgreSQL is away, and not that a question was wrong."""

import asyncpg

__all__ = ["AWAY"]

AWAY = (
    OSError,  # and with it TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that broke between two steps: "cannot switch to state 12"
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
)
