"""Users by name and number."""

import os
import pwd

import pytest

from ebpftrace.run.user import find_user


def test_user_is_found_by_name_and_by_number() -> None:
    entry = pwd.getpwuid(os.getuid())
    user = find_user(entry.pw_name)
    assert user == find_user(str(entry.pw_uid))
    assert user.environment == {
        "HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name
    }  # fmt: skip


@pytest.mark.parametrize("name", ["", "no such user", "4294967290", "9" * 30, "-1", "٣"])
def test_what_is_no_user_is_said(name: str) -> None:
    with pytest.raises(ValueError, match="there is no user"):
        find_user(name)
