/*
 * Finds out where Redis' servers are, without holding up the loop: sentinels and clusters are asked
 * on a thread of libuv's pool (redis_topology.h), one asking at a time, with pauses after failures.
 */
#ifndef WSNODE_REDIS_FINDER_H
#define WSNODE_REDIS_FINDER_H

#include "shared/config.h"
#include "shared/redis_topology.h"

struct redis_finder;
struct uv_loop_s;

/* config and url are borrowed. on_found comes from the loop, never from inside a call of this. */
struct redis_finder *redis_finder_create(const struct config *config, const struct redis_url *url,
    struct uv_loop_s *loop, void (*on_found)(void *arg), void *arg); /* NULL: no memory */
/* No more answers; redis_finder_destroy() once the loop has run out. */
void redis_finder_stop(struct redis_finder *f);
void redis_finder_destroy(struct redis_finder *f); /* NULL is fine */

/*
 * Asks, unless that is under way or a pause lasts: whoever still wants an answer asks again on its
 * next tick. on_found tells a success, also where nothing has changed.
 */
void redis_finder_ask(struct redis_finder *f, int64_t now_ms);
/* What was last found: count is 0 before the first success. Borrowed, until the next on_found. */
const struct redis_topology *redis_finder_topology(const struct redis_finder *f);

#endif
