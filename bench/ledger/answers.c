/* What sends were answered with: see answers.h. */
#include "answers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "times.h"

/* docs/guarantee.md; the last one is counted where no session was meant. */
static const char *const statuses[] = {
    "written", "queued", "acked", "gone", "unreachable", "rejected", "nobody"};

enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0], NOBODY = STATUS_COUNT - 1 };

struct answers_of_phase {
    struct times took;
    int64_t ok, busy, failed, silent; /* 200; 429 and 503; other statuses; no answer */
    int64_t sessions[STATUS_COUNT];
};

struct answers {
    struct book *book;
    pthread_mutex_t mutex;
    struct answers_of_phase phases[PHASES_MAX];
};

struct answers *answers_create(struct book *book)
{
    struct answers *a = calloc(1, sizeof *a);

    if (a != NULL) {
        a->book = book;
        pthread_mutex_init(&a->mutex, NULL);
    }
    return a;
}

void answers_destroy(struct answers *a)
{
    for (int i = 0; i < PHASES_MAX; i++) {
        times_finish(&a->phases[i].took);
    }
    free(a);
}

static void count_sessions(struct answers_of_phase *p, const char *body)
{
    static const char mark[] = "\"status\":\"";
    const char *at = strstr(body, mark);

    p->sessions[NOBODY] += at == NULL;
    for (; at != NULL; at = strstr(at, mark)) {
        at += sizeof mark - 1;
        for (int i = 0; i < NOBODY; i++) {
            p->sessions[i] += strncmp(at, statuses[i], strlen(statuses[i])) == 0;
        }
    }
}

void answers_add(struct answers *a, long http, const char *body, int64_t took_us)
{
    struct answers_of_phase *p = &a->phases[book_phase(a->book)];

    pthread_mutex_lock(&a->mutex);
    times_add(&p->took, took_us);
    p->ok += http == 200;
    p->busy += http == 429 || http == 503;
    p->silent += http == 0;
    p->failed += http != 0 && http != 200 && http != 429 && http != 503;
    if (http == 200) {
        count_sessions(p, body);
    }
    pthread_mutex_unlock(&a->mutex);
}

void answers_report(struct answers *a, FILE *out)
{
    fprintf(out, "\n%-34s %9s %7s %7s %7s %8s %8s %8s", "sends answered", "200", "429,503", "other",
        "none", "p50 ms", "p99 ms", "max ms");
    for (int i = 0; i < STATUS_COUNT; i++) {
        fprintf(out, " %11s", statuses[i]);
    }
    fprintf(out, "\n");
    pthread_mutex_lock(&a->mutex);
    for (int i = 0; i < PHASES_MAX; i++) {
        struct answers_of_phase *p = &a->phases[i];
        if (p->took.count == 0) {
            continue;
        }
        fprintf(out, "%-34s %9lld %7lld %7lld %7lld %8.1f %8.1f %8.1f", book_phase_name(a->book, i),
            (long long)p->ok, (long long)p->busy, (long long)p->failed, (long long)p->silent,
            times_ms(&p->took, 50), times_ms(&p->took, 99), times_ms(&p->took, 100));
        for (int k = 0; k < STATUS_COUNT; k++) {
            fprintf(out, " %11lld", (long long)p->sessions[k]);
        }
        fprintf(out, "\n");
    }
    pthread_mutex_unlock(&a->mutex);
}
