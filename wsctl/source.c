/*
 * Finds the kind of source by the URL.
 */
#include "wsctl/source.h"

#include <string.h>

enum err source_create(const struct config *config, struct source **out, struct problem *p)
{
    bool is_amqp = strncmp(config->consume_url, "amqp:", strlen("amqp:")) == 0;

    return (is_amqp ? source_amqp : source_stream).create(config, out, p);
}

void source_destroy(struct source *s)
{
    if (s) {
        s->kind->destroy(s);
    }
}

bool source_receive(
    struct source *s, struct queue_message *out, size_t max, int64_t wait_ms, size_t *count)
{
    return s->kind->receive(s, out, max, wait_ms, count);
}

bool source_settle(struct source *s, const struct queue_message *messages, size_t count)
{
    return s->kind->settle(s, messages, count);
}

void source_wait(struct source *s, int64_t wait_ms)
{
    s->kind->wait(s, wait_ms);
}
