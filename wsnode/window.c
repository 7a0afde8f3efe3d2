/*
 * Grows by one with each quick answer, and shrinks by an eighth with each slow one.
 */
#include "wsnode/window.h"

void window_init(struct window *w)
{
    *w = (struct window){.max = WINDOW_FIRST};
}

bool window_is_open(const struct window *w)
{
    return w->in_flight < w->max;
}

void window_sent(struct window *w)
{
    w->in_flight++;
}

void window_answered(struct window *w, int64_t took_ms, int64_t timeout_ms)
{
    bool is_slow = took_ms > timeout_ms / 4;
    int64_t wanted = is_slow ? w->max - w->max / 8 - 1 : w->max + 1;

    w->in_flight--;
    w->max = wanted < WINDOW_MIN ? WINDOW_MIN : wanted;
    w->max = w->max > WINDOW_MAX ? WINDOW_MAX : w->max;
}
