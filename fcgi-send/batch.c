/*
 * Makes room for messages, and frees what the steps of a send have given them.
 */
#include "fcgi-send/batch.h"

#include <stdio.h>
#include <stdlib.h>

enum err batch_init(struct batch *b, size_t count)
{
    *b = (struct batch){.sendings = calloc(count, sizeof(*b->sendings)), .count = count};

    return b->sendings ? ERR_OK : ERR_NO_MEMORY;
}

void batch_finish(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        message_finish(&b->sendings[i].message);
        message_sent_finish(&b->sendings[i].sent);
    }
    free(b->sendings);
    free(b->deliveries);
    free(b->counts);
}

void batch_fail(const struct batch *b, struct sending *s, enum err err, const char *field)
{
    char element[sizeof("messages[18446744073709551615]")] = "";
    char path[sizeof(s->problem.field)] = "";

    if (b->is_list) {
        snprintf(element, sizeof(element), "messages[%zu]", (size_t)(s - b->sendings));
    }
    if (field[0]) {
        json_path(path, sizeof(path), element, field);
    }
    problem_set(&s->problem, err, path, NULL);
}
