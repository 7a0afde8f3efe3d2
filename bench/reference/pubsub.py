#!/usr/bin/python3
"""A rejected design: every message goes to every node through Redis pub/sub, and each node writes it to the sessions that it has.

No registry, no inbox. A node that is not listening at the moment, because it or Redis is away, never hears of the message; nor does a
client that is between two connections. Each node pays for every message of the whole system.
"""

import redis
import redis.asyncio

import parts

SEND = parts.ONCE + "return redis.call('PUBLISH', 'messages', ARGV[2] .. ' ' .. ARGV[3])"


def send(redis_port):
    script = redis.Redis(port=redis_port, socket_timeout=1).register_script(SEND)
    return lambda user, message_id, payload: script(args=[message_id, user, payload])


def node(redis_port):
    async def work(sessions, ready):
        connection = redis.asyncio.Redis(port=redis_port)
        async with connection.pubsub() as channel:
            await channel.subscribe("messages")
            ready.set()
            async for event in channel.listen():
                if event["type"] == "message":
                    user, payload = event["data"].decode().split(" ", 1)
                    sessions.deliver(user, payload)

    return work


if __name__ == "__main__":
    parts.main(__doc__.splitlines()[0], send, node)
