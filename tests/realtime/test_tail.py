"""The tail of a room in memory."""

from duologue.realtime.tail import ROOM_MESSAGES, Tails


def filled(first, last, limit=1 << 20):
    tails = Tails(limit)
    tails.keep("room")
    for seq in range(first, last + 1):
        tails.delivered("room", seq, f"id{seq}", b"x" * 10)
    return tails


def seqs(kept):
    return None if kept is None else [seq for seq, _, _ in kept]


def test_everything_behind_a_seq_is_there_in_order():
    assert seqs(filled(5, 9).after("room", 6)) == [7, 8, 9]


def test_nothing_behind_the_newest():
    assert seqs(filled(5, 9).after("room", 9)) == []


def test_the_oldest_kept_message_may_be_the_first_missed():
    assert seqs(filled(5, 9).after("room", 4)) == [5, 6, 7, 8, 9]


def test_what_is_older_has_to_be_read_from_the_log():
    assert filled(5, 9).after("room", 3) is None


def test_a_room_nobody_listened_to_has_no_tail():
    tails = Tails()
    tails.delivered("room", 1, "id", b"x")
    assert tails.after("room", 0) is None


def test_an_empty_tail_says_nothing():
    tails = Tails()
    tails.keep("room")
    assert tails.after("room", 0) is None


def test_a_gap_begins_a_new_tail():
    tails = filled(5, 9)
    tails.delivered("room", 11, "id", b"x")
    assert tails.after("room", 9) is None
    assert seqs(tails.after("room", 10)) == [11]


def test_a_room_keeps_its_newest_messages():
    tails = filled(1, ROOM_MESSAGES + 50)
    assert tails.after("room", 49) is None
    assert seqs(tails.after("room", 50)) == list(range(51, ROOM_MESSAGES + 51))
    assert tails.size == ROOM_MESSAGES * 10


def test_the_longest_unheard_room_goes_first_when_memory_is_full():
    tails = Tails(100)
    for room in ("old", "new"):
        tails.keep(room)
        for seq in range(1, 6):
            tails.delivered(room, seq, "id", b"x" * 10)
    tails.keep("old")
    tails.delivered("old", 6, "id", b"x" * 10)
    assert "new" not in tails
    assert seqs(tails.after("old", 0)) == [1, 2, 3, 4, 5, 6]
    assert tails.size == 60


def test_a_dropped_tail_gives_its_bytes_back():
    tails = filled(1, 9)
    tails.drop("room")
    assert tails.size == 0
    assert tails.after("room", 8) is None
