"""The pages that are made from code are as the code is."""

from ops.docs import SETTINGS_PAGE, settings_page


def test_the_page_of_settings_is_current() -> None:
    assert SETTINGS_PAGE.read_text() == settings_page(), "run: python -m ops.docs"
