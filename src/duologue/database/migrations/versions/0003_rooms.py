"""Rooms, messages, and the functions by which the journal appends to them."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROOMS = """
CREATE TABLE rooms (
    id uuid PRIMARY KEY,
    user1_id integer NOT NULL REFERENCES users (id),
    user2_id integer NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    last_seq bigint NOT NULL DEFAULT 0,
    user1_read_seq bigint NOT NULL DEFAULT 0,
    user2_read_seq bigint NOT NULL DEFAULT 0,
    CONSTRAINT rooms_pair UNIQUE (user1_id, user2_id),
    CONSTRAINT rooms_pair_order CHECK (user1_id < user2_id),
    CONSTRAINT rooms_read CHECK (user1_read_seq <= last_seq AND user2_read_seq <= last_seq)
) WITH (fillfactor = 70)
"""
# fillfactor: every commit updates its rooms' last_seq; room on the page keeps those updates heap-only.

ROOMS_USER2 = "CREATE INDEX rooms_user2 ON rooms (user2_id)"

MESSAGES = """
CREATE TABLE messages (
    room_id uuid NOT NULL,
    seq bigint NOT NULL,
    id uuid NOT NULL,
    sender_id integer NOT NULL,
    content text NOT NULL,
    client_id text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq)
)
"""
# No foreign keys here: the functions below are the only writers, they hold the room's row lock while they insert,
# and membership was checked before. Two key checks a row would cost more than the insert itself.

MESSAGES_ID = "CREATE UNIQUE INDEX messages_id ON messages (id)"

MESSAGES_CLIENT_ID = """
CREATE UNIQUE INDEX messages_client_id ON messages (room_id, sender_id, client_id) WHERE client_id IS NOT NULL
"""

# Arrays refer to each other by position: `m_room` indexes `room_ids` and so `bases`, because joins on unnest are
# estimated at one row and go quadratic. A sender has read the room up to its own newest message (`own1`, `own2`:
# the position of the newest one of either member in this batch, 0 for none).
APPEND = """
CREATE FUNCTION journal_append(
    room_ids uuid[], counts integer[], own1 integer[], own2 integer[],
    m_room integer[], m_pos integer[], m_id uuid[], m_sender integer[], m_content text[], m_client text[],
    OUT bases bigint[], OUT reads1 bigint[], OUT reads2 bigint[], OUT stored_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    base bigint;
    read1 bigint;
    read2 bigint;
BEGIN
    FOR i IN 1 .. cardinality(room_ids) LOOP
        UPDATE rooms SET
            last_seq = last_seq + counts[i],
            user1_read_seq = CASE WHEN own1[i] > 0 THEN last_seq + own1[i] ELSE user1_read_seq END,
            user2_read_seq = CASE WHEN own2[i] > 0 THEN last_seq + own2[i] ELSE user2_read_seq END
        WHERE id = room_ids[i]
        RETURNING last_seq - counts[i], user1_read_seq, user2_read_seq INTO base, read1, read2;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no room %', room_ids[i] USING ERRCODE = 'foreign_key_violation';
        END IF;
        bases[i] := base;
        reads1[i] := read1;
        reads2[i] := read2;
    END LOOP;
    -- After the locks, so that the times of a room never run backwards.
    stored_at := date_trunc('milliseconds', clock_timestamp());
    INSERT INTO messages (room_id, seq, id, sender_id, content, client_id, created_at)
    SELECT room_ids[m.room], bases[m.room] + m.pos, m.id, m.sender, m.content, m.client, stored_at
    FROM unnest(m_room, m_pos, m_id, m_sender, m_content, m_client) AS m(room, pos, id, sender, content, client);
END
$$
"""

# The careful way, for a batch that may hold messages stored before: one by one, under the room's lock. Each statement
# sees a fresh snapshot after the lock, so what another node stored meanwhile is found.
APPEND_CHECKED = """
CREATE FUNCTION journal_append_checked(
    room_ids uuid[], m_room integer[], m_id uuid[], m_sender integer[], m_content text[], m_client text[]
) RETURNS TABLE (
    o_seq bigint, o_id uuid, o_created_at timestamptz, o_fresh boolean, o_read1 bigint, o_read2 bigint
) LANGUAGE plpgsql AS $$
DECLARE
    room rooms;
BEGIN
    PERFORM FROM rooms WHERE id = ANY (room_ids) ORDER BY id FOR UPDATE;
    FOR i IN 1 .. cardinality(m_id) LOOP
        SELECT * INTO room FROM rooms WHERE id = room_ids[m_room[i]];
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no room %', room_ids[m_room[i]] USING ERRCODE = 'foreign_key_violation';
        END IF;
        SELECT seq, id, created_at INTO o_seq, o_id, o_created_at FROM messages WHERE id = m_id[i];
        IF NOT FOUND AND m_client[i] IS NOT NULL THEN
            SELECT seq, id, created_at INTO o_seq, o_id, o_created_at FROM messages
            WHERE room_id = room.id AND sender_id = m_sender[i] AND client_id = m_client[i];
        END IF;
        o_fresh := NOT FOUND;
        IF o_fresh THEN
            UPDATE rooms SET
                last_seq = last_seq + 1,
                user1_read_seq = CASE WHEN m_sender[i] = user1_id THEN last_seq + 1 ELSE user1_read_seq END,
                user2_read_seq = CASE WHEN m_sender[i] = user2_id THEN last_seq + 1 ELSE user2_read_seq END
            WHERE id = room.id
            RETURNING * INTO room;
            o_seq := room.last_seq;
            o_id := m_id[i];
            o_created_at := date_trunc('milliseconds', clock_timestamp());
            INSERT INTO messages (room_id, seq, id, sender_id, content, client_id, created_at)
            VALUES (room.id, o_seq, o_id, m_sender[i], m_content[i], m_client[i], o_created_at);
        END IF;
        o_read1 := room.user1_read_seq;
        o_read2 := room.user2_read_seq;
        RETURN NEXT;
    END LOOP;
END
$$
"""


def upgrade() -> None:
    """Create the tables, then the functions."""
    for statement in (ROOMS, ROOMS_USER2, MESSAGES, MESSAGES_ID, MESSAGES_CLIENT_ID, APPEND, APPEND_CHECKED):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: restore a backup."""
    raise RuntimeError("there is no downgrade: restore a backup")
