"""How often somebody may try: sign-ins by account and by address, so that passwords cannot be guessed."""

from __future__ import annotations

import hashlib
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

__all__ = ["SignInLimits", "TooManyTries"]


class TooManyTries(Exception):
    """Try again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many tries. Wait {seconds} seconds.")
        self.seconds = seconds


class SignInLimits:
    """Counts tries in the memory of this process; a restart forgets them.

    Every try counts before its password is looked at, so that many at once count too. An account is held back from
    one address alone: a stranger who guesses does not lock the person out.
    """

    # An account from one address, an account from everywhere, an address at all accounts.
    _ONE: RateLimitItem = RateLimitItemPerMinute(10, 15)
    _ACCOUNT: RateLimitItem = RateLimitItemPerMinute(100, 60)
    _ADDRESS: RateLimitItem = RateLimitItemPerMinute(100, 15)

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def count(self, account: str, address: str) -> None:
        """Count a try.

        Raises:
            TooManyTries: it is one too many.
        """
        who = _hidden(account)
        for limit, keys in (
            (self._ADDRESS, ("address", address)),
            (self._ONE, ("one", who, address)),
            (self._ACCOUNT, ("account", who)),
        ):
            if not self._windows.hit(limit, *keys):
                again_at = self._windows.get_window_stats(limit, *keys).reset_time
                raise TooManyTries(max(1, round(again_at - time.time())))

    def forget(self, account: str, address: str) -> None:
        """A good sign-in: the tries before it were slips."""
        self._windows.clear(self._ONE, "one", _hidden(account), address)


def _hidden(account: str) -> str:
    """Only a hash in memory: what was typed as a name may be a password."""
    return hashlib.sha256(account.encode()).hexdigest()
