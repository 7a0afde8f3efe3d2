/* Times and their percentiles: see times.h. */
#include "times.h"

#include <stdio.h>
#include <stdlib.h>

static void reserve(struct times *t, size_t more)
{
    if (t->count + more <= t->cap) {
        return;
    }
    t->cap = 2 * (t->count + more) + 1024;
    t->us = realloc(t->us, t->cap * sizeof *t->us);
    if (t->us == NULL) {
        perror("times: no memory");
        exit(2);
    }
}

void times_add(struct times *t, int64_t us)
{
    reserve(t, 1);
    t->us[t->count++] = us;
}

void times_add_all(struct times *t, const struct times *more)
{
    reserve(t, more->count);
    for (size_t i = 0; i < more->count; i++) {
        t->us[t->count++] = more->us[i];
    }
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;

    return (*x > *y) - (*x < *y);
}

double times_ms(struct times *t, double percent)
{
    if (t->count == 0) {
        return 0;
    }
    qsort(t->us, t->count, sizeof *t->us, compare);
    size_t at = (size_t)((double)t->count * percent / 100);
    return (double)t->us[at < t->count ? at : t->count - 1] / 1000;
}

void times_finish(struct times *t)
{
    free(t->us);
    *t = (struct times){0};
}
