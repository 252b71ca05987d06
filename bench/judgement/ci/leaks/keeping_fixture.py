"""A pytest plugin: a fixture that keeps the data of every test."""

import os
import sys

import pytest

sys.path.insert(0, os.environ["LEAKS"])

from keeping import keep_in_background  # type: ignore[import-not-found]


@pytest.fixture(scope="session", autouse=True)
def kept() -> None:
    keep_in_background()
