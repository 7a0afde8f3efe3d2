/*
 * A Redis that took over may have lost that sessions left, and would have them in their groups for
 * as long as this node lives. So what it has of this node is compared with who is here. (What it
 * lost of who came is told again by the refreshes.)
 */
#include <stdlib.h>
#include <string.h>

#include "shared/group_name.h"
#include "shared/log.h"
#include "wsnode/announce.h"
#include "wsnode/attendance_state.h"
#include "wsnode/redis_async.h"

static bool is_here(const struct node *n, const struct attendance_place *p)
{
    const struct session *s = session_table_find(&n->table, p->session_id);

    return s && s->state != SESSION_CLOSING && attendance_is_in(s, p->group);
}

static void compare(struct node *n, const struct attendance_places *places)
{
    int64_t absent = 0;

    for (size_t i = 0; i < places->count; i++) {
        if (!is_here(n, &places->items[i])) {
            announce_absent(n, &places->items[i]);
            absent++;
        }
    }
    if (absent > 0) {
        /* Some may only be on their way to be told. */
        log_info(
            "redis had sessions in groups that they have left", "count=%lld", (long long)absent);
    }
}

static void ask(struct node *n, const char *cursor);

/* What fails is asked by the next Redis that takes over. */
static void after_places(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct attendance_places places;

    (void)arg;
    if (err || attendance_places_decode(reply, &places)) {
        return;
    }
    compare(n, &places);
    if (strcmp(places.cursor, ATTENDANCE_CURSOR_FIRST) != 0) {
        ask(n, places.cursor);
    }
    free(places.items);
}

static void ask(struct node *n, const char *cursor)
{
    struct command c;

    command_init(&c);
    attendance_places_command(&c, &n->attendance->rules, announce_self(n), cursor);
    enum err err = redis_async_run(n->redis, &c, after_places, NULL);
    (void)err;
    command_finish(&c);
}

void attendance_audit(struct node *n)
{
    ask(n, ATTENDANCE_CURSOR_FIRST);
}
