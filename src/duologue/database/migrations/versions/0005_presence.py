"""Presence: a lease for each user with a socket on a node, kept by the node's heartbeat."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# UNLOGGED: what a crash of PostgreSQL loses here, the nodes' next heartbeats write again.
NODES = """
CREATE UNLOGGED TABLE presence_nodes (
    node_id uuid PRIMARY KEY,
    beat_at timestamptz NOT NULL
)
"""
LEASES = """
CREATE UNLOGGED TABLE presence_leases (
    user_id integer NOT NULL,
    node_id uuid NOT NULL,
    PRIMARY KEY (user_id, node_id)
)
"""
LEASES_NODE = "CREATE INDEX presence_leases_node ON presence_leases (node_id)"


def upgrade() -> None:
    """Create the tables."""
    for statement in (NODES, LEASES, LEASES_NODE):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: restore a backup."""
    raise RuntimeError("there is no downgrade: restore a backup")
