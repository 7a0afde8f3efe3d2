#!/usr/bin/python3
"""A rejected design: a durable work queue in Redis from which the nodes take messages, in competition with each other.

Who takes a message writes it if the user has sessions here, else puts it back for the others, until it is 30 s old. What a dead node had
taken is taken over after 5 s. So one node writes each message: a user's sessions on the others get nothing; and putting back and taking over
cost order, and bring again what was written but not yet confirmed.
"""

import asyncio
import os
import time

import redis
import redis.asyncio

import parts

QUEUE, GROUP = "queue", "nodes"
GIVE_UP_S, TAKE_OVER_MS, BATCH = 30, 5000, 100

SEND = parts.ONCE + "return redis.call('XADD', 'queue', '*', 'u', ARGV[2], 'p', ARGV[3], 't', redis.call('TIME')[1])"
# Confirms an entry and, if it has fields, puts it back at the end, so that no crash can come between.
DONE = """
redis.call('XACK', 'queue', 'nodes', ARGV[1])
redis.call('XDEL', 'queue', ARGV[1])
if ARGV[2] then redis.call('XADD', 'queue', '*', 'u', ARGV[2], 'p', ARGV[3], 't', ARGV[4]) end
"""


def send(redis_port):
    script = redis.Redis(port=redis_port, socket_timeout=1).register_script(SEND)
    return lambda user, message_id, payload: script(args=[message_id, user, payload])


class Consumer:
    def __init__(self, redis_port, sessions):
        self.redis = redis.asyncio.Redis(port=redis_port, decode_responses=True)
        self.done = self.redis.register_script(DONE)
        self.sessions = sessions
        self.name = f"node-{os.getpid()}"

    async def join(self):
        try:
            await self.redis.xgroup_create(QUEUE, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def take(self):
        """New entries, or else what a dead node has left."""
        streams = await self.redis.xreadgroup(GROUP, self.name, {QUEUE: ">"}, count=BATCH, block=200)
        if streams:
            return streams[0][1]
        answer = await self.redis.execute_command(
            "XAUTOCLAIM", QUEUE, GROUP, self.name, TAKE_OVER_MS, "0", "COUNT", BATCH
        )
        return [(entry[0], dict(zip(entry[1][::2], entry[1][1::2]))) for entry in answer[1] if entry[1]]

    async def handle(self, entries):
        """Writes what is for somebody here, puts back the rest. Returns whether anything was for here."""
        delivered = False
        async with self.redis.pipeline(transaction=False) as confirmations:
            for entry_id, fields in entries:
                back = []
                if self.sessions.deliver(fields["u"], fields["p"]):
                    delivered = True
                elif time.time() - int(fields["t"]) < GIVE_UP_S:
                    back = [fields["u"], fields["p"], fields["t"]]
                await self.done(args=[entry_id, *back], client=confirmations)
            await confirmations.execute()
        return delivered


def node(redis_port):
    async def work(sessions, ready):
        consumer = Consumer(redis_port, sessions)
        await consumer.join()
        ready.set()
        while True:
            entries = await consumer.take()
            if entries and not await consumer.handle(entries):
                await asyncio.sleep(0.01)  # nobody here wants them: leave them to the others for a moment

    return work


if __name__ == "__main__":
    parts.main(__doc__.splitlines()[0], send, node)
