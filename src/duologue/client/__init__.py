"""A client of Duologue for Python: typed, asynchronous, and careful about every message.

    async with Duologue("http://localhost:4000") as duologue:
        await duologue.sign_in("ann@example.com", "two people talk")
        ben = (await duologue.people("ben@")).users[0]
        conversation = await duologue.open_room(ben.id)
        await conversation.send("Hello, Ben!")
        async for event in conversation:
            match event:
                case NewMessage(data=message):
                    print(message.content)

What it promises: a message is sent until it is stored, and stored once; what others say is told once, in order, over
any number of lost links. The types of what it tells are those of `duologue.wire`.
"""

from duologue.client.backoff import Backoff
from duologue.client.conversation import Conversation
from duologue.client.duologue import Duologue
from duologue.client.errors import (
    ApiError,
    ClientError,
    Closed,
    FellBehind,
    LinkError,
    OutboxFull,
    SignedOut,
)
from duologue.client.link import LinkState, Phase
from duologue.client.session import Session
from duologue.client.subscription import Event
from duologue.wire.frames import (
    Delivered,
    MessageDeleted,
    MessageEdited,
    NewMessage,
    Presence,
    Read,
    Resumed,
    RoomsList,
    RoomUpdate,
    Typing,
)
from duologue.wire.rooms import Message, Peer, Person, Room

__all__ = [
    "ApiError",
    "Backoff",
    "ClientError",
    "Closed",
    "Conversation",
    "Delivered",
    "Duologue",
    "Event",
    "FellBehind",
    "LinkError",
    "LinkState",
    "Message",
    "MessageDeleted",
    "MessageEdited",
    "NewMessage",
    "OutboxFull",
    "Peer",
    "Person",
    "Phase",
    "Presence",
    "Read",
    "Resumed",
    "Room",
    "RoomUpdate",
    "RoomsList",
    "Session",
    "SignedOut",
    "Typing",
]
