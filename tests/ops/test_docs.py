"""The pages that are made from code are as the code is."""

from ops.docs import ALERTS_PAGE, SETTINGS_PAGE, alerts_page, settings_page


def test_the_page_of_settings_is_current() -> None:
    assert SETTINGS_PAGE.read_text() == settings_page(), "run: python -m ops.docs"


def test_the_table_of_alerts_is_current() -> None:
    text = ALERTS_PAGE.read_text()
    assert "`webhook_dead_letter`" in text
    assert text == alerts_page(text), "run: python -m ops.docs"
