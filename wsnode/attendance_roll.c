/*
 * Who is there: asked for once per group for all that came since the last time, through a window.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "wsnode/attendance_state.h"
#include "wsnode/redis_async.h"

/* After an error. */
#define RETRY_MS 1000

/* What awaits the answer. */
struct roll_call {
    struct attendance_roll *roll; /* owned */
    int64_t sent_ms;
};

/* NULL: no memory. */
static struct attendance_roll *need_roll(struct attendance *a, const char *group, int64_t due_ms)
{
    struct attendance_roll *roll;

    HASH_FIND_STR(a->rolls, group, roll);
    if (roll) {
        roll->due_ms = roll->due_ms < due_ms ? roll->due_ms : due_ms;
        return roll;
    }
    roll = calloc(1, sizeof(*roll));
    if (!roll) {
        return NULL;
    }
    roll->due_ms = due_ms;
    memcpy(roll->group, group, strlen(group) + 1);
    HASH_ADD_STR(a->rolls, group, roll);
    if (!hash_has(roll, hh)) {
        free(roll);
        return NULL;
    }
    return roll;
}

static void free_roll(struct attendance_roll *roll)
{
    free(roll->sessions.ids);
    free(roll);
}

void attendance_call_roll(
    struct node *n, const char *group, const struct session *s, int64_t due_ms)
{
    struct attendance_roll *roll = need_roll(n->attendance, group, due_ms);

    if (!roll) {
        return;
    }
    /* Who comes again and again while Redis is away fills no list. */
    size_t members = (size_t)topics_local_members(&n->topics, group);
    if (!s || roll->sessions.count >= members) {
        roll->for_all = true;
    }
    if (!roll->for_all) {
        enum err err = session_list_add(&roll->sessions, s->id);
        (void)err; /* as the header has it */
    }
}

/* Those that came meanwhile have one of their own: they are told twice, then. */
static void put_back(struct attendance *a, struct attendance_roll *roll, int64_t due_ms)
{
    struct attendance_roll *newer;

    HASH_FIND_STR(a->rolls, roll->group, newer);
    if (newer) {
        newer->for_all = true;
        free_roll(roll);
        return;
    }
    roll->due_ms = due_ms;
    HASH_ADD_STR(a->rolls, group, roll);
    if (!hash_has(roll, hh)) {
        free_roll(roll);
    }
}

static void tell(struct node *n, struct attendance_roll *roll, const struct attendance_list *list)
{
    struct format_presence what = {.group = roll->group, .count = list->count, .list = list};

    attendance_tell(n, &what, roll->for_all ? NULL : &roll->sessions);
    free_roll(roll);
}

static void after_list(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct roll_call call = *(struct roll_call *)arg;
    int64_t now_ms = clock_mono_ms();
    struct attendance_list list;

    free(arg);
    window_answered(
        &n->attendance->window, now_ms - call.sent_ms, n->config->redis_command_timeout_ms);
    if (err || attendance_list_decode(reply, &list)) {
        put_back(n->attendance, call.roll, now_ms + RETRY_MS);
        return;
    }
    tell(n, call.roll, &list);
    free(list.names);
}

static void send_roll(struct node *n, struct attendance_roll *roll, int64_t now_ms)
{
    struct attendance *a = n->attendance;
    struct roll_call *call = malloc(sizeof(*call));
    enum err err = ERR_NO_MEMORY;
    struct command c;

    HASH_DELETE(hh, a->rolls, roll);
    command_init(&c);
    attendance_list_command(&c, &a->rules, roll->group, n->config->presence_list_max);
    if (call) {
        *call = (struct roll_call){roll, now_ms};
        err = redis_async_run(n->redis, &c, after_list, call);
    }
    command_finish(&c);
    if (err) {
        free(call);
        put_back(a, roll, now_ms + RETRY_MS);
        return;
    }
    window_sent(&a->window);
}

void attendance_send_rolls(struct node *n, int64_t now_ms)
{
    struct attendance_roll *roll;
    struct attendance_roll *next;

    HASH_ITER(hh, n->attendance->rolls, roll, next)
    {
        if (!window_is_open(&n->attendance->window) || !redis_async_is_ready(n->redis)) {
            return;
        }
        if (roll->due_ms <= now_ms) {
            send_roll(n, roll, now_ms);
        }
    }
}

void attendance_drop_rolls(struct attendance *a)
{
    struct attendance_roll *roll;
    struct attendance_roll *next;

    HASH_ITER(hh, a->rolls, roll, next)
    {
        HASH_DELETE(hh, a->rolls, roll);
        free_roll(roll);
    }
}
