"""The judge finds every fault that is planted into a good history, and nothing in the good one."""

import random
from dataclasses import replace

import pytest

from tests.cluster.checker import Fault, Heard, History, Listening, Revoked, Said, Stored, Watched, judge

ROOM = "r1"
LOG = tuple(Stored(seq, f"id{seq}", f"text {seq}") for seq in range(1, 11))
SAID = tuple(Said(ROOM, f"c{line.seq}", line.content, line.id, line.seq) for line in LOG)


def heard(*seqs: int) -> tuple[Heard, ...]:
    """The frames of these messages."""
    return tuple(LOG[seq - 1] for seq in seqs)


def history(log: tuple[Stored, ...] = LOG, said: tuple[Said, ...] = SAID, *listened: Listening) -> History:
    """A run in one room."""
    return History(said=said, logs={ROOM: log}, listened=listened)


def listening(*sockets: tuple[int, tuple[Heard, ...]]) -> History:
    """A run in which one reader opened these sockets, each with its `after` and its frames."""
    return history(LOG, SAID, *(Listening("ann", ROOM, after, frames) for after, frames in sockets))


def faults(history: History) -> set[Fault]:
    """Which promises were broken."""
    return {finding.fault for finding in judge(history)}


def test_a_run_in_which_all_went_well_has_no_findings() -> None:
    """With retries, a resume that asks for more than it lacks, news of presence, and a session that ended in time."""
    whole = History(
        said=(*SAID, SAID[3], replace(SAID[4], id=None, seq=None), Said(ROOM, "c99", "never arrived")),
        logs={ROOM: LOG, "r2": ()},
        listened=(
            Listening("ann", ROOM, 0, heard(1, 2, 3)),
            Listening("ben", ROOM, 0, heard(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)),
            Listening("ann", ROOM, 3, ()),
            Listening("ann", ROOM, 2, heard(3, 4, 5, 6, 7, 8, 9, 10)),
        ),
        watched=(Watched("ann", frozenset({1, 2}), ((2, False), (3, True), (2, True)), frozenset({1, 2, 3})),),
        revoked=(Revoked("s1", 100.0, (98.0, 99.9, 100.4), (100.5, 100.9)),),
    )
    assert judge(whole) == []


def test_an_acknowledged_message_that_is_not_in_the_log_is_lost() -> None:
    """At the end of the log, where no gap tells of it."""
    assert faults(history(LOG[:-1])) == {Fault.LOST}


def test_a_room_whose_log_is_gone_has_lost_everything() -> None:
    """The log of a room in which somebody was acknowledged is asked for, even if it was not fetched."""
    assert [each.fault for each in judge(History(said=SAID))] == [Fault.LOST] * 10


def test_a_message_that_was_stored_twice_is_found() -> None:
    """Acknowledged or not: the retry of a lost answer made a second one."""
    again = (*LOG, Stored(11, "id11", "text 4"))
    assert faults(history(again)) == {Fault.DOUBLED}
    unacknowledged = tuple(replace(each, id=None, seq=None) for each in SAID)
    assert faults(history(again, unacknowledged)) == {Fault.DOUBLED}


def test_an_id_that_is_in_the_log_twice_is_found() -> None:
    """Ids are unique beside contents."""
    assert Fault.DOUBLED in faults(history((*LOG[:-1], replace(LOG[9], id="id1"))))


def test_a_retry_that_is_answered_otherwise_than_the_first_time_is_found() -> None:
    """The same clientId has one result for ever."""
    assert Fault.DOUBLED in faults(history(LOG, (*SAID, replace(SAID[3], seq=5, id="id5"))))


def test_two_messages_that_changed_places_are_found() -> None:
    """The log is gapless and whole, and yet not what was acknowledged."""
    swapped = (*LOG[:4], replace(LOG[5], seq=5), replace(LOG[4], seq=6), *LOG[6:])
    assert faults(history(swapped)) == {Fault.SWAPPED}


