"""The dumps of `figure field`: whole flashes made here, and what `godwit flash` says of each."""
import hashlib
import random
import struct
import zlib

MIB = 1 << 20
APP, DATA = 0, 1


def table(rows):
    data = b"".join(
        struct.pack("<HBBII16sI", 0x50AA, kind, subtype, offset, size, label.encode(), 0)
        for label, kind, subtype, offset, size in rows)
    data += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(data).digest()
    return data.ljust(0xC00, b"\xff")


def entry(sequence, state=2):
    data = struct.pack("<I", sequence)
    return data + b"\xff" * 20 + struct.pack("<II", state, zlib.crc32(data, 0xFFFFFFFF))


def dump(image, rows, table_at=0x8000, header_mib=4, size_mib=4, chip=5, bootloader_at=0):
    data = bytearray(b"\xff" * (size_mib * MIB))
    code = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4}[header_mib]
    data[bootloader_at:bootloader_at + 24] = bytes([0xE9, 3, 2, code << 4 | 0xF]) + bytes(8) + \
        struct.pack("<H", chip) + bytes(9) + b"\1"
    data[table_at:table_at + 0xC00] = table(rows)
    for _, kind, subtype, offset, _ in rows:
        if (kind, subtype) == (DATA, 0):
            data[offset:offset + 32] = entry(1)
            data[offset + 0x1000:offset + 0x1020] = entry(2)
        if kind == APP and offset + len(image) <= len(data):
            data[offset:offset + len(image)] = image
    return bytes(data)


def layout(first=0x9000, slot=0x140000, extra=()):
    base = (first + 0x7000 + 0xFFFF) & ~0xFFFF
    return [("nvs", DATA, 2, first, 0x4000), ("otadata", DATA, 0, first + 0x4000, 0x2000),
            ("ota_0", APP, 0x10, base, slot), ("ota_1", APP, 0x11, base + slot, slot), *extra]


def dumps(image, asks_block_3):
    """(name, bytes, options, exit status, words)."""
    whole = dump(image, layout())
    yield "plain", whole, [], 0, "boots ota_1"
    for at in range(0x9000, 0x10000, 0x1000):
        moved = dump(image, layout(at + 0x1000), table_at=at)
        yield f"table at 0x{at:x}", moved, [], 0, "boots ota_1"
    moved = dump(image, layout(0xE000), table_at=0xD000)
    yield "table at 0xd000, named", moved, ["--table", "0xd000"], 0, "boots ota_1"
    yield "table named wrong", moved, ["--table", "0xc000"], 0, "another place with --table"
    too_far = layout(extra=[("storage", DATA, 0x82, 0x290000, 0x160000)])
    yield "header 2 MB, table 4 MB", dump(image, too_far, header_mib=2), [], 0, \
        "says 2 MB of flash, and the partition table reaches to 0x3f0000"
    yield "header 2 MB: the cure", dump(image, too_far, header_mib=2), [], 0, "--flash-size 4MB"
    yield "header 2 MB: the end", dump(image, too_far, header_mib=2), [], 0, "nothing boots"
    yield "header 8 MB, dump 4 MB", dump(image, layout(), header_mib=8), [], 0, "the dump is short"
    yield "header 8 MB: or wrong", dump(image, layout(), header_mib=8), [], 0, "the header is wrong"
    yield "header 4 MB, dump 8 MB", dump(image, layout(), size_mib=8), [], 0, "boots ota_1"
    yield "cut before the slots", whole[:0xF000], [], 0, "can not be judged"
    overlap = layout(extra=[("coredump", DATA, 3, 0x20000, 0x10000)])
    yield "overlapping", dump(image, overlap), [], 0, "coredump (0x20000 to 0x30000) overlap"
    noise = random.Random(2).randbytes(4 * MIB)
    yield "encrypted", noise, [], 1, "flash encryption is on"
    half = random.Random(3).randbytes(0x40000) + b"\xff" * (4 * MIB - 0x40000)
    yield "encrypted, rest erased", half, [], 1, "can not be judged"
    yield "encrypted, table at 0xd000", \
        random.Random(4).randbytes(0x7000) + b"\xff" * 0x6000 + \
        random.Random(5).randbytes(0xC00) + \
        b"\xff" * (4 * MIB - 0xDC00), [], 1, "can not be judged"
    yield "an application", image, [], 1, "is no dump of a flash"
    asks = dump(asks_block_3, layout())
    yield "block revision not said", asks, [], 0, "boots ota_1"
    yield "block revision 0.2", asks, ["--block-revision", "0.2"], 0, "eFuse block revision"
    yield "block revision 0.3", asks, ["--block-revision", "0.3"], 0, "boots ota_1"
    yield "block revision nonsense", asks, ["--block-revision", "new"], 2, "MAJOR.MINOR"
