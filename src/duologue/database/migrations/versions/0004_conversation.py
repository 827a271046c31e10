"""The whole conversation: edits and deletions, delivered watermarks, blocks, search."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# `last_rev` counts the edits and deletions of a room, so that a reader can ask for those it missed.
ROOMS = """
ALTER TABLE rooms
    ADD COLUMN user1_delivered_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN user2_delivered_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN last_rev bigint NOT NULL DEFAULT 0
"""

MESSAGES = """
ALTER TABLE messages
    ADD COLUMN edited_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN rev bigint
"""
MESSAGES_REV = "CREATE UNIQUE INDEX messages_rev ON messages (room_id, rev) WHERE rev IS NOT NULL"

EDITS = """
CREATE TABLE message_edits (
    message_id uuid NOT NULL,
    replaced_at timestamptz NOT NULL,
    content text NOT NULL,
    PRIMARY KEY (message_id, replaced_at)
)
"""

BLOCKS = """
CREATE TABLE blocks (
    blocker_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (blocker_id, blocked_id)
)
"""

# Filled behind the journal's back: an index on `messages` itself halves the messages a second.
# A row's words hold its room as a word too, so that a search intersects two posting lists.
SEARCH = """
CREATE TABLE message_search (
    room_id uuid NOT NULL,
    seq bigint NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (room_id, seq)
)
"""
SEARCH_WORDS = "CREATE INDEX message_search_words ON message_search USING gin (words)"
SEARCH_PROGRESS = "CREATE TABLE search_progress (room_id uuid PRIMARY KEY, indexed_seq bigint NOT NULL)"

ROOM_WORD = """
CREATE FUNCTION room_word(room uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 'room' || replace(room::text, '-', '') $$
"""
# PostgreSQL takes an address, a version or a path for one word; people look for its parts. So text is stripped of
# ASCII's punctuation, on both sides alike.
SPOKEN = r"""
CREATE FUNCTION spoken(content text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(content, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))
$$
"""
ASKED = """
CREATE FUNCTION asked_words(question text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN numnode(words) = 0 THEN words ELSE (words::text || ':*')::tsquery END
    FROM plainto_tsquery('simple', spoken(question)) AS words
$$
"""
WORDS = """
CREATE FUNCTION message_words(room uuid, content text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', spoken(content)) || array_to_tsvector(ARRAY[room_word(room)])
$$
"""

# p_content NULL takes the message away, with the history of its edits. `o_changed` is false for what is so already.
# Its words are written down even if nobody did before: whoever reads the message for that at this moment finds the
# place taken, and cannot bring back what it said.
CHANGE = """
CREATE FUNCTION message_change(
    p_room uuid, p_message uuid, p_user integer, p_content text,
    OUT o_status text, OUT o_changed boolean, OUT o_seq bigint, OUT o_sender integer, OUT o_content text,
    OUT o_created_at timestamptz, OUT o_edited_at timestamptz, OUT o_deleted_at timestamptz, OUT o_rev bigint,
    OUT o_last_seq bigint
) LANGUAGE plpgsql AS $$
DECLARE
    now_ms timestamptz;
BEGIN
    SELECT last_seq INTO o_last_seq FROM rooms WHERE id = p_room FOR UPDATE;
    SELECT seq, sender_id, content, created_at, edited_at, deleted_at, rev
    INTO o_seq, o_sender, o_content, o_created_at, o_edited_at, o_deleted_at, o_rev
    FROM messages WHERE id = p_message AND room_id = p_room;
    IF NOT FOUND THEN
        o_status := 'unknown';
        RETURN;
    END IF;
    IF o_sender <> p_user THEN
        o_status := 'denied';
        RETURN;
    END IF;
    IF o_deleted_at IS NOT NULL AND p_content IS NOT NULL THEN
        o_status := 'unknown';
        RETURN;
    END IF;
    o_status := 'ok';
    o_changed := CASE WHEN p_content IS NULL THEN o_deleted_at IS NULL ELSE o_content <> p_content END;
    IF NOT o_changed THEN
        RETURN;
    END IF;
    now_ms := date_trunc('milliseconds', clock_timestamp());
    UPDATE rooms SET last_rev = last_rev + 1 WHERE id = p_room RETURNING last_rev INTO o_rev;
    IF p_content IS NULL THEN
        DELETE FROM message_edits WHERE message_id = p_message;
        o_content := '';
        o_deleted_at := now_ms;
    ELSE
        INSERT INTO message_edits (message_id, replaced_at, content) VALUES (p_message, clock_timestamp(), o_content);
        o_content := p_content;
        o_edited_at := now_ms;
    END IF;
    INSERT INTO message_search (room_id, seq, words)
    VALUES (p_room, o_seq, CASE WHEN p_content IS NULL THEN '' ELSE message_words(p_room, p_content) END)
    ON CONFLICT (room_id, seq) DO UPDATE SET words = excluded.words;
    UPDATE messages SET content = o_content, edited_at = o_edited_at, deleted_at = o_deleted_at, rev = o_rev
    WHERE room_id = p_room AND seq = o_seq;
END
$$
"""


def upgrade() -> None:
    """Add the columns, the tables and the functions."""
    for statement in (
        ROOMS,
        MESSAGES,
        MESSAGES_REV,
        EDITS,
        BLOCKS,
        SEARCH,
        SEARCH_WORDS,
        SEARCH_PROGRESS,
        ROOM_WORD,
        SPOKEN,
        ASKED,
        WORDS,
        CHANGE,
    ):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: restore a backup."""
    raise RuntimeError("there is no downgrade: restore a backup")
