/*
 * redis.url: as it is described in logs it names the same servers, without a login.
 */
#include "shared/redis_url.h"

#include "tests/fuzz/fuzz.h"

void fuzz(struct slice input)
{
    char *text = fuzz_string(input);
    char described[REDIS_SEEDS_MAX * REDIS_PLACE_BYTES + 512];
    struct redis_url url, again;
    struct problem p;

    if (redis_url_parse(text, &url, &p) == ERR_OK) {
        redis_url_describe(&url, described, sizeof(described));
        /* A path or a name is described as it is, not escaped, so that it may not be read again. */
        if (!strchr(text, '%') && !strchr(described, '@')) {
            assert(redis_url_parse(described, &again, &p) == ERR_OK);
            assert(again.mode == url.mode && again.seed_count == url.seed_count);
            assert(again.db == url.db && strcmp(again.master, url.master) == 0);
            assert(!*again.login.password && !*again.sentinel_login.password);
            for (size_t i = 0; i < url.seed_count; i++) {
                assert(redis_place_equal(&again.seeds[i], &url.seeds[i]));
            }
        }
    }
    free(text);
}
