/*
 * Every Redis key: name, type, expiry, who writes and reads it. P is the prefix (redis.prefix, "WebSocket_"); {…} is a literal
 * hash tag, so that all keys of one user share a slot of a Redis Cluster.
 *
 * key                      type    content                                        expiry             written by       read by
 * P{userId}                hash    sessionId -> entry (registry.h)                session_ttl        open refresh     send, /online
 *                                                                                                   close
 * P{userId}:inbox          stream  m payload, to narrowing, p id before, x expiry  inbox_ttl          send             open fetch refresh
 * P{userId}:read           hash    narrowing -> highest id acknowledged            inbox_ttl          ack              open, /unread
 * P{userId}:sent:<msgId>   string  "<id> <prev id> <payload hash>"                 idempotency_window send             send, /status
 * Pnodes                   hash    nodeId -> heartbeat (nodes.h)                   none               wsnode           fcgi-send
 * Pnode:<nodeId>           string  boot: the lease                                 node_lease         wsnode           fcgi-send
 * Pcontrol:<nodeId>        pub/sub hints (registry.h)                              -                  both             wsnode
 */
#ifndef SHARED_SCHEMA_H
#define SHARED_SCHEMA_H

#include "shared/command.h"

/* Each adds one key as the next argument. prefix: redis.prefix. */
void schema_add_registry(struct command *c, const char *prefix, const char *user_id);
void schema_add_inbox(struct command *c, const char *prefix, const char *user_id);
void schema_add_read(struct command *c, const char *prefix, const char *user_id);
void schema_add_sent(struct command *c, const char *prefix, const char *user_id, const char *message_id);
void schema_add_nodes(struct command *c, const char *prefix);
void schema_add_lease(struct command *c, const char *prefix, const char *node_id);
void schema_add_control(struct command *c, const char *prefix, const char *node_id);

#endif
