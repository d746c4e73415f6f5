"""Waiting for a condition with a deadline. Times are seconds of the machine's monotonic clock."""

import time

PAUSE_MOST = 0.5  # Seconds, between two questions that took long themselves.


class Timeout(AssertionError):
    """A condition did not come true in time; the text says which, and what the logs said."""


def wait_until(condition, seconds, what, logs=None, poll=0.1):
    """Polls `condition` until it returns something true, and returns that. What is costly to ask is
    asked half of the time at most: the guests have the same processors.

    An exception of the kinds that a starting or dying daemon causes counts as "not yet". After
    `seconds` a Timeout tells `what` was waited for, the last such exception, and `logs()`.
    """
    deadline = time.monotonic() + seconds
    error = None
    while True:
        asked = time.monotonic()
        try:
            value = condition()
            error = None
            if value:
                return value
        except (OSError, ValueError, KeyError, LookupError, RuntimeError) as caught:
            error = caught
        if time.monotonic() >= deadline:
            text = f"not within {seconds:g} s: {what}"
            if error is not None:
                text += f"\nlast error: {error!r}"
            if logs is not None:
                text += "\n" + logs()
            raise Timeout(text)
        time.sleep(max(poll, min(time.monotonic() - asked, PAUSE_MOST)))
