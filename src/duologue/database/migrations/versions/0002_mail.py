"""Mails that wait to be sent, and the development mailbox."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OUTBOX = """
CREATE TABLE mail_outbox (
    id uuid PRIMARY KEY,
    template text NOT NULL,
    recipient text NOT NULL,
    sealed bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
)
"""
# due_at is the next try, and while a node is sending, the end of its lease.

OUTBOX_DUE = "CREATE INDEX mail_outbox_due ON mail_outbox (due_at)"

MAILBOX = """
CREATE TABLE dev_mailbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    recipient text NOT NULL,
    subject text NOT NULL,
    text_part text NOT NULL,
    html_part text NOT NULL,
    code text,
    created_at timestamptz NOT NULL
)
"""

MAILBOX_RECIPIENT = "CREATE INDEX dev_mailbox_recipient ON dev_mailbox (recipient, position DESC)"


def upgrade() -> None:
    """One statement a call: asyncpg prepares each."""
    for statement in (OUTBOX, OUTBOX_DUE, MAILBOX, MAILBOX_RECIPIENT):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: restore a backup."""
    raise RuntimeError("there is no downgrade: restore a backup")
