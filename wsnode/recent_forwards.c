/*
 * A hash by forward id for finding, and a queue in order of age for forgetting.
 */
#include "wsnode/recent_forwards.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "wsnode/hash.h"

/* A repetition comes within the sender's time-out; a minute is far beyond it. */
#define AGE_MAX_MS 60000
/* About 1 MB with a few sessions each; the second bound is for forwards to many sessions (5 MB). */
#define FORWARDS_MAX 4096
#define SESSIONS_MAX 200000

struct recent_status {
    char session_id[SESSION_ID_BYTES];
    unsigned char status; /* enum delivery_status */
};

struct recent_forward {
    UT_hash_handle hh;
    TAILQ_ENTRY(recent_forward) by_age;
    int64_t at_ms;
    char id[SESSION_ID_BYTES];
    bool is_group;
    struct envelope_counts counts; /* if is_group */
    size_t count;                  /* else */
    struct recent_status sessions[];
};

struct recent_forwards {
    struct recent_forward *by_id;
    TAILQ_HEAD(recent_forward_queue, recent_forward) by_age;
    size_t forward_count;
    size_t session_count;
};

struct recent_forwards *recent_forwards_create(void)
{
    struct recent_forwards *r = calloc(1, sizeof(*r));

    if (r) {
        TAILQ_INIT(&r->by_age);
    }
    return r;
}

static void forget_oldest(struct recent_forwards *r)
{
    struct recent_forward *f = TAILQ_FIRST(&r->by_age);

    assert(f && r->by_id);
    TAILQ_REMOVE(&r->by_age, f, by_age);
    HASH_DELETE(hh, r->by_id, f);
    r->forward_count--;
    r->session_count -= f->count;
    free(f);
}

void recent_forwards_destroy(struct recent_forwards *r)
{
    if (!r) {
        return;
    }
    while (!TAILQ_EMPTY(&r->by_age)) {
        forget_oldest(r);
    }
    free(r);
}

static struct recent_forward *find(const struct recent_forwards *r, const char *forward_id)
{
    struct recent_forward *f;

    HASH_FIND(hh, r->by_id, forward_id, strlen(forward_id), f);
    return f;
}

static void count_sessions(
    const struct envelope_answer_message *answer, struct envelope_counts *out)
{
    *out = answer->counts;
    for (size_t i = 0; i < answer->session_count; i++) {
        out->with[answer->sessions[i].status]++;
    }
}

static struct recent_forward *create(
    const char *forward_id, const struct envelope_answer_message *answer, int64_t now_ms)
{
    size_t count = answer->is_group ? 0 : answer->session_count;
    struct recent_forward *f = malloc(sizeof(*f) + count * sizeof(f->sessions[0]));

    if (!f) {
        return NULL;
    }
    snprintf(f->id, sizeof(f->id), "%s", forward_id);
    f->at_ms = now_ms;
    f->is_group = answer->is_group;
    f->count = count;
    if (f->is_group) {
        count_sessions(answer, &f->counts);
    }
    for (size_t i = 0; i < f->count; i++) {
        memcpy(f->sessions[i].session_id, answer->sessions[i].session_id, SESSION_ID_BYTES);
        f->sessions[i].status = (unsigned char)answer->sessions[i].status;
    }
    return f;
}

void recent_forwards_add(struct recent_forwards *r, const char *forward_id,
    const struct envelope_answer_message *answer, int64_t now_ms)
{
    if (*forward_id == '\0' || find(r, forward_id)) {
        return;
    }
    struct recent_forward *f = create(forward_id, answer, now_ms);
    if (!f) {
        return;
    }
    HASH_ADD(hh, r->by_id, id, strlen(f->id), f);
    if (!hash_has(f, hh)) {
        free(f);
        return;
    }
    TAILQ_INSERT_TAIL(&r->by_age, f, by_age);
    r->forward_count++;
    r->session_count += f->count;
    while (r->forward_count > FORWARDS_MAX || r->session_count > SESSIONS_MAX) {
        forget_oldest(r);
    }
}

static bool take(const struct recent_status *s, const char *session_id, enum delivery_status *out)
{
    if (strcmp(s->session_id, session_id) != 0) {
        return false;
    }
    *out = (enum delivery_status)s->status;
    return true;
}

bool recent_forwards_find(const struct recent_forwards *r, const char *forward_id,
    const char *session_id, size_t place, enum delivery_status *out)
{
    const struct recent_forward *f = find(r, forward_id);

    if (!f) {
        return false;
    }
    if (place < f->count && take(&f->sessions[place], session_id, out)) {
        return true;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (take(&f->sessions[i], session_id, out)) {
            return true;
        }
    }
    return false;
}

bool recent_forwards_find_group(
    const struct recent_forwards *r, const char *forward_id, struct envelope_counts *out)
{
    const struct recent_forward *f = find(r, forward_id);

    if (!f || !f->is_group) {
        return false;
    }
    *out = f->counts;
    return true;
}

void recent_forwards_on_tick(struct recent_forwards *r, int64_t now_ms)
{
    struct recent_forward *f;

    while ((f = TAILQ_FIRST(&r->by_age)) && f->at_ms + AGE_MAX_MS <= now_ms) {
        forget_oldest(r);
    }
}
