#!/usr/bin/env python3
"""Draws a flame graph from folded stacks ("a;b;c COUNT" a line), as an SVG that a browser shows.

  flame.py stacks.folded flame.svg [TITLE]

A box is a function on the stack, as wide as its share of the samples; what it called stands on it. Pointing at a box
tells its name and share. Standard library only.
"""
import html
import sys

WIDTH, ROW, LETTER = 1200, 17, 6.6
NARROWEST = 0.4  # pixels: narrower boxes are left out


class Frame:
    def __init__(self, name):
        self.name, self.count, self.children = name, 0, {}

    def add(self, names, count):
        self.count += count
        if names:
            self.children.setdefault(names[0], Frame(names[0])).add(names[1:], count)

    def depth(self):
        return 1 + max((child.depth() for child in self.children.values()), default=0)


def read(path):
    root = Frame("all")
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            stack, _, count = line.rpartition(" ")
            if stack and count.strip().isdigit():
                root.add(stack.split(";"), int(count))
    return root


def colour(name):
    kernel = name.startswith(("__", "do_", "sys_", "tcp_", "ip_", "fuse_", "_raw", "_copy", "copy_", "entry_"))
    shade = 150 + hash_of(name) % 70
    return "rgb(%d,%d,70)" % (235, shade) if not kernel else "rgb(%d,%d,235)" % (shade - 40, shade)


def hash_of(name):
    value = 0
    for letter in name:
        value = (value * 31 + ord(letter)) % 65521
    return value


def draw(frame, x, level, height, scale, total, out):
    width = frame.count * scale
    if width < NARROWEST:
        return
    y = height - (level + 1) * ROW
    share = 100.0 * frame.count / total
    name = html.escape(frame.name)
    out.append('<g><title>%s: %.1f %%, %d samples</title><rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>'
               % (name, share, frame.count, x, y, max(width - 0.3, 0.3), ROW - 1, colour(frame.name)))
    room = int(width / LETTER)
    if room > 3:
        text = frame.name if len(frame.name) <= room else frame.name[:room - 2] + ".."
        out.append('<text x="%.1f" y="%d">%s</text>' % (x + 2, y + ROW - 5, html.escape(text)))
    out.append("</g>")
    for child in sorted(frame.children.values(), key=lambda c: c.name):
        draw(child, x, level + 1, height, scale, total, out)
        x += child.count * scale


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.setrecursionlimit(10000)
    root = read(sys.argv[1])
    if root.count == 0:
        sys.exit("no stacks in " + sys.argv[1])
    height = root.depth() * ROW + 30
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="monospace" font-size="11">'
           % (WIDTH, height), '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="16">%s</text>' % html.escape(sys.argv[3] if len(sys.argv) > 3 else sys.argv[1])]
    draw(root, 0.0, 0, height, WIDTH / root.count, root.count, out)
    out.append("</svg>")
    with open(sys.argv[2], "w", encoding="utf-8") as stream:
        stream.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
