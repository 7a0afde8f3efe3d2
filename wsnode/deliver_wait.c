/*
 * What is awaited hangs on its session (found when that makes progress) and on its delivery (found
 * when the time is over): no scan over sessions. Durable messages are settled by id, others by the
 * number of their delivery.
 */
#include "wsnode/deliver_wait.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct await {
    TAILQ_ENTRY(await) of_session;
    LIST_ENTRY(await) of_delivery;
    struct awaited_session *session; /* borrowed */
    struct delivery *delivery;       /* borrowed */
    struct deliver_wait what;
};

struct awaited_session {
    UT_hash_handle hh;
    TAILQ_HEAD(await_queue, await) awaits; /* in order of the forwards */
    char id[SESSION_ID_BYTES];
};

struct delivery {
    UT_hash_handle hh;
    STAILQ_ENTRY(delivery) done;
    LIST_HEAD(await_list, await) awaits;
    uint64_t number;
    int64_t deadline_ms;
    bool complete;                 /* false until deliver_wait_end() */
    bool told;                     /* so far, before it was complete */
    struct envelope_answer answer; /* owned, once it is complete */
};

enum err deliver_create(struct node *n)
{
    struct deliveries *d = calloc(1, sizeof(*d));

    if (!d) {
        return ERR_NO_MEMORY;
    }
    d->recent = recent_forwards_create();
    if (!d->recent) {
        free(d);
        return ERR_NO_MEMORY;
    }
    STAILQ_INIT(&d->done);
    STAILQ_INIT(&d->rounds);
    n->deliveries = d;
    return ERR_OK;
}

static struct awaited_session *find_awaited(const struct node *n, const struct session *s)
{
    struct awaited_session *a;

    HASH_FIND(hh, n->deliveries->by_session, s->id, SESSION_ID_BYTES - 1, a);
    return a;
}

/* Borrowed; NULL: no memory. */
static struct awaited_session *need_awaited(struct node *n, const struct session *s)
{
    struct awaited_session *a = find_awaited(n, s);

    if (a) {
        return a;
    }
    a = malloc(sizeof(*a));
    if (!a) {
        return NULL;
    }
    TAILQ_INIT(&a->awaits);
    memcpy(a->id, s->id, sizeof(a->id));
    HASH_ADD(hh, n->deliveries->by_session, id, SESSION_ID_BYTES - 1, a);
    if (!hash_has(a, hh)) {
        free(a);
        return NULL;
    }
    return a;
}

static void drop_awaited_if_empty(struct node *n, struct awaited_session *a)
{
    if (TAILQ_EMPTY(&a->awaits)) {
        assert(n->deliveries->by_session);
        HASH_DELETE(hh, n->deliveries->by_session, a);
        free(a);
    }
}

static void drop_await(struct node *n, struct await *a)
{
    LIST_REMOVE(a, of_delivery);
    TAILQ_REMOVE(&a->session->awaits, a, of_session);
    drop_awaited_if_empty(n, a->session);
    free(a);
}

struct delivery *deliver_wait_begin(struct node *n, int64_t deadline_ms)
{
    struct delivery *d = calloc(1, sizeof(*d));

    if (!d) {
        return NULL;
    }
    LIST_INIT(&d->awaits);
    d->number = ++n->deliveries->last_number;
    d->deadline_ms = deadline_ms;
    HASH_ADD(hh, n->deliveries->by_number, number, sizeof(d->number), d);
    if (!hash_has(d, hh)) {
        free(d);
        return NULL;
    }
    return d;
}

uint64_t deliver_wait_number(const struct delivery *d)
{
    return d->number;
}

static bool is_settled(const struct deliver_wait *w)
{
    enum delivery_status status = w->status->status;

    if (status == DELIVERY_WRITTEN) {
        return !w->until_acked;
    }
    return status != DELIVERY_QUEUED;
}

void deliver_wait_add(
    struct node *n, struct delivery *d, const struct session *s, const struct deliver_wait *w)
{
    if (is_settled(w)) {
        return;
    }
    struct awaited_session *session = need_awaited(n, s);
    if (!session) {
        return;
    }
    struct await *a = malloc(sizeof(*a));
    if (!a) {
        drop_awaited_if_empty(n, session);
        return;
    }
    *a = (struct await){.session = session, .delivery = d, .what = *w};
    TAILQ_INSERT_TAIL(&session->awaits, a, of_session);
    LIST_INSERT_HEAD(&d->awaits, a, of_delivery);
}

/* Takes it out of everything; the memory is the caller's. */
static void detach(struct node *n, struct delivery *d)
{
    struct await *a;

    while ((a = LIST_FIRST(&d->awaits))) {
        drop_await(n, a);
    }
    HASH_DELETE(hh, n->deliveries->by_number, d);
}

bool deliver_wait_end(struct node *n, struct delivery *d, const struct envelope_answer *answer)
{
    if (LIST_EMPTY(&d->awaits)) {
        detach(n, d);
        free(d);
        return false;
    }
    d->answer = *answer;
    d->complete = true;
    return true;
}

void deliver_wait_count_groups(struct envelope_answer *answer)
{
    for (size_t i = 0; i < answer->message_count; i++) {
        if (answer->messages[i].is_group) {
            envelope_answer_count(&answer->messages[i]);
        }
    }
}

static void move_to_done(struct node *n, struct delivery *d)
{
    detach(n, d);
    STAILQ_INSERT_TAIL(&n->deliveries->done, d, done);
}

/* Last in every event, when no list is being walked: what is called here may call back. */
static void report_done(struct node *n)
{
    struct delivery *d;

    while ((d = STAILQ_FIRST(&n->deliveries->done))) {
        STAILQ_REMOVE_HEAD(&n->deliveries->done, done);
        deliver_wait_count_groups(&d->answer);
        deliver_on_done(n, d->number, &d->answer);
        free(d);
    }
}

