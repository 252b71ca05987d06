"""Users, hashes, and how fast passwords may be tried."""

import base64
from pathlib import Path

import pytest

from ebpftrace.errors import EbpftraceError
from ebpftrace.service.http import passwords as module
from ebpftrace.service.http.passwords import Passwords, TooManyTriesError, hash_password

# RFC 7914, section 12: scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1)
SALT = base64.b64encode(b"SodiumChloride").decode().rstrip("=")
DIGEST = base64.b64encode(
    bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
).decode().rstrip("=")  # fmt: skip
LINE = f"prometheus:$scrypt$ln=14,r=8,p=1${SALT}${DIGEST}"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def users(tmp_path: Path, text: str) -> Passwords:
    file = tmp_path / "users"
    file.write_text(text, encoding="utf-8")
    return Passwords(file)


def test_the_hash_of_the_rfc_and_one_of_our_own_are_right(tmp_path: Path) -> None:
    rfc = DIGEST.rstrip("=")
    wrong_length = users(tmp_path, LINE.replace(DIGEST, rfc[:42] + "A"))
    assert not wrong_length.allow(basic("prometheus", "pleaseletmein"))
    both = users(tmp_path, f"# a comment\n\nme:{hash_password('naïve:x')}\n")
    assert both.allow(basic("me", "naïve:x"))
    assert not both.allow(basic("me", "naïve"))


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !!!", "Bearer x", basic("you", "pw"), basic("me", ""),
     "Basic " + base64.b64encode(b"me").decode(), "Basic " + "A" * 5000],
)  # fmt: skip
def test_anything_else_is_refused(tmp_path: Path, header: str) -> None:
    assert not users(tmp_path, f"me:{hash_password('pw')}\n").allow(header)


def test_a_right_password_is_remembered_and_wrong_ones_are_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRIES_A_SECOND", 0.0)
    checked = users(tmp_path, f"me:{hash_password('pw')}\n")
    assert checked.allow(basic("me", "pw"))
    for _ in range(7):
        assert not checked.allow(basic("me", "guess"))
    with pytest.raises(TooManyTriesError):
        checked.allow(basic("me", "guess"))
    for _ in range(100):  # a scrape is not kept out by guesses
        assert checked.allow(basic("me", "pw"))


@pytest.mark.parametrize(
    "text",
    ["", "# none\n", "me:pw\n", "me:$2y$10$abc\n", LINE.replace("ln=14", "ln=30"),
     LINE.replace("r=8", "r=0"), LINE.replace("ln=14,r=8", "ln=17,r=99"),
     LINE.replace("p=1", "p=0"), LINE.replace("ln=14,r=8", "ln=16,r=1"),
     LINE.replace(SALT, "A" * 13)],
)  # fmt: skip
def test_a_file_without_a_usable_user_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(EbpftraceError) as raised:
        users(tmp_path, text)
    assert raised.value.fix


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EbpftraceError, match="cannot read the auth file"):
        Passwords(tmp_path / "none")
