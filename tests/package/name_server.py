#!/usr/bin/env python3
"""For chroot_test.sh: brings the loopback device of its network name space up, and answers every DNS question there.

oss.example and names below it are 127.0.0.1; others do not exist. Runs until it is killed.
"""
import fcntl
import socket
import struct

SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def answer(question):
    """The answer to one datagram: header, the question again, one address or NXDOMAIN."""
    at, labels = 12, []
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]])
        at += 1 + question[at]
    end = at + 5
    known = labels[-2:] == [b"oss", b"example"]
    is_a = question[at + 1:at + 3] == b"\0\1"
    count = 1 if known and is_a else 0
    head = question[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, count, 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
    return head + question[12:end] + record * count


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    fcntl.ioctl(server, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    server.bind(("127.0.0.1", 53))
    while True:
        question, sender = server.recvfrom(4096)
        server.sendto(answer(question), sender)


if __name__ == "__main__":
    main()
