"""Visitors of a web site, who count what goes wrong."""

import threading
import time
import urllib.request


class Load:
    """`visitors` threads that fetch `url` again and again, from entering to leaving a `with`, each
    with a breath in between: emulated guests must have time for their agents too.

    A visit fails when it is refused, cut off, answered with an error, or not within 15 s.
    """

    def __init__(self, url, visitors=2):
        self.url, self.visitors = url, visitors
        self.served, self.failures, self.longest = 0, [], 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(visitors)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _visit(self):
        with urllib.request.urlopen(self.url, timeout=15) as answer:
            answer.read()

    def _run(self):
        while not self._over.wait(0.2):
            since = time.monotonic()
            failure = None
            try:
                self._visit()
            except OSError as error:  # HTTPError and URLError are kinds of it.
                failure = repr(error)
            took = time.monotonic() - since
            with self._lock:
                self.longest = max(self.longest, took)
                if failure is None:
                    self.served += 1
                else:
                    self.failures.append(failure)

    def __str__(self):
        return (f"{self.served} visits served, {len(self.failures)} failed, "
                f"the longest took {self.longest:.1f} s")
