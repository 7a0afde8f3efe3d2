/*
 * How many requests of one kind may be on their way to Redis. What an answer costs Redis depends on
 * what is asked for, and one that is late takes the connection down, and all others with it: so
 * there are fewer at a time long before that, and more again while answers come quickly.
 */
#ifndef WSNODE_WINDOW_H
#define WSNODE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_MIN 4
#define WINDOW_FIRST 64
#define WINDOW_MAX 500

struct window {
    int64_t in_flight;
    int64_t max;
};

void window_init(struct window *w);
bool window_is_open(const struct window *w); /* one more may be sent */
void window_sent(struct window *w);
/* timeout_ms: what the answer might have taken at most. */
void window_answered(struct window *w, int64_t took_ms, int64_t timeout_ms);

#endif
