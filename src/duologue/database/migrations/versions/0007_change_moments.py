"""Every change of a message has a moment of its own."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A client knows the newer of two states of a message by their moments: the answer to a request may come later than the
# news of what was changed after it. Two changes in one millisecond would be told apart by nothing.
CHANGE = """
CREATE OR REPLACE FUNCTION message_change(
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
    -- greatest() passes over what is NULL.
    now_ms := greatest(date_trunc('milliseconds', clock_timestamp()), o_edited_at + interval '1 millisecond');
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
    """Replace the function."""
    op.execute(CHANGE)


def downgrade() -> None:
    """There is no way back: restore a backup."""
    raise RuntimeError("there is no downgrade: restore a backup")
