"""Long work in short slices."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def slices(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut ``items`` into lists of ``size``, the last one shorter; none of them is empty."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