def test_a_hole_in_the_log_is_found() -> None:
    """Also where nobody was acknowledged."""
    unacknowledged = tuple(replace(each, id=None, seq=None) for each in SAID)
    assert faults(history((*LOG[:4], *LOG[5:]), unacknowledged)) == {Fault.GAP}


def test_a_log_that_is_not_in_order_is_found() -> None:
    """As a gap: its lines are to be numbered as they come."""
    assert faults(history((*LOG[:4], LOG[5], LOG[4], *LOG[6:]))) == {Fault.GAP}


def test_a_message_that_nobody_said_here_is_found() -> None:
    """Of another room, say."""
    strange = History(
        said=(*SAID, Said("r2", "d1", "for the others")), logs={ROOM: (*LOG, Stored(11, "d1", "for the others"))}
    )
    assert faults(strange) == {Fault.FORGED}


def test_two_messages_of_one_content_cannot_be_judged() -> None:
    """They could not be told apart, so a fault might pass."""
    with pytest.raises(ValueError, match="unique"):
        judge(history(LOG, (*SAID, replace(SAID[0], client_id="another"))))
    with pytest.raises(ValueError, match="not fetched"):
        judge(History(listened=(Listening("ann", ROOM, 0, ()),)))


@pytest.mark.parametrize(
    ("sockets", "expected"),
    [
        ([(0, heard(1, 2, 3, 5, 4, 6, 7, 8, 9, 10))], {Fault.MISORDERED}),
        ([(0, heard(1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10))], {Fault.REPEATED}),
        ([(0, heard(1, 2, 3, 5, 6, 7, 8, 9, 10))], {Fault.MISSED}),
        ([(0, heard(1, 2, 3, 4, 5, 6, 7, 8, 9))], {Fault.MISSED}),
        ([(0, ())], {Fault.MISSED}),
        ([(0, heard(1, 2, 3)), (3, heard(5, 6, 7, 8, 9, 10))], {Fault.MISSED}),
        ([(0, heard(1, 2, 3)), (5, heard(6, 7, 8, 9, 10))], {Fault.MISSED}),
        ([(0, heard(1, 2, 3)), (3, heard(3, 4, 5, 6, 7, 8, 9, 10))], {Fault.REPEATED}),
        ([(0, (*heard(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), Stored(11, "id11", "text 11")))], {Fault.PHANTOM}),
        ([(0, (*heard(1, 2), replace(LOG[2], content="text 4"), *heard(4, 5, 6, 7, 8, 9, 10)))], {Fault.UNLIKE}),
        ([(0, (*heard(1, 2), replace(LOG[2], id="id4"), *heard(4, 5, 6, 7, 8, 9, 10)))], {Fault.UNLIKE}),
    ],
    ids=[
        "swap",
        "double",
        "gap",
        "end",
        "deaf",
        "gap after a resume",
        "resume too far",
        "replayed",
        "phantom",
        "text",
        "id",
    ],
)
def test_what_a_reader_may_not_see_is_found(sockets: list[tuple[int, tuple[Heard, ...]]], expected: set[Fault]) -> None:
    """In order, whole, once, as it is stored."""
    assert faults(listening(*sockets)) == expected


def test_a_gap_is_told_once_however_many_sockets_follow() -> None:
    """A report that repeats itself is not read."""
    findings = judge(listening((0, heard(1, 2, 4, 5)), (5, heard(6, 7, 8)), (8, heard(9, 10))))
    assert [str(each) for each in findings] == ["missed in r1, ann: 3 was passed over before 4"]


