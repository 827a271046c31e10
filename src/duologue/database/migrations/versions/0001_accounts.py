"""People: accounts, pending registrations, codes, sessions, limits, and the trace of security events."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

USERS = """
CREATE TABLE users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    display_name text,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz,
    erased_at timestamptz
)
"""
# An erased account keeps its row, without anything personal, so that rooms and messages keep their shape.

REGISTRATIONS = """
CREATE TABLE registrations (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    password_hash text NOT NULL,
    handle bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
)
"""
REGISTRATIONS_EMAIL = "CREATE INDEX registrations_email ON registrations (email)"

CODES = """
CREATE TABLE codes (
    id uuid PRIMARY KEY,
    purpose text NOT NULL CHECK (purpose IN ('registration', 'reset', 'email_change')),
    email text NOT NULL,
    registration_id uuid REFERENCES registrations (id) ON DELETE CASCADE,
    user_id integer REFERENCES users (id) ON DELETE CASCADE,
    salt bytea NOT NULL,
    digest bytea NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    consumed_at timestamptz
)
"""
CODES_EMAIL = "CREATE INDEX codes_email ON codes (email, purpose, created_at DESC)"
CODES_REGISTRATION = "CREATE INDEX codes_registration ON codes (registration_id)"
CODES_USER = "CREATE INDEX codes_user ON codes (user_id)"

# When codes were sent to an address, and guessed for it, within the last day.
CODE_BUDGETS = """
CREATE TABLE code_budgets (
    email text NOT NULL,
    kind text NOT NULL,
    events timestamptz[] NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (email, kind)
)
"""
CODE_BUDGETS_LAST = "CREATE INDEX code_budgets_last ON code_budgets (last_at)"

SESSIONS = """
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    generation integer NOT NULL,
    parent_generation integer NOT NULL,
    rotated_at timestamptz NOT NULL,
    confirmed boolean NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    absolute_expires_at timestamptz NOT NULL,
    user_agent text NOT NULL,
    address text NOT NULL,
    network text NOT NULL,
    ended_at timestamptz,
    end_reason text
) WITH (fillfactor = 80)
"""
SESSIONS_USER = "CREATE INDEX sessions_user ON sessions (user_id, id)"
SESSIONS_ENDED = "CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL"

# Losing limits in a crash costs nothing; writing them ahead of every request would.
RATE_BUCKETS = """
CREATE UNLOGGED TABLE rate_buckets (
    key text PRIMARY KEY,
    tokens double precision NOT NULL,
    allowed boolean NOT NULL,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 70)
"""
RATE_BUCKETS_UPDATED = "CREATE INDEX rate_buckets_updated ON rate_buckets (updated_at)"

LOGIN_FAILURES = """
CREATE TABLE login_failures (
    key text PRIMARY KEY,
    failures integer NOT NULL,
    retry_at timestamptz NOT NULL,
    failed_at timestamptz NOT NULL
)
"""
LOGIN_FAILURES_FAILED = "CREATE INDEX login_failures_failed ON login_failures (failed_at)"

SECURITY_EVENTS = """
CREATE TABLE security_events (
    id uuid PRIMARY KEY,
    user_id integer REFERENCES users (id) ON DELETE SET NULL,
    event text NOT NULL,
    session_id uuid,
    address text,
    user_agent text,
    detail text,
    at timestamptz NOT NULL
)
"""
SECURITY_EVENTS_USER = "CREATE INDEX security_events_user ON security_events (user_id, id)"
SECURITY_EVENTS_AT = "CREATE INDEX security_events_at ON security_events (at)"


def upgrade() -> None:
    """One statement a call: asyncpg prepares each."""
    for statement in (
        USERS,
        REGISTRATIONS,
        REGISTRATIONS_EMAIL,
        CODES,
        CODES_EMAIL,
        CODES_REGISTRATION,
        CODES_USER,
        CODE_BUDGETS,
        CODE_BUDGETS_LAST,
        SESSIONS,
        SESSIONS_USER,
        SESSIONS_ENDED,
        RATE_BUCKETS,
        RATE_BUCKETS_UPDATED,
        LOGIN_FAILURES,
        LOGIN_FAILURES_FAILED,
        SECURITY_EVENTS,
        SECURITY_EVENTS_USER,
        SECURITY_EVENTS_AT,
    ):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: restore a backup."""
    raise RuntimeError("there is no downgrade: restore a backup")
