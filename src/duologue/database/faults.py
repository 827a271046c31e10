"""Which exceptions mean that PostgreSQL is away, and not that a question was wrong."""

import asyncpg

__all__ = ["AWAY"]

AWAY = (
    OSError,  # and with it TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
)