def test_a_socket_is_not_told_of_what_it_said_itself_but_the_next_one_is() -> None:
    """Its own messages make no gap; after a resume they come as everybody's do."""
    own = frozenset({"text 2", "text 9", "text 10"})
    first = Listening("ann", ROOM, 0, heard(1, 3, 4), said=own)
    assert judge(history(LOG, SAID, replace(first, heard=heard(1, 3, 4, 5, 6, 7, 8)))) == []
    # Cut before its last two were acknowledged: it asks for what it lacks, and has to get them.
    assert judge(history(LOG, SAID, first, Listening("ann", ROOM, 4, heard(5, 6, 7, 8, 9, 10)))) == []
    assert faults(history(LOG, SAID, first, Listening("ann", ROOM, 4, heard(5, 6, 7, 8)))) == {Fault.MISSED}


def test_presence_that_differs_from_who_is_connected_is_found() -> None:
    """Both ways, and news that changes nothing."""

    def shown(*news: tuple[int, bool], connected: frozenset[int] = frozenset({1, 2})) -> set[Fault]:
        return faults(History(watched=(Watched("ann", frozenset({1, 2}), news, connected),)))

    assert shown((2, False)) == {Fault.PRESENCE}
    assert shown(connected=frozenset({1})) == {Fault.PRESENCE}
    assert shown((2, False), (2, False), (2, True)) == {Fault.TOLD_TWICE}
    assert shown((2, True)) == {Fault.TOLD_TWICE}


def test_frames_and_sockets_that_outlive_a_revocation_are_found() -> None:
    """The bound is a second, or what the sweep needs while the broker is away."""

    def ended(frames: tuple[float, ...], closed: tuple[float | None, ...], within: float = 1.0) -> set[Fault]:
        return faults(History(revoked=(Revoked("s1", 100.0, frames, closed, within),)))

    assert ended((101.1,), (101.0,)) == {Fault.AFTER_REVOCATION}
    assert ended((), (101.1,)) == {Fault.AFTER_REVOCATION}
    assert ended((), (None,)) == {Fault.AFTER_REVOCATION}
    assert ended((130.0,), (159.0,), within=60.0) == set()


@pytest.mark.parametrize("seed", range(20))
def test_one_fault_in_a_long_run_is_found_wherever_it_is(seed: int) -> None:
    """A loss, a double or a swap, in the log or at a reader, among 30 rooms of 200 messages."""
    rng = random.Random(seed)
    logs = {
        f"r{room}": [Stored(seq, f"{room}-{seq}", f"text {room} {seq}") for seq in range(1, 201)] for room in range(30)
    }
    said = [Said(room, line.id, line.content, line.id, line.seq) for room, log in logs.items() for line in log]
    listened = {
        (room, reader): list(log) for room, log in logs.items() for reader in ("ann", "ben")
    }  # what each heard, to be cut up below
    room = f"r{rng.randrange(30)}"
    damaged = logs[room] if rng.random() < 0.5 else listened[room, "ben"]
    place = rng.randrange(1, 199)
    expected = rng.choice(
        [{Fault.LOST, Fault.MISSED}, {Fault.DOUBLED, Fault.REPEATED}, {Fault.SWAPPED, Fault.MISORDERED}]
    )
    if Fault.LOST in expected:
        del damaged[place]
    elif Fault.DOUBLED in expected:
        damaged.insert(place, damaged[place])
    else:
        damaged[place], damaged[place + 1] = damaged[place + 1], damaged[place]
    if damaged is logs[room]:  # stored that way: its numbers are gapless
        damaged[:] = [replace(line, seq=seq) for seq, line in enumerate(damaged, 1)]
    sockets = []
    for (of, reader), frames in listened.items():
        cut = rng.randrange(2, 199)
        while {place, place + 1} & {cut - 1, cut}:  # the fault lies within one socket
            cut = rng.randrange(2, 199)
        sockets += [
            Listening(reader, of, 0, frames[:cut]),
            Listening(reader, of, frames[cut - 1].seq, frames[cut:]),
        ]
    findings = judge(History(said=said, logs=logs, listened=sockets))
    assert {each.fault for each in findings} & expected
    assert {each.where for each in findings} <= {room, f"{room}, ann", f"{room}, ben"}
