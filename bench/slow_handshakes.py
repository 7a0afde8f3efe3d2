"""Clients that never finish a handshake, for slowloris.py: one process of them, from one source address per 5,000.

usage: slow_handshakes.py PORT COUNT FIRST_ADDRESS

A third says nothing, a third sends half a head and no more, a third sends a header that never ends, a byte at a time.
Whoever is thrown out comes back after a pause, so COUNT are there or about to be. Prints a line of JSON each second:
how many are connected, and how often one was thrown out.
"""

import collections
import errno
import json
import os
import select
import socket
import sys
import time

PAUSE_S, BYTE_EVERY_S, TELL_EVERY_S = 10, 5, 1
OPENS_PER_TURN = 50
IP_BIND_ADDRESS_NO_PORT = 24
HALF = b"GET /websocket/slow HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nX-Slow: "


class Crowd:
    def __init__(self, port, count, first_address):
        self.port, self.first_address = port, first_address
        self.epoll, self.sockets, self.thrown_out = select.epoll(), {}, 0
        self.to_open = collections.deque((0, number) for number in range(count))  # (when, who)
        self.to_send = collections.deque()

    def open(self, number):
        s = socket.socket()
        s.setblocking(False)
        s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        s.bind((f"127.0.1.{self.first_address + number // 5000}", 0))
        if s.connect_ex(("127.0.0.1", self.port)) not in (0, errno.EINPROGRESS):
            s.close()
            self.leave(number)
            return
        self.sockets[s.fileno()] = (s, number)
        self.epoll.register(s, select.EPOLLIN)
        if number % 3:
            self.to_send.append((time.monotonic(), s, HALF))

    def leave(self, number):
        self.to_open.append((time.monotonic() + PAUSE_S, number))

    def send_due(self, now):
        while self.to_send and self.to_send[0][0] <= now:
            _, s, data = self.to_send.popleft()
            if s.fileno() not in self.sockets:
                continue
            try:
                s.send(data)
            except BlockingIOError:
                pass
            except OSError:
                continue  # the end is about to be read
            if data != HALF or self.sockets[s.fileno()][1] % 3 == 2:
                self.to_send.append((now + BYTE_EVERY_S, s, b"x"))

    def read_ends(self):
        for fd, _ in self.epoll.poll(0.02, 1000):
            s, number = self.sockets.pop(fd)
            s.close()
            self.thrown_out += 1
            self.leave(number)

    def turn(self):
        now = time.monotonic()
        for _ in range(OPENS_PER_TURN):
            if not self.to_open or self.to_open[0][0] > now:
                break
            self.open(self.to_open.popleft()[1])
        self.send_due(now)
        self.read_ends()


def main():
    crowd = Crowd(*map(int, sys.argv[1:]))
    told = 0
    # They stand for other machines, so they get only what this one's processors have left.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        crowd.turn()
        if time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            print(json.dumps({"connected": len(crowd.sockets), "thrown_out": crowd.thrown_out}), flush=True)


if __name__ == "__main__":
    main()
