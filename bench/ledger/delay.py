#!/usr/bin/python3
"""A TCP proxy that holds every byte back, both ways: for kernels without netem. iptables' REDIRECT brings connections.

usage: delay.py PORT MARK MS    says `ready` when it listens. Its own connections carry MARK,
so that a rule can spare them.
"""

import asyncio
import socket
import struct
import sys

SO_ORIGINAL_DST = 80
QUEUE_CHUNKS_MAX = 64


def original_destination(near):
    family, port, ip = struct.unpack("!HH4s8x", near.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16))
    return socket.inet_ntoa(ip), port


async def take_in(reader, queue, delay_s):
    loop = asyncio.get_running_loop()
    data = b"?"
    while data:
        try:
            data = await reader.read(65536)
        except OSError:
            data = b""
        await queue.put((loop.time() + delay_s, data))


async def give_out(queue, writer):
    loop = asyncio.get_running_loop()
    while True:
        due, data = await queue.get()
        await asyncio.sleep(max(0, due - loop.time()))
        if not data:
            return
        writer.write(data)
        await writer.drain()


async def serve(near_reader, near_writer, mark, delay_s):
    near = near_writer.get_extra_info("socket")
    far = socket.socket()
    try:
        far.setblocking(False)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        for s in (near, far):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(far, original_destination(near))
        far_reader, far_writer = await asyncio.open_connection(sock=far)
    except OSError:
        far.close()
        near_writer.close()
        return
    there, back = asyncio.Queue(QUEUE_CHUNKS_MAX), asyncio.Queue(QUEUE_CHUNKS_MAX)
    run = asyncio.create_task
    takers = [run(take_in(near_reader, there, delay_s)), run(take_in(far_reader, back, delay_s))]
    givers = [run(give_out(there, far_writer)), run(give_out(back, near_writer))]
    # Either side's end is the connection's end: nobody here closes half of one.
    done, _ = await asyncio.wait(givers, return_when=asyncio.FIRST_COMPLETED)
    for task in takers + givers:
        task.cancel()
    await asyncio.gather(*takers, *givers, return_exceptions=True)
    near_writer.close()
    far_writer.close()


async def main(port, mark, ms):
    async def on_connection(reader, writer):
        await serve(reader, writer, mark, ms / 1000)

    server = await asyncio.start_server(on_connection, "0.0.0.0", port, backlog=1024)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*(int(word) for word in sys.argv[1:])))
