/*
 * The rules of [consume]; option_check.c has the others.
 */
#include <string.h>

#include "shared/limits.h"
#include "shared/option_check.h"
#include "shared/option_rule.h"
#include "shared/redis_url.h"

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool consume_url_is_known(const struct config *c)
{
    struct redis_url ignored;

    return starts_with(c->consume_url, "amqp://") ||
           redis_url_parse(c->consume_url, &ignored, NULL) == ERR_OK;
}

static bool consume_group_is_named(const struct config *c)
{
    return *c->consume_group;
}

static bool queue_name_is_short(const struct config *c)
{
    size_t len = strlen(c->consume_queue);

    return len > 0 && len <= QUEUE_NAME_BYTES_MAX;
}

static bool dead_letters_are_elsewhere(const struct config *c)
{
    return strcmp(c->consume_dead_letters, c->consume_queue) != 0 &&
           strlen(c->consume_dead_letters) <= QUEUE_NAME_BYTES_MAX;
}

static bool send_url_is_http(const struct config *c)
{
    return starts_with(c->consume_send_url, "http://") ||
           starts_with(c->consume_send_url, "https://");
}

static bool held_longer_than_sent(const struct config *c)
{
    return c->consume_claim_idle_ms > c->consume_timeout_ms;
}

static const struct option_rule rules[] = {
    {OPTION_consume_url, consume_url_is_known,
        "must be amqp://[user:password@]host[:port][/vhost], or as redis.url"},
    {OPTION_consume_queue, queue_name_is_short, "must have 1 to 255 bytes"},
    {OPTION_consume_group, consume_group_is_named, "must not be empty"},
    {OPTION_consume_dead_letters, dead_letters_are_elsewhere,
        "must not be consume.queue, and have at most 255 bytes"},
    {OPTION_consume_send_url, send_url_is_http, "must start with http:// or https://"},
    {OPTION_consume_claim_idle, held_longer_than_sent, "must be more than consume.timeout"},
};

enum err option_check_consume(const struct config *c, enum option_index *blamed, struct problem *p)
{
    return option_rules_check(
        rules, sizeof(rules) / sizeof(rules[0]), c, PROGRAM_CONSUME, blamed, p);
}
