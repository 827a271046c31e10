"""permessage-deflate (RFC 7692) on chat: memory of a connection, time and size of a message. No server takes part."""

import argparse
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from uuid_utils import uuid7

from bench.table import Table

__all__ = ["add_arguments", "run", "tables"]

TAIL = b"\x00\x00\xff\xff"  # left out on the wire (RFC 7692 §7.2.1)
LEVEL = 6
WORDS = Path(__file__).with_name("words.txt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--connections", type=int, default=1_000, help="whose memory is measured")
    parser.add_argument("--messages", type=int, default=5_000)


def chat(count: int) -> list[bytes]:
    """NEW_MESSAGE frames of 200 to 500 bytes, with ids and times that differ, and words as frequent as words are."""
    generator = random.Random(7)
    words = WORDS.read_text(encoding="utf-8").split()
    weights = [1 / place for place in range(1, len(words) + 1)]
    room = str(uuid7())
    found = []
    for seq in range(1, count + 1):
        said = " ".join(generator.choices(words, weights, k=generator.randint(3, 50)))
        data = {"id": str(uuid7()), "roomId": room, "senderId": 4711 + seq % 2, "content": said}
        data |= {
            "createdAt": f"2026-01-01T{seq // 3600 % 24:02}:{seq // 60 % 60:02}:{seq % 60:02}.{seq % 997:03}Z",
            "seq": seq,
        }
        found.append(msgspec.json.encode({"type": "NEW_MESSAGE", "data": data}))
    return found


def resident() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def memory(make: Callable[[], Any], warm: Callable[[Any], object], count: int) -> float:
    """KB of one object that has worked."""
    before = resident()
    kept = [make() for _ in range(count)]
    for each in kept:
        warm(each)
    used = resident() - before
    del kept
    return used / count / 1024


def timed(work: Callable[[], object], count: int) -> float:
    """CPU microseconds of one of them: the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best * 1e6 / count


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Each window, with its context kept over messages and without."""
    frames = chat(options.messages)
    plain = sum(map(len, frames)) / len(frames)
    rows = []
    for bits in (15, 12, 9):
        for keeps in (True, False):

            def squeeze(bits: int = bits, keeps: bool = keeps) -> list[bytes]:
                made = compressor(bits)
                out = []
                for frame in frames:
                    if not keeps:
                        made = compressor(bits)
                    out.append((made.compress(frame) + made.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL))
                return out

            squeezed = squeeze()

            def unsqueeze(bits: int = bits, keeps: bool = keeps, squeezed: list[bytes] = squeezed) -> list[bytes]:
                made = zlib.decompressobj(-bits)
                out = []
                for frame in squeezed:
                    if not keeps:
                        made = zlib.decompressobj(-bits)
                    out.append(made.decompress(frame + TAIL))
                return out

            assert unsqueeze() == frames
            rows.append(
                {
                    "bits": bits,
                    "keeps": keeps,
                    "bytes": sum(map(len, squeezed)) / len(squeezed),
                    "compress_us": timed(squeeze, len(frames)),
                    "decompress_us": timed(unsqueeze, len(frames)),
                    "compressor_kb": memory(
                        lambda bits=bits: compressor(bits),  # type: ignore[misc]
                        lambda each: each.compress(frames[0]) + each.flush(zlib.Z_SYNC_FLUSH),
                        options.connections,
                    ),
                    "decompressor_kb": memory(
                        lambda bits=bits: zlib.decompressobj(-bits),  # type: ignore[misc]
                        lambda each, first=squeezed[0]: each.decompress(first + TAIL),  # type: ignore[misc]
                        options.connections,
                    ),
                }
            )
    return {"plain_bytes": plain, "rows": rows, "zlib": zlib.ZLIB_RUNTIME_VERSION}


def compressor(bits: int) -> Any:
    """As servers do: the default level, memory in step with the window."""
    return zlib.compressobj(LEVEL, zlib.DEFLATED, -bits, 8 if bits == 15 else 5 if bits == 12 else 1)


def tables(found: dict[str, Any]) -> list[Table]:
    """One row a way."""
    rows = [
        [
            f"{row['bits']}, {'kept' if row['keeps'] else 'made anew for each message'}",
            f"{row['compressor_kb'] + row['decompressor_kb']:.0f}" if row["keeps"] else "0",
            f"{row['compressor_kb']:.0f} + {row['decompressor_kb']:.0f}",
            f"{row['compress_us']:.1f}",
            f"{row['decompress_us']:.1f}",
            f"{row['bytes']:.0f}",
            f"{100 * (1 - row['bytes'] / found['plain_bytes']):.0f} %",
        ]
        for row in found["rows"]
    ]
    columns = [
        "window bits, context",
        "KB held a connection",
        "KB compressor + decompressor",
        "µs compress",
        "µs decompress",
        "bytes",
        "saved",
    ]
    return [
        Table(f"permessage-deflate on NEW_MESSAGE frames of {found['plain_bytes']:.0f} bytes on average", columns, rows)
    ]
