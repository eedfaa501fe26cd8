"""A line that shows how far a long step is."""
import sys
import threading
import time

MIB = 1 << 20


class Progress:
    """Counts bytes from any thread. On a terminal one line is rewritten, else a
    line is printed every few seconds."""

    def __init__(self, label, total):
        self.label, self.total, self.done = label, max(1, total), 0
        self.started = time.monotonic()
        self.lock = threading.Lock()
        self.terminal = sys.stdout.isatty()
        self.next_line = self.started + (0.2 if self.terminal else 5)

    def add(self, count):
        with self.lock:
            self.done += count
            now = time.monotonic()
            if now < self.next_line:
                return
            self.next_line = now + (0.2 if self.terminal else 5)
            self._show(now)

    def _show(self, now):
        rate = self.done / max(0.001, now - self.started)
        left = (self.total - self.done) / max(1, rate)
        text = "  %-10s %3d %%  %5d of %d MiB  %5.0f MiB/s  %3.0f s left" % (
            self.label, 100 * min(self.done, self.total) // self.total, self.done // MIB,
            self.total // MIB, rate / MIB, max(0, left))
        print(("\r" + text + "   ") if self.terminal else text,
              end="" if self.terminal else "\n", flush=True)

    def finish(self):
        """Ends the line; returns the seconds since the start."""
        seconds = max(0.001, time.monotonic() - self.started)
        text = "  %-10s done  %d MiB in %.1f s, %.0f MiB/s" % (
            self.label, self.done // MIB, seconds, self.done / MIB / seconds)
        print(("\r" + text.ljust(79)) if self.terminal else text, flush=True)
        return seconds
