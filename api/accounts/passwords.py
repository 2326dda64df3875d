"""Passwords: hashed with Argon2id, verified in the same time whoever asks, and refused where they are easy to guess."""

from __future__ import annotations

import threading
from functools import cache

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

__all__ = ["LONGEST", "SHORTEST", "hash_password", "verify_password", "why_too_weak"]

#: NIST SP 800-63B-4: 15 characters where a password stands alone, as it does here; at least 64 must be allowed.
SHORTEST, LONGEST = 15, 200

# zxcvbn's scale ends at 4; 3 stands for 10^8 guesses or more, which the limit on sign-ins puts out of reach.
_LEAST_SCORE = 3

_HASHER = PasswordHash((Argon2Hasher(),))

# A hash takes 64 MB for half a second: two at once, so that a crowd at the door does not eat the memory.
_TURNS = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """The hash to keep, with its salt and costs."""
    with _TURNS:
        return _HASHER.hash(password)


@cache
def _nobodys_hash() -> str:
    """What a password is held against where there is no account, so that the answer takes as long as with one."""
    return hash_password("nobody has this password, and nobody can sign in with it")


def verify_password(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Whether the password is the one of the hash, and a new hash where the costs have risen since."""
    against = kept or _nobodys_hash()
    with _TURNS:
        try:
            good, renewed = _HASHER.verify_and_update(password, against)
        except UnknownHashError:  # what is kept is no hash of ours: nobody gets in by it
            return False, None
    return (good and kept is not None), (renewed if kept is not None else None)


def why_too_weak(password: str, *known: str) -> str | None:
    """Why a password is refused, as a sentence; None where it is good.

    Args:
        password: as it will be typed.
        known: what a guesser would try first: the person's name and address, the clinic's name.
    """
    if len(password) < SHORTEST:
        return f"The password is shorter than {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"The password is longer than {LONGEST} characters."
    from zxcvbn import zxcvbn  # 0.2 s to import, needed now and then

    # Its time grows with the length; beyond 72 characters only sheer repetition is still weak.
    found = zxcvbn(password[:72], user_inputs=[part for text in (*known, "screener") for part in (text, *text.split())])
    if found["score"] >= _LEAST_SCORE:
        return None
    why = found["feedback"]["warning"] or "The password is easy to guess."
    return f"{why.rstrip('.')}."
