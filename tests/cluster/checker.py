"""The judge of a run with faults: what was promised, what the log says, what people saw; no I/O.

A run makes every `content` unique: it is how a message is known again when its acknowledgement was lost, for the log
does not show clientIds. All moments are seconds of one clock.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

__all__ = ["Fault", "Finding", "Heard", "History", "Listening", "Revoked", "Said", "Stored", "Watched", "judge"]


class Fault(StrEnum):
    """What can go wrong with a conversation."""

    LOST = "lost"
    """Acknowledged, and not in the log."""
    DOUBLED = "doubled"
    """One message under two places of the log, or acknowledged with two results."""
    SWAPPED = "swapped"
    """Not where its acknowledgement said."""
    GAP = "gap"
    """The log's `seq` does not run from 1 without a hole."""
    FORGED = "forged"
    """In the log, and said by nobody in this room."""
    PHANTOM = "phantom"
    """Heard, and not in the log: it was delivered before it was stored, or it was lost afterwards."""
    UNLIKE = "unlike"
    """Heard otherwise than it stands in the log."""
    REPEATED = "repeated"
    """Heard again on a socket that did not ask for it."""
    MISORDERED = "misordered"
    """Heard after one with a higher `seq`."""
    MISSED = "missed"
    """In the log, and not heard by somebody who listened until the end."""
    PRESENCE = "presence"
    """Shown online and away, or the other way round."""
    TOLD_TWICE = "told twice"
    """A change of presence that changed nothing."""
    AFTER_REVOCATION = "after revocation"
    """A frame for a session that had ended, or a socket that stayed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise."""

    fault: Fault
    where: str
    """The room, watcher or session."""
    what: str

    def __str__(self) -> str:
        return f"{self.fault} in {self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Said:
    """A message that somebody tried to send, once for each answer; without `seq` it was never acknowledged."""

    room: str
    client_id: str
    content: str
    id: str | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A line of a room's log, fetched after the faults had healed."""

    seq: int
    id: str
    content: str


Heard = Stored
"""A NEW_MESSAGE frame."""


@dataclass(frozen=True, slots=True)
class Listening:
    """One socket of a reader, from its opening to its end."""

    reader: str
    room: str
    after: int
    """What it opened with; 0 is from the first message on."""
    heard: Sequence[Heard]
    """In the order of arrival."""
    said: frozenset[str] = frozenset()
    """Contents that were sent over this very socket: it is not told of those."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What one socket of `/users` showed: who was online when it opened, the news, and at the end who really was."""

    watcher: str
    first: frozenset[int]
    news: Sequence[tuple[int, bool]]
    """User and whether online, in the order of arrival."""
    connected: frozenset[int]
    """Who had a socket at the end, the leases of dead nodes run out."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A session that was ended: when its end was answered, and what its sockets got."""

    session: str
    at: float
    frames: Sequence[float]
    """When each frame came that was no close frame."""
    closed: Sequence[float | None]
    """When each of its sockets was closed; None: it never was."""
    within: float = 1.0
    """Seconds until every node has to know; longer while the broker is away."""


@dataclass(frozen=True, slots=True)
class History:
    """All that a run saw."""

    said: Sequence[Said] = ()
    logs: Mapping[str, Sequence[Stored]] = field(default_factory=dict)
    """Room → its whole log, as it was fetched."""
    listened: Sequence[Listening] = ()
    """In the order of their opening; the last socket of a reader in a room listened until the end."""
    watched: Sequence[Watched] = ()
    revoked: Sequence[Revoked] = ()


def judge(history: History) -> list[Finding]:
    """Every broken promise; an empty list is what a run has to show. `ValueError`: the run cannot be judged."""
    _check(history)
    said = _by_room(history.said)
    findings: list[Finding] = []
    for room in sorted({*said, *history.logs}):
        findings += _judge_log(room, said.get(room, []), history.logs.get(room, ()))
    listened: defaultdict[tuple[str, str], list[Listening]] = defaultdict(list)
    for listening in history.listened:
        listened[listening.room, listening.reader].append(listening)
    for (room, reader), sockets in listened.items():
        findings += _judge_reader(f"{room}, {reader}", sockets, history.logs.get(room, ()))
    for watched in history.watched:
        findings += _judge_watcher(watched)
    for revoked in history.revoked:
        findings += _judge_revocation(revoked)
    return findings


def _check(history: History) -> None:
    owners: dict[str, tuple[str, str]] = {}
    for each in history.said:
        if owners.setdefault(each.content, (each.room, each.client_id)) != (each.room, each.client_id):
            raise ValueError(f"{each.content!r} was said as two messages: contents have to be unique")
    for room in {listening.room for listening in history.listened} - set(history.logs):
        raise ValueError(f"the log of {room} was not fetched")


