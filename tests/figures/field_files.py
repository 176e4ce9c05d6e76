"""The files of `figure field`: what people really send, made here byte by byte, each with its
right answer: what `inspect`, `sign` and an upload must say in the one sentence they share."""
import base64
import bz2
import gzip
import hashlib
import io
import lzma
import os
import random
import struct
import tarfile
import zipfile
import zlib

HEADER, SEGMENT, DESC = 24, 8, 32
SECTOR = 4096


def seal(data):
    """Checksum byte and digest of an unsigned image made right again."""
    data = bytearray(data)
    at, xor = HEADER, 0xEF
    for _ in range(data[1]):
        size = struct.unpack_from("<I", data, at + 4)[0]
        for byte in data[at + SEGMENT:at + SEGMENT + size]:
            xor ^= byte
        at += SEGMENT + size
    end = (at // 16 + 1) * 16
    data[end - 1] = xor
    data[end:end + 32] = hashlib.sha256(data[:end]).digest()
    return bytes(data)


def named(image, project, version):
    """The image with these names in its descriptor."""
    data = bytearray(image)
    for offset, text in ((DESC + 16, version), (DESC + 48, project)):
        text = text if isinstance(text, bytes) else text.encode()
        data[offset:offset + 32] = text[:32].ljust(32, b"\0")
    return seal(data)


def changed(image, offset, data):
    return seal(image[:offset] + data + image[offset + len(data):])


def sound_files(image):
    """(name, bytes): these can be released."""
    yield "as packed", image
    for name, project, version in (
            ("UTF-8 names", "Gerät-Küche", "1.0-ä"), ("spaces", "My Garden Sensor", "2.0 beta"),
            ("shell letters", "it's $(x) `y` \"z\"", "1;2|3&4"), ("an emoji", "🌡️ meter", "v1 🎉"),
            ("31 bytes", "p" * 31, "9" * 31), ("Arduino", "arduino-lib-builder",
                                               "esp-idf: v5.1 0011223344"),
            ("a dash in front", "-rf", "--open"), ("hash and percent", "50%#1?", "a+b=c"),
            ("Greek", "θερμοστάτης", "1.0")):
        yield f"names: {name}", named(image, project, version)
    other = named(image, "field", "1.0.3")
    yield "block revision 0.3", changed(other, DESC + 176, struct.pack("<HH", 3, 65535))


def bad_names(image):
    slash = "holds a slash"
    for name, project, version, words in (
            ("no version", "thermostat", "", "the version is missing"),
            ("no project", "", "1.0.0", "the project name is missing"),
            ("blanks", "   ", "1.0", "the project name is missing"),
            ("a slash", "acme/thermo", "1.0.0", slash),
            ("a branch as version", "thermostat", "feature/x-1-gabc", slash),
            ("32 bytes", "thermostat", "v" * 32, "longer than 31 bytes"),
            ("32 bytes of project", "p" * 32, "1", "longer than 31 bytes"),
            ("an escape", "\x1b[31mred", "1.0", "can not be printed"),
            ("a line end", "a\nb", "1.0", "can not be printed"),
            ("a C1 control", "a\x9bb", "1.0", "can not be printed"),
            ("a turn of direction", "a\u202eb", "1.0", "can not be printed"),
            ("no UTF-8", b"\xff\xfe\xfd", "1.0", "is not UTF-8"),
            ("dots", "..", "1.0", "a dot or two")):
        yield f"names: {name}", named(image, project, version), words


def bad_images(image, signed):
    at = len(image)
    blank = b"\xff" * 70000
    half = image[:at // 2]
    yield "cut in half", half, "ends before the image does"
    yield "one byte short", image[:-1], "ends before the image does"
    yield "the head only", image[:600], "ends before the image does"
    yield "one 0xFF behind", image + b"\xff", "1 byte of 0xFF stands behind the image"
    yield "padded to 64 KiB more", image + blank[:65536], "of 0xFF stand behind the image"
    yield "signed, read from flash", signed + blank, "of 0xFF stand behind the image"
    yield "signed, cut in the signature", signed[:-1], "4095 of its 4,096 bytes"
    yield "signed, cut early", signed[:-4000], "the signature sector is cut: 96 of"
    yield "Secure Boot v1", image + bytes(4) + b"Z" * 64, "Secure Boot v1"
    yield "a DFU suffix", image + b"\0\1" + b"\x3a\x30" * 2 + b"\0\1UFD\x10abcd", "DFU suffix"
    yield "a line end behind", image + b"\n", "handled as text"
    yield "two in a row", image + image, "stand behind the image"
    yield "zeros behind", signed + bytes(100), "100 bytes stand behind"
    yield "a flipped byte", image[:5000] + bytes([image[5000] ^ 1]) + image[5001:], "checksum"
    yield "an unknown chip", seal(image[:12] + b"\x77\x77" + image[14:]), "not known"
    yield "no digest", image[:23] + b"\0" + image[24:-32], "--dont-append-digest"
    yield "block revision 251.85", changed(image, DESC + 176, b"\x61\x62\xff\xff"), "no such chip"
    yield "chip revision 99.0", seal(image[:15] + struct.pack("<HH", 9900, 65535) + image[19:]), \
        "no such chip"
    yield "a 17th segment", bytes([image[0], 17]) + image[2:], "segment table"


def merged(image, table_at=0x8000, bootloader_at=0):
    data = bytearray(b"\xff" * 0x10000)
    data[bootloader_at:bootloader_at + 24] = b"\xe9\3\2\x20" + bytes(19) + b"\1"
    data[bootloader_at + 12:bootloader_at + 14] = b"\5\0" if bootloader_at == 0 else b"\0\0"
    row = struct.pack("<HBBII16sI", 0x50AA, 0, 0x10, 0x10000, 0x100000, b"ota_0", 0)
    data[table_at:table_at + 32] = row
    return bytes(data) + image


def bootloader():
    """As ESP-IDF 5.2 on makes them, with their own descriptor."""
    desc = b"\x50" + bytes(7) + b"v5.3.1".ljust(32, b"\0") + bytes(40)
    load = struct.pack("<II", 0x3FCD5810, len(desc))
    return b"\xe9\1\2\x20" + struct.pack("<I", 0x403CC71A) + b"\xee" + bytes(3) + b"\5" + \
        bytes(10) + b"\1" + load + desc + bytes(64)


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def tarred(data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("firmware.bin")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def spiffs(blocks=8):
    data = bytearray(b"\xff" * (blocks * SECTOR))
    for block in range(blocks):
        struct.pack_into("<H", data, block * SECTOR + 252, 0x0429 ^ (blocks - block))
    return bytes(data)


def fields(image):
    boundary = b"----WebKitFormBoundary7MA4YWxk"
    return b"--" + boundary + b"\r\nContent-Disposition: form-data; name=\"file\"; " \
        b"filename=\"firmware.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n" + image + \
        b"\r\n--" + boundary + b"--\r\n"


def wrapped(image):
    """Containers with an image inside."""
    size = len(image)
    yield "Matter OTA", \
        b"\x1e\xf1\xee\x1b" + struct.pack("<QI", size + 56, 40) + bytes(40) + image, \
        "a Matter OTA container"
    yield "Zigbee OTA", b"\x1e\xf1\xee\x0b\0\1\x38\0" + bytes(54) + image, "a Zigbee OTA container"
    yield "MCUboot", b"\x3d\xb8\xf3\x96" + bytes(28) + os.urandom(4096), "MCUboot"
    yield "MCUboot, first version", b"\x3c\xb8\xf3\x96" + bytes(28) + image, "MCUboot"
    yield "esp_encrypted_img", b"\xcf\xb6\x88\x07" + os.urandom(8192), "encrypted image container"
    yield "esp_delta_ota", b"\x10\xde\xcd\xfc" + os.urandom(800), "delta patch"
    yield "UF2", b"UF2\nWQ]\x9e" + bytes(24) + image[:256] + bytes(212) + b"0o\xb1\n", "UF2"
    yield "DfuSe", b"DfuSe\1" + bytes(200) + image, "DFU"
    yield "idf.py dfu", b"070701" + b"0" * 104 + b"dfuinfo0.dat\0" + bytes(9) + image, "DFU"
    yield "gzip", gzip.compress(image), "gzip"
    yield "a GitHub artifact", zipped("firmware.bin", image), "ZIP archive"
    yield "an empty ZIP", zipped("x", b"")[-22:], "ZIP archive"
    yield "tar", tarred(image), "tar archive"
    yield "tar.gz", gzip.compress(tarred(image)), "gzip"
    yield "xz", lzma.compress(image), "archive"
    yield "bzip2", bz2.compress(image), "archive"
    yield "7z", b"7z\xbc\xaf\x27\x1c" + os.urandom(900), "archive"
    yield "zstd", b"\x28\xb5\x2f\xfd" + os.urandom(900), "archive"
    yield "a vendor's own header", b"ACME0001" + bytes(120) + image, "begins at byte 128"
    yield "multipart/form-data", fields(image), "web form"


def first_flashing(image):
    yield "merged", merged(image), "whole-flash image"
    yield "merged, ESP32", merged(image, bootloader_at=0x1000), "whole-flash image"
    yield "merged, table at 0xD000", merged(image, 0xD000), "whole-flash image"
    yield "bootloader.bin", bootloader(), "second-stage bootloader"
    yield "partition-table.bin", merged(b"")[0x8000:0x8C00], "a partition table"
    yield "ota_data_initial.bin", b"\xff" * 0x2000, "ota_data_initial.bin"
    entry = struct.pack("<I", 1) + b"\xff" * 24 + \
        struct.pack("<I", zlib.crc32(b"\1\0\0\0", 0xFFFFFFFF))
    yield "boot_app0.bin", entry.ljust(0x1000, b"\xff") + b"\xff" * 0x1000, "otadata"
    yield "littlefs.bin", bytes(8) + b"littlefs" + bytes(8176), "LittleFS"
    yield "spiffs.bin", spiffs(), "SPIFFS"
    yield "fat.bin", b"\xeb\xfe\x90MSDOS5.0" + bytes(43) + b"FAT16   " + bytes(448) + b"\x55\xaa", \
        "FAT file system"
    yield "nvs.bin", b"\xfe\xff\xff\xff" + bytes(4) + b"\xfe" + b"\xff" * 19 + b"1234" + \
        b"\xff" * 4064, "NVS"
    yield "erased flash", b"\xff" * 65536, "erased flash"
    yield "zeros", bytes(65536), "zero bytes"
    yield "nothing", b"", "an empty file"
    yield "encrypted by esptool", random.Random(1).randbytes(65536), "without structure"


def of_other_chips():
    yield "ESP8266", \
        b"\xe9\2\3\x40\x80\xf4\x10\x40\0\xf0\x10\x40\x60\x0d\0\0" + bytes(400), "ESP8266"
    yield "ESP8266 with data first", \
        b"\xe9\3\3\x40\x04\0\x10\x40\0\x80\xfe\x3f\x60\x0d\0\0" + bytes(400), "ESP8266"
    yield "ESP8266 with 0xEA", \
        b"\xea\4\0\x20\4\0\x10\x40\0\0\0\0\x10\0\0\0" + bytes(16) + b"\xe9\3\0\x20" + bytes(404), \
        "ESP8266"
    yield "ELF", b"\x7fELF\1\1\1" + bytes(9000), "an ELF file"
    yield "a static library", b"!<arch>\n" + bytes(900), "library"
    yield "an .exe", b"MZ\x90\0" + bytes(900), "program for a computer"
    yield "Intel HEX", b":020000040000FA\n:10000000E9060220980240380000000000000000DE\n" * 40, \
        "Intel HEX"
    yield "S-records", b"S00F000068656C6C6F202020202000003C\n" * 40, "S-record"


def texts(image):
    yield "firmware.map", b"Archive member included to satisfy reference by file (symbol)\n" * 40, \
        "linker's map"
    yield "a 404 page", b"<!DOCTYPE html>\n<html><head><title>404</title></head></html>", "web page"
    yield "an S3 error", b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>", "XML"
    yield "a JSON error", b"{\"message\": \"Not Found\", \"status\": 404}", "JSON"
    yield "curl -i", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + image, "HTTP message"
    yield "a path", b"build/firmware.bin", "name of a file"
    yield "curl -d of a path", b"@/tmp/My Firmware.bin\n", "name of a file"
    yield "a Windows path", b"C:\\esp\\build\\app.bin", "name of a file"
    yield "an address", b"https://example.com/firmware.bin?raw=1", "name of a file"
    yield "curl -d with fields", b"file=firmware.bin&version=1.0.0", "fields of a web form"
    yield "curl -d @FILE", bytes(byte for byte in image[:9000] if byte not in (0, 10, 13)), \
        "handled as text"
    yield "read as Latin-1", image.decode("latin-1").encode(), "handled as text"
    yield "read as UTF-8", image.decode("utf-8", "replace").encode(), "handled as text"
    yield "base64", base64.b64encode(image), "base64"
    yield "xxd", b"00000000: e906 0220 9802 003c ee00 0000 0500 0000  ... ...<\n" * 9, "xxd -r"
    yield "plain hex", image[:2000].hex().encode(), "hex text"
    yield "a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\n" \
        b"size 1048576\n", "git lfs pull"
    yield "a private key", b"-----BEGIN PRIVATE KEY-----\nMIG2AgEA\n-----END PRIVATE KEY-----\n", \
        "keep keys to yourself"
    yield "partitions.csv", b"# ESP-IDF Partition Table\n# Name, Type, SubType, Offset, Size\n", \
        "partition table"
    yield "a log", b"I (312) boot: ESP-IDF v5.3 2nd stage bootloader\n" * 20, "a text"
    yield "sdkconfig", b"#\n# Automatically generated file.\n#\nCONFIG_IDF_TARGET=\"esp32\"\n", \
        "a text"


def bad_files(image, signed):
    """(name, bytes, words): these can not be released, and the words say why."""
    for rows in (bad_names(image), bad_images(image, signed), wrapped(image),
                 first_flashing(image), of_other_chips(), texts(image)):
        yield from rows
