/*
 * A rate is one number: until when the client has used up its share. What it sends moves that by
 * what it costs, and it may lie a second ahead: so a second's worth passes at once. (ITU-T I.371
 * calls this the virtual scheduling algorithm.)
 */
#include "wsnode/session_limits.h"

#include <stddef.h>
#include <stdlib.h>

#include "shared/log.h"

#define SECOND_NS 1000000000LL
#define MS_NS 1000000LL
/* As in session_tick.c. */
#define TICK_ENTRIES_MAX 1000

struct session_limits {
    struct ring_entry idle;  /* in idles, if there is a time-out */
    struct session *session; /* borrowed */
    int64_t frames_until_ns; /* monotonic */
    int64_t bytes_until_ns;
};

enum err session_limits_start(struct node *n, struct session *s)
{
    const struct config *c = n->config;

    if (c->node_frame_rate == 0 && c->node_byte_rate_bytes == 0 && c->node_idle_timeout_ms == 0) {
        return ERR_OK;
    }
    s->limits = calloc(1, sizeof(*s->limits));
    if (!s->limits) {
        return ERR_NO_MEMORY;
    }
    s->limits->session = s;
    if (c->node_idle_timeout_ms > 0) {
        ring_add(&n->idles, &s->limits->idle, n->now_ms);
    }
    return ERR_OK;
}

void session_limits_stop(struct node *n, struct session *s)
{
    if (s->limits) {
        ring_remove(&n->idles, &s->limits->idle);
    }
}

void session_limits_destroy(struct session *s)
{
    free(s->limits);
    s->limits = NULL;
}

static bool take(int64_t *until_ns, int64_t count, int64_t per_second, int64_t now_ns)
{
    if (per_second == 0) {
        return true;
    }
    int64_t from_ns = *until_ns > now_ns ? *until_ns : now_ns;
    int64_t to_ns = from_ns + count * SECOND_NS / per_second;
    if (to_ns - now_ns > SECOND_NS) {
        return false;
    }
    *until_ns = to_ns;
    return true;
}

bool session_limits_take(struct node *n, struct session *s, size_t bytes, int64_t now_ms)
{
    const struct config *c = n->config;
    char client[CLIENT_TEXT_BYTES];

    if (!s->limits) {
        return true;
    }
    int64_t now_ns = now_ms * MS_NS;
    bool frame_fits = take(&s->limits->frames_until_ns, 1, c->node_frame_rate, now_ns);
    if (frame_fits &&
        take(&s->limits->bytes_until_ns, (int64_t)bytes, c->node_byte_rate_bytes, now_ns)) {
        return true;
    }
    node_stat_add(limited_frames, !frame_fits);
    node_stat_add(limited_bytes, frame_fits);
    log_limited(LOG_INFO, "client sends too fast", "session=%s client=%s limit=%s", s->id,
        client_text(s->client, client), frame_fits ? "node.byte_rate" : "node.frame_rate");
    session_close(n, s, CLOSE_TOO_FAST);
    return false;
}

void session_limits_on_message(struct node *n, struct session *s)
{
    if (s->limits && s->limits->idle.due_ms != 0) {
        ring_touch(&n->idles, &s->limits->idle, n->now_ms);
    }
}

void session_limits_on_tick(struct node *n)
{
    struct ring_entry *e;

    for (int i = 0; i < TICK_ENTRIES_MAX && (e = ring_first_due(&n->idles, n->now_ms)); i++) {
        struct session_limits *l =
            (struct session_limits *)(void *)((char *)e - offsetof(struct session_limits, idle));

        node_stat_add(idle, 1);
        session_close(n, l->session, CLOSE_IDLE);
    }
}

void session_on_control(struct node *n, struct session *s, int64_t now_ms)
{
    if (session_limits_take(n, s, 0, now_ms)) {
        session_on_alive(n, s, now_ms);
    }
}
