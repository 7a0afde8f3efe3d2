/*
 * How many handshakes a worker takes per second: in all, from one client's address, and for one
 * user. A burst of a second's worth passes at once. No I/O.
 */
#ifndef WSNODE_CONNECT_RATE_H
#define WSNODE_CONNECT_RATE_H

#include "shared/client_address.h"
#include "wsnode/rate_table.h"

struct connect_rate {
    int64_t per_second; /* 0: no limit */
    struct rate_bucket all;
    struct rate_table clients;
    struct rate_table users;
};

struct connect_rates {
    int64_t per_second; /* 0: no limit; so the others */
    int64_t per_second_and_address;
    int64_t per_second_and_user;
};
void connect_rate_init(struct connect_rate *r, const struct connect_rates *rates, int64_t now_ms);
void connect_rate_finish(struct connect_rate *r);

/*
 * May one more begin? ERR_ADDRESS_LIMITED or ERR_CONNECTS_LIMITED: no, and nothing was counted.
 * client: NULL if it is not known. What there is no memory for is not limited by itself.
 */
enum err connect_rate_take(
    struct connect_rate *r, const client_number *client, int64_t now_ms) MUST_CHECK;
/*
 * The same for one user, whom the client is known to be by now: otherwise anybody could use up
 * another one's share. ERR_USER_LIMITED.
 */
enum err connect_rate_take_user(
    struct connect_rate *r, const char *user_id, int64_t now_ms) MUST_CHECK;

#endif
