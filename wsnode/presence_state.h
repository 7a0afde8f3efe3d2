/*
 * What the files of presence share: presence.c (the whole, refreshes), presence_open.c (opens),
 * presence_topics.c (groups), presence_topic_log.c (fetches from their logs), presence_close.c
 * (closes), presence_inbox.c (fetches and acks), presence_memberships.c, presence_hints.c. Nobody
 * else includes it.
 */
#ifndef WSNODE_PRESENCE_STATE_H
#define WSNODE_PRESENCE_STATE_H

#include <sys/queue.h>

#include "wsnode/hash.h"
#include "wsnode/live_nodes.h"
#include "wsnode/presence.h"
#include "wsnode/redis_async.h"
#include "wsnode/window.h"

enum opening_place {
    OPENING_WAITS,  /* in waiting */
    OPENING_FAILED, /* in failed_opens */
    OPENING_AWAITS_GROUP,
    OPENING_IN_FLIGHT
};

/* A session whose open has not been answered. */
struct opening {
    UT_hash_handle by_id;
    TAILQ_ENTRY(opening) link;  /* if it waits or failed */
    struct topic_waiter groups; /* if it awaits one of its groups */
    enum opening_place place;
    char session_id[SESSION_ID_BYTES];
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    char last_id[MESSAGE_ID_BYTES];
    int64_t due_ms;  /* if it failed: when it is tried again */
    int64_t sent_ms; /* if in flight */
    bool was_sent;   /* the registry may know it, whatever was answered */
};

/* A session whose answer is awaited. */
struct request {
    TAILQ_ENTRY(request) link; /* fetches that wait or failed */
    int64_t due_ms;            /* of these: when the session fetches again */
    int64_t sent_ms;           /* fetches only */
    char session_id[SESSION_ID_BYTES];
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    struct message_id watermark; /* refreshes only: the session's, when it was asked */
};

/*
 * What has been acknowledged at a place and Redis has yet to be told: for all sessions there, and
 * also when they have gone. Sessions that were excepted from messages acknowledge apart.
 */
struct ack {
    UT_hash_handle by_key;
    char key[ADDRESS_KEY_BYTES + 1]; /* of the address, after '-' if excepted, else '+' */
    struct address address;
    struct message_id id;
    bool was_excepted;
};

/* A session that has ended, and whose entry has yet to go. */
struct closing {
    TAILQ_ENTRY(closing) link; /* in closings or failed_closings, unless in flight */
    int64_t due_ms;            /* if it failed: when it is tried again */
    int64_t sent_ms;           /* if in flight */
    char session_id[SESSION_ID_BYTES];
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
};

/* A subscription whose log is to be fetched. */
struct topic_request {
    TAILQ_ENTRY(topic_request) link; /* unless it is under way */
    int64_t due_ms;                  /* of one that failed */
    int64_t sent_ms;
    char session_id[SESSION_ID_BYTES];
    char topic[ADDRESS_PART_BYTES_MAX + 1];
    uint32_t number;
};

TAILQ_HEAD(topic_request_queue, topic_request);
TAILQ_HEAD(opening_queue, opening);
TAILQ_HEAD(closing_queue, closing);
TAILQ_HEAD(request_queue, request);

struct presence {
    struct opening *openings;          /* uthash: all of them */
    struct opening_queue waiting;      /* those to be sent */
    struct opening_queue failed_opens; /* in order of due time */
    struct window opens;
    struct window tellings;               /* of groups */
    struct closing_queue closings;        /* those to be sent */
    struct closing_queue failed_closings; /* in order of due time */
    int64_t closings_count;               /* in both */
    struct window closes;
    struct ack *acks; /* uthash, in order of coming */
    int64_t acks_due_ms;
    struct window fetches;
    struct request_queue waiting_fetches; /* until there is room in the window */
    struct request_queue failed;  /* fetches that could not be sent: told on the next tick */
    struct request_queue retries; /* fetches that failed, in order of due time */
    struct window topic_fetches;
    struct topic_request_queue waiting_topics; /* until there is room in the window */
    struct topic_request_queue failed_topics;  /* in order of due time */
    struct live_nodes *live_nodes;             /* owned; NULL: opens look at no others */
    int64_t pending;
    bool refresh_failed; /* since Redis was last ready */
};

/* NULL: no memory. */
struct request *presence_request_create(const struct session *s);
/* Runs c and finishes it. On ERR_OK, done must count presence->pending down: take_answer() does. */
enum err presence_run(
    struct node *n, struct command *c, redis_async_done *done, void *arg) MUST_CHECK;
/* The same by redis_async_run_confirmed(). */
enum err presence_run_confirmed(
    struct node *n, struct command *c, redis_async_done *done, void *arg) MUST_CHECK;
/* The answer to a request came: frees it and returns the session, if it is still there. */
struct session *presence_take_answer(struct node *n, struct request *r);
void presence_describe_node(const struct node *n, struct registry_entry *e); /* only where it is */
void presence_describe(const struct node *n, const struct session *s, struct registry_entry *e);
/* Returns out, borrowing from the session; NULL: it has no token. */
const struct registry_token *presence_describe_token(
    const struct session *s, struct registry_token *out);
/* A page is about what a session's queue takes. */
struct inbox_limits presence_page_limits(const struct node *n);

/* presence_open.c */
void presence_send_waiting(struct node *n, int64_t now_ms);
/* The session ends. true: its close is not to be sent, because the open's answer leads to that, or
 * because it was never sent. */
bool presence_end_opening(struct node *n, const struct session *s);
void presence_end_openings(struct presence *p);
/* presence_topics.c */
void presence_send_topics(struct node *n, int64_t now_ms);
/* presence_topic_log.c */
void presence_retry_topic_fetches(struct node *n, int64_t now_ms); /* and sends those that wait */
void presence_end_topic_fetches(struct presence *p);
/* presence_close.c */
void presence_send_close(struct node *n, const char *user_id, const char *session_id);
void presence_send_closings(struct node *n, int64_t now_ms);
void presence_end_closings(struct presence *p);
/* presence_inbox.c */
void presence_flush_ack(struct node *n, struct session *s); /* if it has one to be written */
void presence_flush_acks(struct node *n);                   /* all, up to a bound */
void presence_tell_failed_fetches(struct node *n);
void presence_retry_fetches(struct node *n, int64_t now_ms);
void presence_send_fetches(struct node *n);
void presence_end_requests(struct presence *p);

#endif
