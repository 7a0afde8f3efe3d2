/*
 * Token buckets. An address is remembered for as long as its bucket is not full: a second.
 */
#include "wsnode/connect_rate.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "wsnode/hash.h"

#define BUCKET_MS 1000
#define CREDIT_PER_HANDSHAKE 1000

/* IPv4 as IPv6 maps it (RFC 4291 2.5.5.2), so that it is one client on any listener. */
struct connect_key {
    unsigned char bytes[sizeof(struct in6_addr)];
};

struct connect_address {
    UT_hash_handle hh;
    struct ring_entry idle;
    struct connect_bucket bucket;
    struct connect_key key;
};

static struct connect_bucket full_bucket(int64_t per_second, int64_t now_ms)
{
    return (struct connect_bucket){.credit = per_second * CREDIT_PER_HANDSHAKE, .at_ms = now_ms};
}

/* Per millisecond, a thousandth of what comes per second: exactly the unit of credit. */
static bool has_credit(struct connect_bucket *b, int64_t per_second, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - b->at_ms;

    if (elapsed_ms >= BUCKET_MS) {
        *b = full_bucket(per_second, now_ms);
    } else {
        int64_t credit = b->credit + elapsed_ms * per_second;
        int64_t most = per_second * CREDIT_PER_HANDSHAKE;
        *b = (struct connect_bucket){.credit = credit < most ? credit : most, .at_ms = now_ms};
    }
    return b->credit >= CREDIT_PER_HANDSHAKE;
}

static bool make_key(const struct sockaddr *peer, struct connect_key *out)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    *out = (struct connect_key){{0}};
    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
        memcpy(out->bytes, mapped, sizeof(mapped));
        memcpy(out->bytes + sizeof(mapped), &in->sin_addr, sizeof(in->sin_addr));
        return true;
    }
    if (peer->sa_family != AF_INET6) {
        return false;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)peer;
    bool is_mapped = memcmp(&in6->sin6_addr, mapped, sizeof(mapped)) == 0;
    memcpy(out->bytes, &in6->sin6_addr, is_mapped ? sizeof(out->bytes) : sizeof(out->bytes) / 2);
    return true;
}

static void forget(struct connect_rate *r, struct ring_entry *e)
{
    struct connect_address *a =
        (struct connect_address *)(void *)((char *)e - offsetof(struct connect_address, idle));

    ring_remove(&r->idle, e);
    HASH_DELETE(hh, r->addresses, a);
    free(a);
}

static void forget_idle(struct connect_rate *r, int64_t now_ms)
{
    struct ring_entry *e;

    while ((e = ring_first_due(&r->idle, now_ms))) {
        forget(r, e);
    }
}

/* Borrowed; NULL: no memory. */
static struct connect_address *add_address(
    struct connect_rate *r, const struct connect_key *key, int64_t now_ms)
{
    struct connect_address *a = calloc(1, sizeof(*a));

    if (!a) {
        return NULL;
    }
    a->key = *key;
    a->bucket = full_bucket(r->per_second_and_address, now_ms);
    HASH_ADD(hh, r->addresses, key, sizeof(a->key), a);
    if (!hash_has(a, hh)) {
        free(a);
        return NULL;
    }
    ring_add(&r->idle, &a->idle, now_ms);
    if (r->idle.count > CONNECT_ADDRESSES_MAX) {
        forget(r, ring_first(&r->idle));
    }
    return a;
}

/* Borrowed; NULL: it is not limited by itself. */
static struct connect_address *need_address(
    struct connect_rate *r, const struct sockaddr *peer, int64_t now_ms)
{
    struct connect_key key;
    struct connect_address *a;

    if (r->per_second_and_address == 0 || !peer || !make_key(peer, &key)) {
        return NULL;
    }
    forget_idle(r, now_ms);
    HASH_FIND(hh, r->addresses, &key, sizeof(key), a);
    return a ? a : add_address(r, &key, now_ms);
}

void connect_rate_init(
    struct connect_rate *r, int64_t per_second, int64_t per_second_and_address, int64_t now_ms)
{
    *r = (struct connect_rate){.per_second = per_second,
        .per_second_and_address = per_second_and_address,
        .all = full_bucket(per_second, now_ms)};
    ring_init(&r->idle, BUCKET_MS);
}

void connect_rate_finish(struct connect_rate *r)
{
    forget_idle(r, INT64_MAX);
}

enum err connect_rate_take(struct connect_rate *r, const struct sockaddr *peer, int64_t now_ms)
{
    struct connect_address *a = need_address(r, peer, now_ms);

    if (a && !has_credit(&a->bucket, r->per_second_and_address, now_ms)) {
        return ERR_ADDRESS_LIMITED;
    }
    if (r->per_second > 0 && !has_credit(&r->all, r->per_second, now_ms)) {
        return ERR_CONNECTS_LIMITED;
    }
    if (r->per_second > 0) {
        r->all.credit -= CREDIT_PER_HANDSHAKE;
    }
    if (a) {
        a->bucket.credit -= CREDIT_PER_HANDSHAKE;
        ring_touch(&r->idle, &a->idle, now_ms);
    }
    return ERR_OK;
}
