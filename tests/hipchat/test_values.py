"""IDs and dates out of HipChat's JSON, in every spelling that is meant and in none other."""
import pytest

from hipchat.values import iso_date, message_id, positive_id, unix_time


@pytest.mark.parametrize("value, found", [
    (1001, 1001), ("1001", 1001), (2 ** 63 - 1, 2 ** 63 - 1), (2 ** 63, None), ("9" * 5000, None),
    (0, None), (-5, None), (True, None), (1001.0, None), ("1001 ", None), ("+1001", None),
    ("1_001", None), ("\uff11\uff10\uff10\uff11", None), ("\u00b2", None), ("", None), (None, None),
    ([1001], None), ("Ops", None)])
def test_an_id_is_a_positive_number_or_its_digits(value, found):
    assert positive_id(value) == found


@pytest.mark.parametrize("value, found", [
    ("0c8b7b5e-aaaa", "0c8b7b5e-aaaa"), (5, "5"), (2 ** 63, ""), (True, ""), (1.5, ""), (None, ""),
    (["x"], ""), ("x" * 101, "")])
def test_the_id_of_a_message_is_a_text(value, found):
    assert message_id(value) == found


@pytest.mark.parametrize("date", [
    "2018-05-04T09:30:01.000000+00:00", "2018-05-04T09:30:01Z", "2018-05-04T09:30:01",
    "2018-05-04T11:30:01+02:00", 1525426201, 1525426201.0])
def test_a_date_is_read_in_each_of_its_spellings(date):
    assert unix_time(date) == 1525426201.0
    assert iso_date(date) == "2018-05-04T09:30:01.000000+00:00"


def test_a_date_keeps_its_microseconds():
    for date in ("2018-05-04T09:30:01.000001+00:00", "2026-11-30T23:59:59.999999+00:00"):
        assert iso_date(date) == date


@pytest.mark.parametrize("date", [
    "now", "", None, True, [], {}, "0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z", -1, 10 ** 18, float("inf"), float("nan"),
    "2018-05-04T09:30:01+25:00"])
def test_an_invalid_date_does_not_raise(date):
    assert unix_time(date) is None and iso_date(date) == ""
