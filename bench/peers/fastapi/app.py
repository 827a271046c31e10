"""The same as a Python developer would write it: FastAPI, SQLAlchemy, uvicorn; one INSERT and commit a message."""

import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import jwt
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ValidationError
from sqlalchemy import DateTime, ForeignKey
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(os.environ["SQLALCHEMY_URL"], pool_size=10, max_overflow=0)
Session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The tables of setup.sql."""


class Room(Base):
    """Two people."""

    __tablename__ = "room"
    id: Mapped[str] = mapped_column(primary_key=True)
    user1_id: Mapped[int]
    user2_id: Mapped[int]


class Message(Base):
    """What one of them said."""

    __tablename__ = "message"
    id: Mapped[str] = mapped_column(primary_key=True)
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"))
    sender_id: Mapped[int]
    content: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Incoming(BaseModel):
    """A message as it comes."""

    content: str


class Outgoing(BaseModel):
    """A message as it goes."""

    id: str
    roomId: str  # noqa: N815
    senderId: int  # noqa: N815
    content: str
    createdAt: datetime  # noqa: N815


class NewMessage(BaseModel):
    """The frame."""

    type: str = "NEW_MESSAGE"
    data: Outgoing


class Rooms:
    """Who listens where."""

    def __init__(self) -> None:
        self.members: dict[str, set[WebSocket]] = {}

    async def broadcast(self, room_id: str, text: str, sender: WebSocket) -> None:
        """To all but the sender."""
        for member in list(self.members.get(room_id, ())):
            if member is not sender:
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await member.send_text(text)


rooms = Rooms()


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Let go of the database at the end."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.websocket("/room/{room_id}")
async def room(socket: WebSocket, room_id: str, token: str = "") -> None:
    """Say something, hear the other."""
    await socket.accept()
    try:
        user_id = jwt.decode(token, os.environ["JWT_SECRET"], algorithms=["HS256"])["userId"]
    except jwt.InvalidTokenError:
        await socket.close(4002, "Invalid token")
        return
    async with Session() as session:
        found = await session.get(Room, room_id)
    if found is None:
        await socket.close(4004, "Room not found")
        return
    if user_id not in (found.user1_id, found.user2_id):
        await socket.close(4003, "Access denied")
        return
    members = rooms.members.setdefault(room_id, set())
    members.add(socket)
    try:
        while True:
            try:
                incoming = Incoming.model_validate_json(await socket.receive_text())
            except ValidationError:
                continue
            async with Session() as session:
                message = Message(
                    id=str(uuid.uuid4()),
                    room_id=room_id,
                    sender_id=user_id,
                    content=incoming.content,
                    created_at=datetime.now(UTC),
                )
                session.add(message)
                await session.commit()
            out = NewMessage(
                data=Outgoing(
                    id=message.id,
                    roomId=room_id,
                    senderId=user_id,
                    content=message.content,
                    createdAt=message.created_at,
                )
            )
            await rooms.broadcast(room_id, out.model_dump_json(), socket)
    except WebSocketDisconnect:
        members.discard(socket)
