from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.enrolment_code import BITS, code_of, digest_of


@given(st.integers(min_value=0, max_value=2**BITS - 1))
def test_a_code_is_read_as_it_is_typed(number: int) -> None:
    code = code_of(number)
    assert len(code) == 14
    digest = digest_of(code)
    assert digest is not None
    for typed in (code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} ", code.replace("0", "o")):
        assert digest_of(typed) == digest
    assert digest_of(code.replace("1", "l").replace("1", "I")) == digest
    assert digest_of(code_of(number ^ 1)) != digest


def test_what_can_be_no_code_has_no_digest() -> None:
    for typed in ("", "7KQF-2M9X", "7KQF-2M9X-ZT4C-0", "7KQF-2M9X-ZT4U", "7KQF-2M9X-ZT4é"):
        assert digest_of(typed) is None
