/*
 * How many handshakes a worker takes per second: in all, and from one address. Buckets of tokens
 * that hold a second's worth, so that a burst of that size passes at once. No I/O.
 */
#ifndef WSNODE_CONNECT_RATE_H
#define WSNODE_CONNECT_RATE_H

#include <sys/socket.h>

#include "shared/err.h"
#include "wsnode/ring.h"

/* More in one second: those seen longest ago are forgotten, and so have a full bucket again. What
 * then still holds is the limit of all together. About 2 MB. */
#define CONNECT_ADDRESSES_MAX 16384

struct connect_bucket {
    int64_t credit; /* thousandths of a handshake */
    int64_t at_ms;  /* when that was so */
};

struct connect_address; /* one IPv4 address, or one IPv6 /64, which is what one subscriber has */

struct connect_rate {
    int64_t per_second; /* 0: no limit */
    int64_t per_second_and_address;
    struct connect_bucket all;
    struct connect_address *addresses; /* uthash */
    struct ring idle; /* the same ones; due when their buckets are full, and so worth nothing */
};

/* Rates per second; 0: no limit. */
void connect_rate_init(
    struct connect_rate *r, int64_t per_second, int64_t per_second_and_address, int64_t now_ms);
void connect_rate_finish(struct connect_rate *r);

/*
 * May one more begin? ERR_ADDRESS_LIMITED or ERR_CONNECTS_LIMITED: no, and nothing was counted.
 * peer: NULL if it is not known. An address for which there is no memory is not limited by itself.
 */
enum err connect_rate_take(
    struct connect_rate *r, const struct sockaddr *peer, int64_t now_ms) MUST_CHECK;

#endif