static void settle(struct node *n, struct await *a, enum delivery_status status)
{
    struct delivery *d = a->delivery;

    a->what.status->status = status;
    if (!is_settled(&a->what)) {
        return;
    }
    drop_await(n, a);
    if (d->complete && LIST_EMPTY(&d->awaits)) {
        move_to_done(n, d);
    }
}

typedef void settle_fn(struct node *n, struct await *a, const struct session *s, const void *arg);

/* Calls fn for each durable message up to id that is awaited at the session. */
static void each_up_to(
    struct node *n, const struct session *s, struct message_id id, settle_fn *fn, const void *arg)
{
    struct awaited_session *awaited = find_awaited(n, s);
    struct await *next;

    for (struct await *a = awaited ? TAILQ_FIRST(&awaited->awaits) : NULL; a; a = next) {
        next = TAILQ_NEXT(a, of_session);
        if (!message_id_is_zero(a->what.id) && message_id_compare(a->what.id, id) <= 0) {
            fn(n, a, s, arg);
        }
    }
    report_done(n);
}

/* What a client has acknowledged while it was replayed may be written after that. */
static void settle_written(
    struct node *n, struct await *a, const struct session *s, const void *arg)
{
    const struct message_id *id = arg;
    bool is_acked = s->format->client_acks && message_id_compare(*id, s->acked) <= 0;

    if (a->what.status->status == DELIVERY_WRITTEN) {
        return;
    }
    if (message_id_compare(a->what.id, *id) != 0) {
        settle(n, a, DELIVERY_PASSED);
    } else {
        settle(n, a, is_acked ? DELIVERY_ACKED : DELIVERY_WRITTEN);
    }
}

static bool page_has(const struct inbox_page *page, struct message_id id)
{
    for (size_t i = 0; i < page->count; i++) {
        if (message_id_compare(page->entries[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void settle_passed(struct node *n, struct await *a, const struct session *s, const void *arg)
{
    (void)s;
    if (a->what.status->status == DELIVERY_QUEUED && !page_has(arg, a->what.id)) {
        settle(n, a, DELIVERY_PASSED);
    }
}

static void settle_acked(struct node *n, struct await *a, const struct session *s, const void *arg)
{
    (void)s;
    (void)arg;
    if (a->what.status->status == DELIVERY_WRITTEN) {
        settle(n, a, DELIVERY_ACKED);
    }
}

void deliver_on_durable_written(struct node *n, struct session *s, struct message_id id)
{
    each_up_to(n, s, id, settle_written, &id);
}

void deliver_on_page(struct node *n, struct session *s, const struct inbox_page *page)
{
    each_up_to(n, s, page->last, settle_passed, page);
}

void deliver_on_acked(struct node *n, struct session *s)
{
    each_up_to(n, s, s->acked, settle_acked, NULL);
}

void deliver_on_written(struct node *n, struct session *s, uint64_t number)
{
    struct awaited_session *awaited = find_awaited(n, s);
    struct await *a = awaited ? TAILQ_FIRST(&awaited->awaits) : NULL;

    while (a && (a->delivery->number != number || !message_id_is_zero(a->what.id))) {
        a = TAILQ_NEXT(a, of_session);
    }
    if (a) {
        settle(n, a, DELIVERY_WRITTEN);
    }
    report_done(n);
}

void deliver_on_session_gone(struct node *n, struct session *s)
{
    struct awaited_session *awaited = find_awaited(n, s);
    struct await *next;

    for (struct await *a = awaited ? TAILQ_FIRST(&awaited->awaits) : NULL; a; a = next) {
        enum delivery_status status = a->what.status->status;
        next = TAILQ_NEXT(a, of_session);
        a->what.until_acked = false; /* nobody will acknowledge it any more */
        settle(n, a, status == DELIVERY_QUEUED ? DELIVERY_GONE : status);
    }
    report_done(n);
}

static void end_time(struct node *n, struct delivery *d)
{
    if (d->complete) {
        move_to_done(n, d);
    } else if (!d->told) {
        d->told = true;
        deliver_tell_so_far(n, d);
    }
}

void deliver_on_tick(struct node *n, int64_t now_ms)
{
    struct delivery *d;
    struct delivery *next;

    /* As many as there are senders waiting (their send.max_waits), so a walk is cheap. */
    HASH_ITER(hh, n->deliveries->by_number, d, next)
    {
        if (d->deadline_ms <= now_ms) {
            end_time(n, d);
        }
    }
    recent_forwards_on_tick(n->deliveries->recent, now_ms);
    report_done(n);
}

static void destroy(struct node *n, struct delivery *d)
{
    detach(n, d);
    envelope_answer_finish(&d->answer);
    free(d);
}

void deliver_cancel(struct node *n, uint64_t number)
{
    struct delivery *d;

    HASH_FIND(hh, n->deliveries->by_number, &number, sizeof(number), d);
    if (d && d->complete) {
        destroy(n, d);
    }
}

void deliver_end_wait(struct node *n, uint64_t number)
{
    struct delivery *d;

    HASH_FIND(hh, n->deliveries->by_number, &number, sizeof(number), d);
    if (d && d->complete) {
        move_to_done(n, d);
        report_done(n);
    }
}

void deliver_destroy(struct node *n)
{
    struct delivery *d;
    struct delivery *next;

    if (!n->deliveries) {
        return;
    }
    HASH_ITER(hh, n->deliveries->by_number, d, next)
    {
        destroy(n, d);
    }
    recent_forwards_destroy(n->deliveries->recent);
    free(n->deliveries);
    n->deliveries = NULL;
}
