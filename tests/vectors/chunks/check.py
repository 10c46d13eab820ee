"""Makes what is recorded in blobs.jsonl and tails.jsonl again, from docs/formats/chunks.md alone: python3 check.py

Lengths of segments and the blob itself are left out: the standard library has no libdeflate. Nor are the ids of large chunks
computed, which would take minutes; read.py has BLAKE3 in thirty lines of Python."""

import hashlib
import json
import pathlib
import struct
import zlib

from read import LOW, blake3, tail

FOLDER = pathlib.Path(__file__).parent
GEAR = [int.from_bytes(hashlib.md5(bytes([i]) * 64).digest()[:8], "big") for i in range(256)]
STRICT, LOOSE = 0x0000D91707537000, 0x0000D90703537000
MIN, AVERAGE, MAX = 65536, 262144, 1048576


def fastcdc(content):
    """The content in chunks."""
    while content:
        end, hash = min(len(content), MAX), 0
        for i in range(MIN, end // 2 * 2):
            hash = (hash << 1) + GEAR[content[i]] & 0xFFFFFFFFFFFFFFFF
            if hash & (STRICT if i < AVERAGE else LOOSE) == 0:
                end = i
                break
        yield content[:end]
        content = content[end:]


class Cutter:
    def __init__(self):
        self.chunks, self.run, self.parent, self.content = [], b"", b"", 0

    def close(self):
        self.chunks += [self.run] if self.run else []
        self.run = b""

    def entry(self, path):
        path = path.rstrip(b"/")
        parent = path[:max(path.rfind(b"/"), 0)]
        apart = parent != self.parent or int.from_bytes(blake3(path)[:8], "little") % 32 == 0
        if len(self.run) >= 524288 or len(self.run) >= 65536 and apart:
            self.close()
        self.parent = parent

    def payload(self, length):
        if length >= 65536:
            self.close()
            self.content = length

    def write(self, data):
        if self.content:
            assert len(data) == self.content, "the vectors write contents at once"
            self.chunks, self.content = self.chunks + list(fastcdc(data)), 0
            return
        self.run += data
        while len(self.run) > MAX:
            self.chunks, self.run = self.chunks + [self.run[:MAX]], self.run[MAX:]


def noise(seed, count):
    out = []
    for _ in range(count // 8 + 1):
        seed ^= seed << 13 & 0xFFFFFFFFFFFFFFFF
        seed ^= seed >> 7
        seed ^= seed << 17 & 0xFFFFFFFFFFFFFFFF
        out.append(seed)
    return struct.pack(f"<{len(out)}Q", *out)[:count]


def generate(kind, argument, count):
    if kind == "byte":
        return bytes([argument]) * count
    if kind == "text":
        return noise(argument, count).translate(b"etaoin shrdlu.,\n" * 16)
    return noise(argument, count)


def cut(steps):
    cutter = Cutter()
    for kind, *arguments in steps:
        if kind == "entry":
            cutter.entry(arguments[0].encode())
        elif kind == "content":
            cutter.payload(arguments[0])
        elif kind == "file":
            content = generate(*arguments[1:])
            cutter.entry(arguments[0].encode())
            cutter.write(b"h" * 512)
            cutter.payload(len(content))
            cutter.write(content)
            cutter.write(bytes(-len(content) % 512))
        else:
            cutter.write(generate(kind, *arguments))
    cutter.close()
    return cutter.chunks


for case in map(json.loads, open(FOLDER / "blobs.jsonl")):
    expect = case["expect"]
    foreign = case.get("foreign", False)
    chunks = list(fastcdc(b"".join(generate(*step) for step in case["input"]))) if foreign else cut(case["input"])
    assert [len(chunk) for chunk in chunks] == [raw for raw, _, _ in expect["chunks"]], case["id"]
    for chunk, (_, _, id) in zip(chunks, expect["chunks"]):
        assert len(chunk) > 40000 or blake3(chunk).hex() == id, case["id"]
    raw = b"".join(chunks)
    entries = [bytes.fromhex(id) + struct.pack("<I", length)[:3] + struct.pack("<I", segment)[:3] for length, segment, id in expect["chunks"]]
    made = tail(entries, zlib.crc32(raw), len(raw))
    assert made.hex() == expect["tail"] and made[-42:-10].hex() == expect["root"], case["id"]

for case in map(json.loads, open(FOLDER / "tails.jsonl")):
    expect = case["expect"]
    lengths = [(65536 + i % 1000, 30000 + i % 700) for i in range(case["pieces"])]
    entries = [blake3(struct.pack("<Q", i)) + b"".join(struct.pack("<I", n)[:3] for n in pair) for i, pair in enumerate(lengths)]
    made = tail(entries, int(case["crc32"], 16), sum(raw for raw, _ in lengths))
    assert made[-42:-10].hex() == expect["root"] and len(made) == expect["tail_bytes"], case["id"]
    assert 10 + sum(segment for _, segment in lengths) + len(made) == expect["blob_bytes"], case["id"]
    assert len(made) > 40000 or blake3(made).hex() == expect["tail"], case["id"]

print("all as recorded")
