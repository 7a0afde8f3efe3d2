/*
 * Every Redis key: name, type, expiry, who writes and reads it. P is the prefix (redis.prefix,
 * "WebSocket_"); {…} is a literal hash tag, so that all keys of one user share a slot of a Redis
 * Cluster.
 *
 * P{userId}               hash: sessionId -> entry (registry.h)
 *                         expires session_ttl after the last open or refresh
 *                         written by open refresh close; read by open refresh send, /online
 * P{userId}:inbox         stream: m payload, to narrowing, p id before, n number, x expiry,
 *                         except sessionIds
 *                         expires inbox_ttl after the last send
 *                         written by send; read by open fetch refresh, /history
 * P{userId}:read          hash: class -> highest id acknowledged, "newest <class>" -> highest id;
 *                         a class is a narrowing, or "except <narrowing>" (inbox.h)
 *                         expires inbox_ttl after the last ack or send
 *                         written by ack; read by open, /unread
 * P{userId}:sent:<msgId>  string: "<id> <id before> <payload hash>"
 *                         expires after idempotency_window; written by send; read by send, /status
 * P{userId}:close         hash: sessionId or narrowing ->
 *                         "<ms when ordered> <code> <narrowing> <reason>"
 *                         expires DISMISSAL_TTL_MS after the last order
 *                         written by dismiss; read by refresh
 * P{userId}:revoked       hash: "all" -> "<ms> <reason>": tokens issued up to then are refused;
 *                         "id <jti>" -> "<ms> <reason>": that token is, and may be forgotten then
 *                         expires as the last token could (token.lifetime_max); written by revoke;
 *                         read by open refresh
 * P{userId}:topics        hash: "<narrowing> <topic>" -> 1, "version" -> a growing number
 *                         (memberships.h); does not expire while it has topics
 *                         written by subscribe; read by open refresh, wsnode
 * Ptopic:{group}          hash: nodeId -> "boot address until": nodes with members (topics.h);
 *                         group: a topic's name, or "pc:home", "pc:", ":" (group_name.h)
 *                         expires session_ttl after the last join, which comes every third of it
 *                         written by topic_join topic_leave; read by send topic_dismiss, /presence
 * Ptopic:{group}:close    string: "<ms when ordered> <code> <reason>"
 *                         not of topics
 *                         expires DISMISSAL_TTL_MS after the last order
 *                         written by topic_dismiss; read by topic_join
 * Ptopic:{topic}:log      stream: m payload, p id before, n number, x expiry, except sessionIds
 *                         only of topics with history
 *                         expires topics.history_ttl after the last send
 *                         written by send; read by topic_fetch topic_join
 * Ptopic:{group}:sent:<msgId>  string: as of a user
 *                         expires after idempotency_window; written and read by send
 * Pnodes                  hash: nodeId -> heartbeat (nodes.h)
 *                         does not expire; written by wsnode; read by fcgi-send, wsnode
 * Pnode:<nodeId>          string: boot; the lease
 *                         expires after node_lease; written by wsnode; read by fcgi-send, wsnode
 * Pprobe:<n>              string: 1; written so that it is known whether the master that has it
 *                         takes writes (nodes.h); expires after node_lease; read by nobody
 * Pinbound                stream: id, time, sessionId, key, userId, serverClient, page, node, to,
 *                         ref, and json or text (upstream.h)
 *                         does not expire, about upstream.stream_max entries
 *                         written by wsnode; read by backends
 * Pevents                 stream: type, time, userId, and of a session sessionId, key,
 *                         serverClient, page, node, code, by (docs/upstream.md)
 *                         does not expire, about events.stream_max entries
 *                         written by event_open event_close event_lost event_offline, so are the
 *                         next four, which lie in its slot; and by attend attend_parted event_lost,
 *                         so are the next five; read by backends
 * Ponline:{Pevents}       hash: userId -> sessions told of; read by them, and by backends
 * Pleaving:{Pevents}      sorted set: userId, when to tell that it is offline (ms)
 * Ptold:{Pevents}         set: "nodeId boot" of nodes with sessions told of
 * Ptold:{Pevents}:<nodeId>:<boot>  hash: sessionId -> key, told of and not ended
 * Pattended:{Pevents}:<nodeId>:<boot>  hash: "sessionId group" -> userId, told of and not ended
 * Pattending:{Pevents}    hash: "group LF userId" -> sessions that the user has in the group
 * Pattendees:{Pevents}    sorted set: "group LF userId" of who was told to be in it, all with 0
 * Pparting:{Pevents}      sorted set: "group LF userId", when to tell that the user has left (ms)
 * Pattendance:{Pevents}   stream: type (joined, left), group, userId, count of users then in it;
 *                         about presence.news_max entries; read by wsnode
 * Pwatch:{Pevents}        string: the node that looks for what time and dead nodes leave to tell
 *                         expires within a second; written and read by wsnode
 * Pbringer:{Pevents}      string: "nodeId boot" of the node that brings events to the backend
 *                         expires some seconds after it last did; as the next one
 * Pbrought:{Pevents}      string: id of the last event that the backend has
 *                         written and read by event_bring
 * Pcontrol:<nodeId>       pub/sub channel: hints (registry.h); from both to wsnode
 */
#ifndef SHARED_SCHEMA_H
#define SHARED_SCHEMA_H

#include "shared/command.h"

/* Each adds one key as the next argument. prefix: redis.prefix. */
void schema_add_registry(struct command *c, const char *prefix, const char *user_id);
void schema_add_inbox(struct command *c, const char *prefix, const char *user_id);
void schema_add_read(struct command *c, const char *prefix, const char *user_id);
void schema_add_close(struct command *c, const char *prefix, const char *user_id);
void schema_add_sent(
    struct command *c, const char *prefix, const char *user_id, const char *message_id);
void schema_add_revoked(struct command *c, const char *prefix, const char *user_id);
void schema_add_memberships(struct command *c, const char *prefix, const char *user_id);
void schema_add_topic(struct command *c, const char *prefix, const char *group);
void schema_add_topic_close(struct command *c, const char *prefix, const char *group);
void schema_add_topic_log(struct command *c, const char *prefix, const char *topic);
void schema_add_topic_sent(
    struct command *c, const char *prefix, const char *group, const char *message_id);
void schema_add_nodes(struct command *c, const char *prefix);
void schema_add_lease(struct command *c, const char *prefix, const char *node_id);
void schema_add_probe(struct command *c, const char *prefix, int64_t number);
void schema_add_inbound(struct command *c, const char *prefix);
void schema_add_events(struct command *c, const char *prefix);
void schema_add_events_online(struct command *c, const char *prefix);
void schema_add_events_leaving(struct command *c, const char *prefix);
void schema_add_events_nodes(struct command *c, const char *prefix);
void schema_add_events_sessions(
    struct command *c, const char *prefix, const char *node_id, const char *boot);
/* The groups that this node's sessions are in. */
void schema_add_events_groups(
    struct command *c, const char *prefix, const char *node_id, const char *boot);
void schema_add_attendance(struct command *c, const char *prefix);
void schema_add_attendees(struct command *c, const char *prefix);
void schema_add_attending(struct command *c, const char *prefix);
void schema_add_parting(struct command *c, const char *prefix);
void schema_add_events_watch(struct command *c, const char *prefix);
void schema_add_events_bringer(struct command *c, const char *prefix);
void schema_add_events_brought(struct command *c, const char *prefix);
void schema_add_control(struct command *c, const char *prefix, const char *node_id);

#endif
