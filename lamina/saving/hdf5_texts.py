"""Texts of any length among an HDF5 file's attributes, read from the bytes.

HDF5 keeps such a text apart, in a heap, and where it lies in the attribute: a length, an address, a number. Its library sets
aside what the length says before it looks, and never ends on some damaged heaps; here every step stays within the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

Read = Callable[[int, int], bytes]  # from an address of the file, so many bytes

_ATTRIBUTE, _CONTINUATION = 0x0C, 0x10
_VARIABLE_LENGTH, _TEXT = 9, 1
_REFERENCE = struct.Struct("<IQI")  # length, address of the heap, number in it
_HEAP_HEADER, _OBJECT_HEADER = 16, struct.Struct("<HHIQ")


def texts_of(read: Read, header: int, name: bytes, count: int, most: int) -> list[bytes]:
    """The texts of an attribute.

    Arguments:
        header: the address of what has the attribute.
        count: how many texts it has.
        most: how many bytes they may have together: those of the file.

    Raises:
        ValueError: when they are not as HDF5 would have them.
    """
    for data in (found for kind, message in _messages(read, header) if kind == _ATTRIBUTE
                 for found in _data_of(message, name)):  # fmt: skip
        if len(data) < count * _REFERENCE.size:
            raise ValueError(f"it should have {count} texts, and has room for {len(data) // _REFERENCE.size}")
        places = [_REFERENCE.unpack_from(data, number * _REFERENCE.size) for number in range(count)]
        if sum(length for length, _, _ in places) > most:
            raise ValueError("its texts are longer than the file")
        heaps = _heaps(read, {address for length, address, _ in places if length}, most)
        return [_text(heaps, *place) for place in places]
    raise ValueError("it is kept in a way that lamina does not read")


def _text(heaps: dict[int, dict[int, bytes]], length: int, address: int, number: int) -> bytes:
    if not length:
        return b""
    found = heaps[address].get(number)
    if found is None or len(found) < length:
        raise ValueError(f"a text of {length} bytes is not where it should be")
    return found[:length]


def _heaps(read: Read, addresses: set[int], most: int) -> dict[int, dict[int, bytes]]:
    sizes = {address: _size_of_heap(read, address) for address in addresses}
    if sum(sizes.values()) > most:
        raise ValueError("its texts lie in each other")
    return {address: _heap(read, address, size) for address, size in sizes.items()}


def _size_of_heap(read: Read, address: int) -> int:
    head = read(address, _HEAP_HEADER)
    if head[:5] != b"GCOL\1":
        raise ValueError(f"there are no texts at {address}")
    return int.from_bytes(head[8:], "little")


def _heap(read: Read, address: int, size: int) -> dict[int, bytes]:
    """The objects of a heap by their numbers."""
    heap, at = read(address, size), _HEAP_HEADER
    found: dict[int, bytes] = {}
    while at + _OBJECT_HEADER.size <= size:
        number, _, _, length = _OBJECT_HEADER.unpack_from(heap, at)
        if number == 0:  # the room that is left
            break
        at += _OBJECT_HEADER.size
        if at + length > size:
            raise ValueError(f"text {number} of those at {address} goes beyond them")
        found[number] = heap[at : at + length]
        at += -(-length // 8) * 8
    return found


def _data_of(message: bytes, name: bytes) -> Iterator[bytes]:
    """The data of an attribute's message, if it has that name and texts of any length."""
    version, flags, *sizes = struct.unpack_from("<BBHHH", message)
    at, aligned = 8 + (version == 3), 8 if version == 1 else 1
    parts: list[bytes] = []
    for size in sizes:
        parts.append(message[at : at + size])
        at += -(-size // aligned) * aligned
    kind = parts[1]
    is_it = parts[0].rstrip(b"\0") == name and not (flags and version > 1) and len(kind) > 1
    if is_it and (kind[0] & 15, kind[1] & 15) == (_VARIABLE_LENGTH, _TEXT):
        yield message[at:]


def _messages(read: Read, header: int) -> Iterator[tuple[int, bytes]]:
    """What an object's header says: the kind and the content of each message, those in further blocks, too."""
    first = read(header, 16)
    is_old = first[:4] != b"OHDR"
    flags = 0 if is_old else first[5]
    if is_old:
        blocks = [(header + 16, int.from_bytes(first[8:12], "little"))]
    else:
        at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        blocks = [(header + at + width, int.from_bytes(read(header + at, width), "little"))]
    form = struct.Struct("<HHB3x" if is_old else "<BHBH" if flags & 4 else "<BHB")
    seen: set[int] = set()
    while blocks:
        start, size = blocks.pop(0)
        if start in seen:
            raise ValueError("its header comes back to itself")
        seen.add(start)
        block, at = read(start, size), 0
        while at + form.size <= size:
            kind, length, *_ = form.unpack_from(block, at)
            at += form.size
            content = block[at : at + length]
            at += length
            if kind == _CONTINUATION and length >= 16:
                place, extent = struct.unpack_from("<QQ", content)
                blocks.append((place, extent) if is_old else (place + 4, extent - 8))
            elif len(content) == length and length >= 8:
                yield kind, content
