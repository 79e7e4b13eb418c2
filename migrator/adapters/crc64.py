"""CRC-64/ECMA-182 as OSS states it in x-oss-hash-crc64ecma: of bytes, and of parts put together."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final

from fastcrc import crc64

_POLYNOMIAL: Final = 0xC96C5795D7870F42  # 0x42F0E1EBA9EA3693, bits reversed
_ONE: Final = 1 << 63  # the polynomial 1: bits are reversed, so x**0 is the highest
_X8: Final = _ONE >> 8  # x**8, the shift by one byte


def crc64_of(data: bytes) -> int:
    """Return the checksum; the interpreter lock is released meanwhile."""
    return crc64.xz(data)


def combine(first: int, second: int, second_bytes: int) -> int:
    """Return the checksum of `a + b` from those of `a` and `b` and the length of `b`."""
    return _times(_shift(second_bytes), first) ^ second


def combine_all(parts: Iterable[tuple[int, int]]) -> int:
    """Return the checksum of a whole from its parts' (checksum, length), in order; 0 for no parts."""
    whole = 0
    for crc, size_bytes in parts:
        whole = combine(whole, crc, size_bytes)
    return whole


@functools.lru_cache(maxsize=64)
def _shift(size_bytes: int) -> int:
    """Return x**(8 * size_bytes) modulo the polynomial; the parts of an upload share one length, hence the cache."""
    power, result = _X8, _ONE
    while size_bytes:
        if size_bytes & 1:
            result = _times(power, result)
        power = _times(power, power)
        size_bytes >>= 1
    return result


def _times(a: int, b: int) -> int:
    """Multiply two reversed polynomials modulo the CRC's."""
    product, bit = 0, _ONE
    while a:
        if a & bit:
            product ^= b
            a ^= bit
        bit >>= 1
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product
