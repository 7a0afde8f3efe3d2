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
#include "wsnode/attendance.h"
#include "wsnode/hash.h"
#include "wsnode/heartbeat.h"
#include "wsnode/lines.h"
#include "wsnode/redis_async.h"
#include "wsnode/window.h"

/* Of one user, who would otherwise fill the memory by coming and going while Redis is away. */
#define USER_ITEMS_MAX 1000

enum telling { OPENED, ENDED, IN_GROUPS, OUT_OF_GROUPS };

struct announce_item {
    struct line_item item; /* first */
    UT_hash_handle hh;     /* in groups: by session_id and text */
    int64_t sent_ms;       /* monotonic: if it is under way */
    enum telling what;
    enum events_end end;
    int code;
    char session_id[SESSION_ID_BYTES];
    char text[]; /* OPENED: the key; of groups: their names */
};

struct announce {
    bool tells_events; /* else attendance only */
    struct events_rules rules;
    struct events_node self;
    struct lines lines;
    struct announce_item *groups; /* uthash; of one group each, and not under way yet */
    struct window window;
    struct announce_watch *watch;     /* owned */
    struct announce_bringer *bringer; /* owned; NULL unless events.to = hook */
};

/* All groups of a session together (a line feed after each) must stay in their place: what comes
 * between says otherwise of one of them. */
static bool is_of_one_group(const struct announce_item *i)
{
    return (i->what == IN_GROUPS || i->what == OUT_OF_GROUPS) && !strchr(i->text, '\n');
}

static size_t key_bytes(const struct announce_item *i)
{
    return sizeof(i->session_id) + strlen(i->text);
}

/* What waits says the newest instead: a client may come and go faster than Redis is told, or while
 * it is away. */
static bool is_said_by_another(struct announce *a, const struct announce_item *i)
{
    struct announce_item *waiting = NULL;

    if (is_of_one_group(i)) {
        HASH_FIND(hh, a->groups, i->session_id, key_bytes(i), waiting);
    }
    if (waiting) {
        waiting->what = i->what;
    }
    return waiting != NULL;
}

static void let_change(struct announce *a, struct announce_item *i)
{
    if (is_of_one_group(i)) {
        HASH_ADD(hh, a->groups, session_id, key_bytes(i), i); /* without memory it is as it is */
    }
}

static void fix(struct announce *a, struct announce_item *i)
{
    if (hash_has(i, hh)) {
        HASH_DELETE(hh, a->groups, i);
        i->hh.tbl = NULL;
    }
}

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
    const struct attendance_telling groups = {.session_id = i->session_id,
        .user_id = i->item.line->name,
        .is_in = i->what == IN_GROUPS,
        .groups = i->text};

    switch (i->what) {
    case OPENED:
        events_open_command(c, &a->rules, &a->self, i->session_id, i->text);
        break;
    case ENDED:
        events_close_command(c, &a->rules, &a->self, i->session_id, i->end, i->code);
        break;
    case IN_GROUPS:
    case OUT_OF_GROUPS:
        attendance_command(c, &a->rules, &a->self, &groups);
        break;
    }
}

static void send_one(struct node *n, struct announce_item *i, int64_t now_ms)
{
    struct announce *a = n->announce;
    struct command c;

    fix(a, i);
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
static void add_to_line(
    struct node *n, const char *user_id, const struct announce_item *what, const char *text)
{
    size_t text_bytes = strlen(text) + 1;
    struct announce_item *i = calloc(1, sizeof(*i) + text_bytes);
    int64_t now_ms = clock_mono_ms();

    if (!i) {
        return;
    }
    *i = *what;
    memcpy(i->text, text, text_bytes);
    if (is_said_by_another(n->announce, i) ||
        lines_add(&n->announce->lines, user_id, &i->item, 0, now_ms)) {
        free(i);
        return;
    }
    let_change(n->announce, i);
    send_waiting(n, now_ms);
}

static void add(
    struct node *n, const struct session *s, const struct announce_item *what, const char *text)
{
    struct announce_item i = *what;
    struct address address;

    session_table_address(s, &address);
    memcpy(i.session_id, s->id, sizeof(i.session_id));
    add_to_line(n, address.user_id, &i, text);
}

void announce_absent(struct node *n, const struct attendance_place *p)
{
    struct announce_item i = {.what = OUT_OF_GROUPS};

    memcpy(i.session_id, p->session_id, sizeof(i.session_id));
    add_to_line(n, p->user_id, &i, p->group);
}

const struct events_node *announce_self(const struct node *n)
{
    return &n->announce->self;
}

static bool tells_events(const struct node *n)
{
    return n->announce && n->announce->tells_events;
}

void announce_opened(struct node *n, const struct session *s)
{
    char key[ADDRESS_KEY_BYTES];
    struct address address;

    if (tells_events(n)) {
        session_table_address(s, &address);
        add(n, s, &(struct announce_item){.what = OPENED}, address_format_key(&address, key));
    }
}

void announce_groups(struct node *n, const struct session *s, bool is_in, const char *groups)
{
    add(n, s, &(struct announce_item){.what = is_in ? IN_GROUPS : OUT_OF_GROUPS}, groups);
}

bool announce_is_behind(const struct node *n, const struct session *s)
{
    struct address address;

    session_table_address(s, &address);
    return n->announce && lines_length(&n->announce->lines, address.user_id) >= USER_ITEMS_MAX;
}

static bool is_anything_waiting(const struct node *n, const struct session *s)
{
    const struct line_item *item;
    struct address address;

    session_table_address(s, &address);
    item = lines_first(&n->announce->lines, address.user_id);
    while (item && strcmp(((const struct announce_item *)item)->session_id, s->id) != 0) {
        item = TAILQ_NEXT(item, link);
    }
    return item != NULL;
}

/* Not besides what waits: that may yet be changed, and would be told before. */
void announce_again(struct node *n, const struct session *s)
{
    if (n->announce && !announce_is_behind(n, s) && !is_anything_waiting(n, s)) {
        announce_opened(n, s);
        attendance_again(n, s);
    }
}

void announce_closed(struct node *n, const struct session *s, enum events_end end, int code)
{
    if (tells_events(n)) {
        add(n, s, &(struct announce_item){.what = ENDED, .end = end, .code = code}, "");
    }
}

enum err announce_create(struct node *n)
{
    const struct config *config = n->config;
    const struct lines_limits limits = {.items_per_line = INT64_MAX};

    if (config->events_to == EVENTS_TO_NONE && !attendance_is_wanted(config)) {
        return ERR_OK;
    }
    struct announce *a = calloc(1, sizeof(*a));
    if (!a) {
        return ERR_NO_MEMORY;
    }
    n->announce = a;
    a->tells_events = config->events_to != EVENTS_TO_NONE;
    a->rules = (struct events_rules){.prefix = config->redis_prefix,
        .stream_max = a->tells_events ? config->events_stream_max : 0,
        .offline_delay_ms = config->events_offline_delay_ms,
        .news_max = config->presence_news_max,
        .grace_ms = config->presence_grace_ms};
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
        fix(a, (struct announce_item *)item);
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
        announce_watch_on_redis_ready(n->announce->watch, clock_mono_ms());
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
