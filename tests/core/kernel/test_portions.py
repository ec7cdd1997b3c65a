from hypothesis import given
from hypothesis import strategies as st

from core.kernel.portions import Portions


@given(
    waiting=st.lists(st.booleans(), max_size=60),
    most=st.integers(min_value=1, max_value=10),
)
def test_only_what_is_odd_is_lost_and_all_else_is_done_once(waiting: list[bool], most: int) -> None:
    portions = Portions(most)
    left = list(enumerate(waiting))
    done, lost = list[int](), list[int]()
    while left:
        size = portions.next(len(left))
        portion, left = left[:size], left[size:]
        assert 1 <= size <= most
        if not any(is_odd for _, is_odd in portion):
            done += [number for number, _ in portion]
        elif portions.refused(size):
            left = portion + left
        else:
            lost += [number for number, _ in portion]

    assert lost == [number for number, is_odd in enumerate(waiting) if is_odd]
    assert done == [number for number, is_odd in enumerate(waiting) if not is_odd]
