"""What a long run says of itself: lines of results on stdout, and on stderr where it is and how long it will take.

On a terminal the last line of stderr is renewed in place; elsewhere one line is written for each scenario.
"""
import sys
import time


def clock(seconds):
    return "%d:%02d" % divmod(int(max(0, seconds)), 60)


class Progress:
    """`weights` are those of the scenarios, each done `rounds` times; `budget_s` is what all may take together."""

    def __init__(self, weights, rounds, budget_s):
        self.count, self.weights, self.rounds, self.budget_s = len(weights), weights * rounds, rounds, budget_s
        self.begun, self.place = time.monotonic(), -1
        self.in_place = sys.stderr.isatty()
        self.dirty = False

    def gone_s(self):
        return time.monotonic() - self.begun

    def left_s(self):
        """Of the budget."""
        return self.budget_s - self.gone_s()

    def share_s(self):
        """What the scenario that begins now should take: its share of what is left, for this round alone."""
        round_end = (self.place // self.count + 1) * self.count
        ahead = sum(self.weights[self.place:round_end])
        return self.left_s() * self.weights[self.place] / ahead

    def expected_s(self):
        """Until the end: as fast as so far, and not beyond the budget."""
        done = sum(self.weights[:self.place])
        if done == 0:
            return max(0.0, self.left_s())
        guess = self.gone_s() / done * sum(self.weights[self.place:])
        return max(0.0, min(guess, self.left_s()))

    def next_scenario(self, name, title):
        self.place += 1
        self.say("[round %d/%d, %d/%d] %s: %s" % (self.place // self.count + 1, self.rounds,
                                                  self.place % self.count + 1, self.count, name, title))
        if not self.in_place:
            print(self.line(name), file=sys.stderr, flush=True)

    def line(self, text):
        return "%2d %%  %s gone, about %s left  %s" % (
            100 * sum(self.weights[:self.place]) / sum(self.weights), clock(self.gone_s()),
            clock(self.expected_s()), text)

    def show(self, text):
        if self.in_place:
            print("\r\033[K" + self.line(text)[:150], end="", file=sys.stderr, flush=True)
            self.dirty = True

    def say(self, text):
        if self.dirty:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self.dirty = False
        print(text, flush=True)
