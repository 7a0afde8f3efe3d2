/*
 * Query strings: what is read is UTF-8, and is the same when it is escaped and read again.
 */
#include "fcgi-send/query.h"

#include "tests/fuzz/fuzz.h"

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        buf_addf(out, "%%%02x", (unsigned)(unsigned char)*text);
    }
}

static void check_again(const struct query *q, size_t bytes)
{
    struct query again;
    struct problem p;
    struct buf text;

    buf_init(&text, 3 * bytes + 2 * QUERY_PARAMETERS_MAX);
    for (size_t i = 0; i < q->count; i++) {
        add_escaped(&text, q->parameters[i].name);
        buf_add_char(&text, '=');
        add_escaped(&text, q->parameters[i].value);
        buf_add_char(&text, '&');
    }
    assert(query_parse(fuzz_bytes(&text), &again, &p) == ERR_OK);
    for (size_t i = 0, n = 0; i < q->count; i++) {
        const struct query_parameter *one = &q->parameters[i], *other = &again.parameters[n];
        if (!*one->name && !*one->value) {
            continue; /* "=" is dropped when nothing stands around it */
        }
        assert(n++ < again.count);
        assert(strcmp(one->name, other->name) == 0 && strcmp(one->value, other->value) == 0);
        assert(json_utf8_valid(one->name, strlen(one->name)));
        assert(json_utf8_valid(one->value, strlen(one->value)));
    }
    query_finish(&again);
    buf_finish(&text);
}

static void check_getters(const struct query *q)
{
    static const char *const names[] = {
        "userId", "serverClient", "page", "after", "limit", "id", NULL};
    struct message_id id;
    struct target target;
    struct problem p;
    int64_t number = 1;

    if (query_target(q, &target, &p) == ERR_OK) {
        assert(*target.user_id && (!*target.page || *target.server_client));
    }
    if (query_message_id(q, "after", &id, &p) == ERR_OK && query_find(q, "after")) {
        char text[MESSAGE_ID_BYTES];
        assert(strcmp(query_find(q, "after"), message_id_format(id, text)) == 0);
    }
    if (query_int(q, "limit", 1, 1000, &number, &p) == ERR_OK) {
        assert(number >= 1 && number <= 1000);
    }
    if (query_only(q, names, "userId", &p) == ERR_OK) {
        assert(q->count == 0 || *q->parameters[0].name);
    }
}

void fuzz(struct slice input)
{
    struct query q;
    struct problem p;

    if (query_parse(input, &q, &p) == ERR_OK) {
        check_again(&q, input.len);
        check_getters(&q);
        query_finish(&q);
    }
}
