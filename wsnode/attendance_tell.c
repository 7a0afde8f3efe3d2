/*
 * One frame per format, for many sessions.
 */
#include <stdlib.h>
#include <string.h>

#include "wsnode/attendance_state.h"
#include "wsnode/payload.h"

/* The longest list of the longest names, all escaped. */
#define FRAME_BYTES_MAX ((size_t)16 * 1024 * 1024)
/* Whose queue is full has as long to make room. */
#define TRY_AGAIN_MS 1000

struct telling {
    char group[GROUP_NAME_BYTES];
    struct payload *frames[FORMAT_COUNT]; /* owned; NULL: it has none of that kind */
};

static void encode(const struct format_presence *what, struct telling *out)
{
    struct buf frame;

    buf_init(&frame, FRAME_BYTES_MAX);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        buf_reset(&frame);
        formats[i]->presence(what, &frame);
        out->frames[i] = frame.len > 0 ? payload_from_buf(&frame) : NULL;
    }
    buf_finish(&frame);
}

static void finish(void *arg)
{
    struct telling *t = arg;

    for (int i = 0; i < FORMAT_COUNT; i++) {
        payload_unref(t->frames[i]);
    }
    free(t);
}

static void visit(struct node *n, struct session *s, void *arg)
{
    const struct telling *t = arg;
    struct payload *frame = t->frames[s->format->place];

    if (frame && attendance_is_in(s, t->group) && session_push(n, s, frame) == DELIVERY_REJECTED) {
        attendance_call_roll(n, t->group, s, n->now_ms + TRY_AGAIN_MS);
    }
}

void attendance_tell(
    struct node *n, const struct format_presence *what, struct session_list *sessions)
{
    struct session_walk walk = {.visit = visit, .finish = finish};
    struct telling *t = calloc(1, sizeof(*t));
    struct session_list all = {.count = 0};

    if (!t) {
        return;
    }
    walk.arg = t;
    memcpy(t->group, what->group, strlen(what->group) + 1);
    encode(what, t);
    if ((!sessions && session_list_group(n, what->group, NULL, NULL, &all)) ||
        session_walk(n, sessions ? sessions : &all, &walk)) {
        free(all.ids);
        finish(t);
    }
}
