"""Bytes that were good once: what gets deeper into a parser than noise does."""

from collections.abc import Sequence

from hypothesis import strategies as st

_INTERESTING = [
    b"",
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0",
    b"\xff\xff",
    b"\xff" * 4,
    b"=",
    b"\n",
]


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes], cuts: int = 3) -> bytes:
    """Draw one of ``seeds`` with up to ``cuts`` places overwritten, inserted into or cut out."""
    whole = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, cuts))):
        start = draw(st.integers(0, len(whole)))
        end = draw(st.integers(start, min(len(whole), start + 40)) | st.just(len(whole)))
        patch = draw(st.sampled_from(_INTERESTING) | st.binary(max_size=8))
        if draw(st.booleans()):
            end = min(len(whole), start + len(patch))
        whole = whole[:start] + patch + whole[end:]
    return whole
