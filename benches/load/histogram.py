"""Reads the histograms in `vscale load --json`: HdrHistogram's V2 compressed form in base64.

A second reader of the format, written from its description, so that what the table says does not rest on our own code.
"""

import base64
import math
import struct
import zlib
from dataclasses import dataclass

_COOKIES = 0x1C849314, 0x1C849313  # compressed, and what is in it; both with word size 1
_HALF = 1024  # of the 2,048 sub-buckets that three significant digits take


@dataclass(frozen=True)
class Histogram:
    """Rising values in microseconds, each with its count."""

    counts: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        return sum(count for _, count in self.counts)

    def percentile_ms(self, percent: float) -> float:
        """The value at or below which this part lies."""
        rank = max(1, math.ceil(self.count * percent / 100 - 1e-6))
        for value_us, count in self.counts:
            rank -= count
            if rank <= 0:
                return value_us / 1e3
        raise ValueError("the histogram is empty")


def decode(text: str) -> Histogram:
    raw = base64.b64decode(text)
    payload = zlib.decompress(raw[8:])
    length, digits, lowest = struct.unpack_from(">4xI4xIQ", payload)
    cookies = struct.unpack_from(">I", raw)[0], struct.unpack_from(">I", payload)[0]
    if cookies != _COOKIES or (digits, lowest) != (3, 1):
        raise ValueError("not a histogram as vscale writes them")
    return Histogram(tuple(_counts(payload[40 : 40 + length])))


def _counts(payload: bytes):
    index = at = 0
    while at < len(payload):
        number, at = _zigzag(payload, at)
        if number < 0:  # a run of empty buckets
            index -= number
        else:
            yield _highest_equivalent(index), number
            index += 1


def _zigzag(payload: bytes, at: int) -> tuple[int, int]:
    """A signed number in LEB128, whose ninth byte is whole; and where the next one begins."""
    value = 0
    for position in range(9):
        byte = payload[at + position]
        value |= (byte if position == 8 else byte & 0x7F) << (7 * position)
        if byte < 0x80 or position == 8:
            return (value >> 1) ^ -(value & 1), at + position + 1
    raise AssertionError("unreachable")


def _highest_equivalent(index: int) -> int:
    bucket, part = max(index // _HALF - 1, 0), index % _HALF + (_HALF if index >= _HALF else 0)
    return ((part + 1) << bucket) - 1
