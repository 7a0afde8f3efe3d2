/*
 * One bucket for all, one table for addresses, one for users.
 */
#include "wsnode/connect_rate.h"

void connect_rate_init(struct connect_rate *r, const struct connect_rates *rates, int64_t now_ms)
{
    r->per_second = rates->per_second;
    rate_bucket_init(&r->all, rates->per_second, now_ms);
    rate_table_init(&r->clients, rates->per_second_and_address);
    rate_table_init(&r->users, rates->per_second_and_user);
}

void connect_rate_finish(struct connect_rate *r)
{
    rate_table_finish(&r->clients);
    rate_table_finish(&r->users);
}

enum err connect_rate_take(struct connect_rate *r, const client_number *client, int64_t now_ms)
{
    struct slice key = {(const char *)client, sizeof(*client)};
    struct rate_entry *e = client ? rate_table_need(&r->clients, key, now_ms) : NULL;

    if (e && !rate_entry_refill(&r->clients, e, now_ms)) {
        return ERR_ADDRESS_LIMITED;
    }
    if (r->per_second > 0 && !rate_bucket_refill(&r->all, r->per_second, now_ms)) {
        return ERR_CONNECTS_LIMITED;
    }
    if (r->per_second > 0) {
        rate_bucket_take(&r->all);
    }
    if (e) {
        rate_entry_take(&r->clients, e, now_ms);
    }
    return ERR_OK;
}

enum err connect_rate_take_user(struct connect_rate *r, const char *user_id, int64_t now_ms)
{
    struct rate_entry *e = rate_table_need(&r->users, slice_of(user_id), now_ms);

    if (e && !rate_entry_refill(&r->users, e, now_ms)) {
        return ERR_USER_LIMITED;
    }
    if (e) {
        rate_entry_take(&r->users, e, now_ms);
    }
    return ERR_OK;
}