def _by_room(said: Sequence[Said]) -> dict[str, list[Said]]:
    rooms: defaultdict[str, list[Said]] = defaultdict(list)
    for each in said:
        rooms[each.room].append(each)
    return rooms


def _judge_log(room: str, said: Sequence[Said], log: Sequence[Stored]) -> Iterator[Finding]:
    for position, line in enumerate(log, 1):
        if line.seq != position:
            yield Finding(Fault.GAP, room, f"line {position} of the log has seq {line.seq}")
            break
    places: defaultdict[str, list[Stored]] = defaultdict(list)
    for line in log:
        places[line.content].append(line)
    for identity, times in Counter(line.id for line in log).items():
        if times > 1:
            yield Finding(Fault.DOUBLED, room, f"id {identity} is in the log {times} times")
    known = {each.content for each in said}
    for content, lines in places.items():
        if content not in known:
            yield Finding(Fault.FORGED, room, f"{content!r} at {_seqs(lines)} was said by nobody")
        if len(lines) > 1:
            yield Finding(Fault.DOUBLED, room, f"{content!r} is at {_seqs(lines)}")
    results: dict[str, tuple[str | None, int]] = {}
    for each in said:
        if each.seq is None:
            continue
        result = (each.id, each.seq)
        if results.setdefault(each.client_id, result) != result:
            first = results[each.client_id]
            yield Finding(Fault.DOUBLED, room, f"{each.client_id} was acknowledged as {first} and as {result}")
        lines = places.get(each.content, [])
        if not lines:
            yield Finding(Fault.LOST, room, f"{each.content!r} was acknowledged as {result}")
        elif not any((line.id, line.seq) == result for line in lines):
            yield Finding(Fault.SWAPPED, room, f"{each.content!r}, acknowledged as {result}, is at {_seqs(lines)}")


def _judge_reader(where: str, sockets: Sequence[Listening], log: Sequence[Stored]) -> Iterator[Finding]:
    by_seq = {line.seq: line for line in log}
    told: set[int] = set()
    knows = set(range(1, sockets[0].after + 1))  # what it had before is not this run's
    for socket in sockets:
        silent = {line.seq for line in log if line.content in socket.said}
        seen: set[int] = set()
        for heard in socket.heard:
            line = by_seq.get(heard.seq)
            if line is None:
                yield Finding(Fault.PHANTOM, where, f"heard {heard.content!r} as {heard.seq}")
            elif line != heard:
                yield Finding(Fault.UNLIKE, where, f"heard {heard}, stored is {line}")
            if heard.seq in seen or heard.seq <= socket.after:
                yield Finding(Fault.REPEATED, where, f"{heard.seq} again, on a socket after {socket.after}")
            seen.add(heard.seq)
        for before, now in pairwise([socket.after, *(heard.seq for heard in socket.heard)]):
            if socket.after < now < before:
                yield Finding(Fault.MISORDERED, where, f"{now} came after {before}")
            for skipped in sorted(set(range(before + 1, now)) - silent - seen - told):
                told.add(skipped)
                yield Finding(Fault.MISSED, where, f"{skipped} was passed over before {now}")
        knows |= seen | silent
    # What it never had before its last socket, and what that one did not bring.
    last = {seq for seq in by_seq if seq > socket.after}
    for missing in sorted(((set(by_seq) - last - knows) | (last - seen - silent)) - told):
        yield Finding(Fault.MISSED, where, f"{missing} was never heard")


def _judge_watcher(watched: Watched) -> Iterator[Finding]:
    shown = set(watched.first)
    for user, online in watched.news:
        if online == (user in shown):
            yield Finding(Fault.TOLD_TWICE, watched.watcher, f"user {user} {'online' if online else 'away'}")
        (shown.add if online else shown.discard)(user)
    for user in sorted(shown ^ watched.connected):
        state = "online, but has no socket" if user in shown else "away, but has a socket"
        yield Finding(Fault.PRESENCE, watched.watcher, f"user {user} is shown {state}")


def _judge_revocation(revoked: Revoked) -> Iterator[Finding]:
    end = revoked.at + revoked.within
    for frame in revoked.frames:
        if frame > end:
            yield Finding(Fault.AFTER_REVOCATION, revoked.session, f"a frame {frame - revoked.at:.3f} s later")
    for closed in revoked.closed:
        if closed is None:
            yield Finding(Fault.AFTER_REVOCATION, revoked.session, "a socket that was never closed")
        elif closed > end:
            yield Finding(Fault.AFTER_REVOCATION, revoked.session, f"a socket closed {closed - revoked.at:.3f} s later")


def _seqs(lines: Sequence[Stored]) -> str:
    return ", ".join(str(line.seq) for line in lines)
