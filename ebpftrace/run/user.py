"""The user that a command runs as, where it is not this one. Source: runuser(1)."""

import os
import pwd
from typing import NamedTuple


class RunUser(NamedTuple):
    """An entry of the user database."""

    uid: int
    gid: int
    name: str
    home: str

    @property
    def environment(self) -> dict[str, str]:
        """What belongs to a user in an environment."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}

    def become(self) -> None:
        """Give up the rights of this process for those of the user, for good. OSError."""
        os.initgroups(self.name, self.gid)
        os.setgid(self.gid)
        os.setuid(self.uid)


def find_user(name: str) -> RunUser:
    """By name or number. ValueError if there is none."""
    try:
        is_number = name.isascii() and name.isdecimal()
        entry = pwd.getpwuid(int(name)) if is_number else pwd.getpwnam(name)
    except (KeyError, OverflowError, ValueError):
        raise ValueError(f"there is no user {name!r}") from None
    return RunUser(entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir)
