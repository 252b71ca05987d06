"""Which users could change a file or a folder, as its owner and its mode show.

An access control list needs no look of its own: where there is one, the group's bits of the
mode are its mask, so that they show whether any user on the list may write (acl(5)).
"""

import os
import stat

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH

_LOG_FOLDER, _LOG_GROUP = "/var/log", "syslog"


def trusted_users() -> frozenset[int]:
    """Root, this user, and the user who became root by sudo: their files are obeyed."""
    users = {0, os.geteuid()}
    caller = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and caller.isascii() and caller.isdigit():
        users.add(int(caller))
    return frozenset(users)


def owner_reason(status: os.stat_result) -> str:
    """Why its owner is not trusted; "" if it is."""
    if status.st_uid in trusted_users():
        return ""
    return f"belongs to uid {status.st_uid}"


def folder_reason(status: os.stat_result, path: str, *, sticky: bool) -> str:
    """Why other users could replace what is in this folder; "" if they cannot.

    With `sticky`, others may add entries: in a folder such as /tmp the kernel lets no user
    remove or rename an entry but its owner and the folder's.
    """
    if reason := owner_reason(status):
        return reason
    if not status.st_mode & OTHERS_MAY_WRITE or (sticky and status.st_mode & stat.S_ISVTX):
        return ""
    if _is_log_folder(status, path):
        return ""
    return _mode_reason(status)


def file_reason(status: os.stat_result, *, may_be_linked: bool) -> str:
    """Why others could change this open file, or it may be another one; "" if neither."""
    if stat.S_ISCHR(status.st_mode):
        return ""  # only root makes one, and a terminal belongs to the user who logged in
    if reason := owner_reason(status):
        return reason
    if status.st_mode & OTHERS_MAY_WRITE:
        return _mode_reason(status)
    if status.st_nlink > 1 and not may_be_linked:
        return "has another name, a hard link"
    return ""


def _mode_reason(status: os.stat_result) -> str:
    writers = "everyone" if status.st_mode & stat.S_IWOTH else f"its group {status.st_gid}"
    return f"is writable by {writers}, with the mode {stat.S_IMODE(status.st_mode):04o}"


def _is_log_folder(status: os.stat_result, path: str) -> bool:
    """Whether it is the log folder as Ubuntu has it: the syslog daemon may write there.

    It could replace the folder below, but not by one that belongs to root.
    """
    if path != _LOG_FOLDER or status.st_mode & stat.S_IWOTH:
        return False
    import grp

    try:
        return grp.getgrgid(status.st_gid).gr_name == _LOG_GROUP
    except KeyError:
        return False
