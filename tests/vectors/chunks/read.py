"""Reads a blob of docs/formats/chunks.md with the standard library of Python 3 alone: python3 read.py BLOB

Prints length, length of the segment and id of each chunk. Anything that is not as the document says is an error."""

import gzip, io, struct, sys, tarfile, zlib

LOW = 0xFFFFFFFF
IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
NEXT = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
MIX = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
START, END, PARENT, ROOT = 1, 2, 4, 8


def compress(chain, words, counter, length, flags):
    v = chain + IV[:4] + [counter & LOW, counter >> 32, length, flags]
    for _ in range(7):
        for (a, b, c, d), x, y in zip(MIX, words[::2], words[1::2]):
            for word, by_d, by_b in ((x, 16, 12), (y, 8, 7)):
                v[a] = v[a] + v[b] + word & LOW
                t = v[d] ^ v[a]
                v[d] = t >> by_d | t << 32 - by_d & LOW
                v[c] = v[c] + v[d] & LOW
                t = v[b] ^ v[c]
                v[b] = t >> by_b | t << 32 - by_b & LOW
        words = [words[i] for i in NEXT]
    return [low ^ high for low, high in zip(v[:8], v[8:])]


def leaf(kilobyte, counter):
    chain, blocks = IV, [kilobyte[i:i + 64] for i in range(0, len(kilobyte), 64)] or [b""]
    for i, block in enumerate(blocks):
        flags = START * (i == 0) | END * (i == len(blocks) - 1)
        node = chain, list(struct.unpack("<16I", block.ljust(64, b"\0"))), counter, len(block), flags
        chain = compress(*node) if i < len(blocks) - 1 else chain
    return node


def blake3(data):
    nodes = [leaf(data[i:i + 1024], i // 1024) for i in range(0, len(data), 1024)] or [leaf(b"", 0)]
    while len(nodes) > 1:
        pairs = [nodes[i:i + 2] for i in range(0, len(nodes), 2)]
        nodes = [(IV, compress(*p[0]) + compress(*p[1]), 0, 64, PARENT) if len(p) == 2 else p[0] for p in pairs]
    *node, flags = nodes[0]
    return struct.pack("<8I", *compress(*node, flags | ROOT))


def tree(entries):
    """Depth and root of the tree over the entries of an index."""
    level, depth = [(entry[:32], entry, int.from_bytes(entry[35:], "little")) for entry in entries], 0
    while depth == 0 or len(level) > 1:
        nodes = [[]]
        for item in level:
            if len(nodes[-1]) == 128 or len(nodes[-1]) >= 8 and nodes[-1][-1][0][31] % 32 == 0:
                nodes.append([])
            nodes[-1].append(item)
        level, domain, depth = [], bytes([min(depth, 1)]), depth + 1
        for node in nodes:
            below = sum(item[2] for item in node)
            id = blake3(domain + b"".join(item[1] for item in node))
            level.append((id, id + below.to_bytes(6, "little"), below))
    return depth, level[0][0]


def member(content):
    field = struct.pack("<H2sH", len(content) + 4, b"SW", len(content))
    return bytes.fromhex("1f8b08040000000000ff") + field + content + b"\3" + bytes(9)


def tail(entries, crc, raw_bytes):
    """What stands behind the last segment."""
    joined, data = b"".join(entries), 20 + sum(int.from_bytes(entry[35:], "little") for entry in entries)
    index = b"".join(member(joined[i:i + 64980]) for i in range(0, len(joined), 64980))
    footer = struct.pack("<8sHHQQII32s", b"SWCHUNKS", 1, 1, data, len(index), len(entries), *tree(entries))
    return struct.pack("<2sII", b"\3", crc, raw_bytes & LOW) + index + member(footer)


def read(blob):
    """The entries of the index, and all raw bytes."""
    data, index, count = struct.unpack("<QQI", blob[-66:-46])
    ends = [(i + 16, i + 16 + int.from_bytes(blob[i + 14:i + 16], "little")) for i in range(data, data + index, 65006)]
    joined = b"".join(blob[start:end] for start, end in ends)
    entries, raw, at = [joined[i:i + 38] for i in range(0, count * 38, 38)], b"", 10
    for entry in entries:
        length, end = int.from_bytes(entry[32:35], "little"), at + int.from_bytes(entry[35:], "little")
        inflater = zlib.decompressobj(-15)
        chunk, at = inflater.decompress(blob[at:end]), end
        assert len(chunk) == length and blake3(chunk) == entry[:32] and not inflater.eof
        assert inflater.decompress(b"\3\0") == b"" and inflater.eof and not inflater.unused_data
        raw += chunk
    assert blob == bytes.fromhex("1f8b08000000000000ff") + blob[10:at] + tail(entries, zlib.crc32(raw), len(raw))
    return entries, raw


if __name__ == "__main__":
    blob = open(sys.argv[1], "rb").read()
    entries, raw = read(blob)
    for entry in entries:
        print(int.from_bytes(entry[32:35], "little"), int.from_bytes(entry[35:], "little"), entry[:32].hex())
    assert gzip.decompress(blob) == raw
    print(len(list(tarfile.open(fileobj=io.BytesIO(blob), mode="r|gz"))), "files")
