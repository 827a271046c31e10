"""Who was refused what, in the log and in OWASP's vocabulary; a flood of refusals becomes a number."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from duologue.auth.network import Network, client_address
from duologue.errors import Code

__all__ = ["Refusals"]

LINES_A_SECOND: Final = 10.0
BURST: Final = 50.0

# OWASP Logging Vocabulary Cheat Sheet. Not here: what honest clients run into every day (no token, an expired one).
EVENTS: Final = {
    Code.INVALID_CREDENTIALS: "authn_login_fail",
    Code.OTP_INVALID: "authn_login_fail",
    Code.OTP_ATTEMPTS_EXHAUSTED: "authn_login_fail_max",
    Code.REFRESH_REUSED: "authn_token_reuse",
    Code.INVALID_TOKEN: "authz_fail",
    Code.ACCESS_DENIED: "authz_fail",
    Code.BLOCKED: "authz_fail",
    Code.SESSION_ENDED: "session_use_after_expire",
    Code.RATE_LIMITED: "excess_rate_limit_exceeded",
    Code.ORIGIN_NOT_ALLOWED: "malicious_cors",
    Code.INVALID_INPUT: "input_validation_fail",
    Code.INVALID_JSON: "input_validation_fail",
}

log = structlog.get_logger("duologue.security")


class Refusals:
    """Ten lines a second at the most: whoever can cause refusals must not be able to fill a disk with them."""

    def __init__(self, trusted_proxies: Sequence[Network], loop_time: Callable[[], float]) -> None:
        self._trusted = tuple(trusted_proxies)
        self._loop_time = loop_time
        self._allowance = BURST
        self._at = loop_time()
        self._untold = 0
        self.noted: Counter[str] = Counter()
        """All so far, by code."""

    def note(
        self,
        code: Code,
        path: str,
        peer: str,
        forwarded: str | None,
        *,
        user_id: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """One refusal. `path` without its query; `forwarded` is X-Forwarded-For."""
        self.noted[code.value] += 1
        event = EVENTS.get(code)
        if event is None:
            return
        now = self._loop_time()
        self._allowance = min(BURST, self._allowance + (now - self._at) * LINES_A_SECOND)
        self._at = now
        if self._allowance < 1.0:
            self._untold += 1
            return
        self._allowance -= 1.0
        untold, self._untold = self._untold, 0
        more = {"user_id": user_id, "request_id": request_id, "untold_before": untold or None}
        log.info(
            event,
            reason=code.value,
            path=path,
            address=client_address(peer, forwarded, self._trusted),
            **{name: value for name, value in more.items() if value is not None},
        )
