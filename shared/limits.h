/*
 * Every fixed cap of the system, with its reason. What an operator may want to change is an option
 * (options.def) instead.
 */
#ifndef SHARED_LIMITS_H
#define SHARED_LIMITS_H

/* serverClient, page and userId: the contract with callers; long enough for a UUID, an e-mail, a
 * hash. */
#define ADDRESS_PART_BYTES_MAX 128
/* serverClient:page:userId and the terminating NUL. */
#define ADDRESS_KEY_BYTES (3 * ADDRESS_PART_BYTES_MAX + 2 + 1)
/* A group's name, at most serverClient:page, and the NUL. */
#define GROUP_NAME_BYTES (2 * ADDRESS_PART_BYTES_MAX + 1 + 1)
/* 128 random bits in base64url without padding, and the NUL. */
#define SESSION_ID_BYTES 23
/* A node's start id: 64 random bits in base64url, and the NUL. */
#define BOOT_ID_BYTES 12
/* nodeId and the NUL: a host name (RFC 1035: 253) would not fit any column; 128 does. */
#define NODE_ID_BYTES 129
/* ip:port of an internal listener, IPv6 in brackets, https:// before it, and the NUL. */
#define NODE_ADDR_BYTES 64
/* Two 64-bit decimals, a hyphen and the NUL: a Redis stream id. */
#define MESSAGE_ID_BYTES 42
/* The caller's messageId: as the other ids. */
#define CLIENT_MESSAGE_ID_BYTES_MAX 128
/* Objects and arrays inside each other; RFC 8259 9 lets a parser set a limit, 32 is more than
 * people nest. */
#define JSON_DEPTH_MAX 32
/* exclude[] and other lists of sessions in one message. */
#define MESSAGE_EXCLUDE_MAX 100
/* Messages of one forward: a batch send is as long. */
#define ENVELOPE_MESSAGES_MAX 1000
/* Sessions of one forward in all: ids of 22 bytes, so about 2.5 MB, which node.forward_max still
 * takes. */
#define ENVELOPE_SESSIONS_MAX 100000
/* How long a forward may ask a node to wait for acknowledgements: the largest send.timeout_max. */
#define ENVELOPE_WAIT_MS_MAX 600000
/* Messages to one user, or one group, that one script call takes: what is left of its cost for each
 * is small then, and Redis is not held up for long (a message of send.message_max is 64k by
 * default). */
#define MESSAGE_ITEMS_MAX 32
/* Arguments of one Redis command; the largest, a send script's, needs 11 and 7 for each message. */
#define COMMAND_ARGS_MAX 240
/* All arguments of one Redis command: the largest message (send.message_max: 16m) and what goes
 * with it. */
#define COMMAND_BYTES_MAX (32L * 1024 * 1024)
/* The name of a queue: AMQP 0-9-1's shortstr. */
#define QUEUE_NAME_BYTES_MAX 255
/* Servers in redis.url: sentinels, or the first ones to ask of a cluster. */
#define REDIS_SEEDS_MAX 16
/* Masters of a Redis Cluster; its own documentation advises against more than 1,000 nodes, and 128
 * masters take some ten million commands per second. */
#define REDIS_MASTERS_MAX 128
/* A server in a log: "[ipv6]:port" or a socket's path, and the NUL. */
#define REDIS_PLACE_BYTES 128
/* redis.url in a log, without logins: all seeds, the master's name and the db; cut if longer. */
#define REDIS_URL_TEXT_BYTES 512
/* RFC 6455 5.5: a control frame's payload is at most 125 bytes, two of them the close code. */
#define CLOSE_REASON_BYTES_MAX 123
/* RFC 6455 5.2: what a server's frame has before its payload: two bytes and the length in eight. */
#define PAYLOAD_HEADROOM_BYTES 10
/* An order to close sessions waits so long for nodes that cannot be reached: longer than people
 * leave a node paused or cut off. */
#define DISMISSAL_TTL_MS (24L * 60 * 60 * 1000)
/* A client's ref or to as JSON, quotes and escapes included: 128 bytes of plain text. */
#define CLIENT_MARK_BYTES_MAX 130
/* The backend's answer to a hook: a reply is a message to one client, and a page that says an error
 * is no reply. */
#define HOOK_ANSWER_BYTES_MAX (1024L * 1024)

#endif
