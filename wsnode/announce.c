/*
 * Events of this node's sessions, through lines: of one user they go one after another, and what
 * failed is tried again until it is confirmed. That is safe: the scripts tell nothing twice.
 */
#include "wsnode/announce.h"

#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "wsnode/announce_bring.h"
#include "wsnode/announce_watch.h"
#include "wsnode/heartbeat.h"
#include "wsnode/lines.h"
#include "wsnode/redis_async.h"
#include "wsnode/window.h"

struct announce_item {
    struct line_item item; /* first */
    int64_t sent_ms;       /* monotonic: if it is under way */
    bool is_end;
    enum events_end end;
    int code;
    char session_id[SESSION_ID_BYTES];
    char key[]; /* of what is no end */
};

struct announce {
    struct events_rules rules;
    struct events_node self;
    struct lines lines;
    struct window window;
    struct announce_watch *watch;     /* owned */
    struct announce_bringer *bringer; /* owned; NULL unless events.to = hook */
};

static void send_waiting(struct node *n, int64_t now_ms);

static void after_told(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct announce *a = n->announce;
    struct announce_item *i = arg;
    int64_t now_ms = clock_mono_ms();

    (void)reply;
    window_answered(&a->window, now_ms - i->sent_ms, n->config->redis_command_timeout_ms);
    if (err) {
        (void)lines_retry(&a->lines, &i->item, now_ms); /* there is no time limit */
    } else {
        lines_finish(&a->lines, &i->item);
        free(i);
    }
    send_waiting(n, now_ms);
}

static void add_command(const struct announce *a, const struct announce_item *i, struct command *c)
{
    if (i->is_end) {
        events_close_command(c, &a->rules, &a->self, i->session_id, i->end, i->code);
    } else {
        events_open_command(c, &a->rules, &a->self, i->session_id, i->key);
    }
}

static void send_one(struct node *n, struct announce_item *i, int64_t now_ms)
{
    struct announce *a = n->announce;
    struct command c;

    i->sent_ms = now_ms;
    command_init(&c);
    add_command(a, i, &c);
    enum err err = redis_async_run_confirmed(n->redis, &c, after_told, i);
    command_finish(&c);
    if (err) {
        (void)lines_retry(&a->lines, &i->item, now_ms);
    } else {
        window_sent(&a->window);
    }
}

/* Whose lease is not there counts as dead: what it told would be told lost at once. */
static bool may_send(const struct node *n, int64_t now_ms)
{
    return window_is_open(&n->announce->window) && redis_async_is_ready(n->redis) &&
           heartbeat_is_fresh(n, now_ms);
}

static void send_waiting(struct node *n, int64_t now_ms)
{
    struct line_item *item;

    while (may_send(n, now_ms) && (item = lines_start(&n->announce->lines))) {
        send_one(n, (struct announce_item *)item, now_ms);
    }
}

/* What there is no memory for is told by the next refresh, or, of an end, when the node's boot has
 * ended. */
static void add(struct node *n, const struct session *s, const struct address *a,
    const struct announce_item *what)
{
    char key[ADDRESS_KEY_BYTES] = "";
    if (!what->is_end) {
        (void)address_format_key(a, key);
    }
    size_t key_bytes = strlen(key) + 1;
    struct announce_item *i = calloc(1, sizeof(*i) + key_bytes);
    int64_t now_ms = clock_mono_ms();

    if (!i) {
        return;
    }
    *i = *what;
    memcpy(i->session_id, s->id, sizeof(i->session_id));
    memcpy(i->key, key, key_bytes);
    if (lines_add(&n->announce->lines, a->user_id, &i->item, 0, now_ms)) {
        free(i);
        return;
    }
    send_waiting(n, now_ms);
}

void announce_opened(struct node *n, const struct session *s)
{
    struct address address;

    if (n->announce) {
        session_table_address(s, &address);
        add(n, s, &address, &(struct announce_item){.is_end = false});
    }
}

void announce_again(struct node *n, const struct session *s)
{
    struct address address;

    if (!n->announce) {
        return;
    }
    session_table_address(s, &address);
    if (!lines_has(&n->announce->lines, address.user_id)) {
        add(n, s, &address, &(struct announce_item){.is_end = false});
    }
}

void announce_closed(struct node *n, const struct session *s, enum events_end end, int code)
{
    struct address address;

    if (n->announce) {
        session_table_address(s, &address);
        add(n, s, &address, &(struct announce_item){.is_end = true, .end = end, .code = code});
    }
}

enum err announce_create(struct node *n)
{
    const struct config *config = n->config;
    const struct lines_limits limits = {.items_per_line = INT64_MAX};

    if (config->events_to == EVENTS_TO_NONE) {
        return ERR_OK;
    }
    struct announce *a = calloc(1, sizeof(*a));
    if (!a) {
        return ERR_NO_MEMORY;
    }
    n->announce = a;
    a->rules = (struct events_rules){.prefix = config->redis_prefix,
        .stream_max = config->events_stream_max,
        .offline_delay_ms = config->events_offline_delay_ms};
    memcpy(a->self.node_id, n->id, sizeof(a->self.node_id));
    memcpy(a->self.boot, n->boot, sizeof(a->self.boot));
    lines_init(&a->lines, &limits);
    window_init(&a->window);
    a->watch = announce_watch_create(n, &a->rules);
    if (config->events_to == EVENTS_TO_HOOK) {
        a->bringer = announce_bringer_create(n, &a->rules, &a->self);
    }
    bool is_whole = a->watch && (a->bringer || config->events_to != EVENTS_TO_HOOK);
    return is_whole ? ERR_OK : ERR_NO_MEMORY;
}

void announce_stop(struct node *n)
{
    if (n->announce && n->announce->bringer) {
        announce_bringer_stop(n->announce->bringer);
    }
}

void announce_destroy(struct node *n)
{
    struct announce *a = n->announce;
    struct line_item *item;

    if (!a) {
        return;
    }
    while ((item = lines_take_any(&a->lines))) {
        free(item);
    }
    announce_watch_destroy(a->watch);
    announce_bringer_destroy(a->bringer);
    free(a);
    n->announce = NULL;
}

void announce_on_redis_ready(struct node *n)
{
    if (n->announce) {
        lines_wake(&n->announce->lines);
    }
}

void announce_on_tick(struct node *n, int64_t now_ms)
{
    if (!n->announce) {
        return;
    }
    lines_on_tick(&n->announce->lines, now_ms);
    send_waiting(n, now_ms);
    if (!may_send(n, now_ms)) {
        return;
    }
    announce_watch_on_tick(n->announce->watch, now_ms);
    if (n->announce->bringer) {
        announce_bringer_on_tick(n->announce->bringer, now_ms);
    }
}

int64_t announce_pending_count(const struct node *n)
{
    return n->announce ? n->announce->lines.count : 0;
}
