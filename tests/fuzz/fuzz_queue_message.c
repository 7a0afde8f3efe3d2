/*
 * What stands in a queue: whatever it is, it becomes one JSON object in a list, or nothing; and it
 * cannot end that object and begin another one.
 */
#include "wsctl/queue_message.h"

#include "shared/address.h"
#include "shared/json.h"
#include "tests/fuzz/fuzz.h"

static size_t length_of_list(struct slice list)
{
    struct slice name, value;
    struct json_walk walk;
    size_t count = 0;

    json_walk_start(&walk, list);
    while (json_walk_next(&walk, &name, &value)) {
        assert(value.len > 0 && value.at[0] == '{');
        count++;
    }
    return count;
}

static void check_encoded(const struct queue_message *m, size_t bytes)
{
    struct problem p;
    struct buf list;

    buf_init(&list, bytes + 1000);
    buf_add_char(&list, '[');
    enum err err = queue_message_encode(m, "", &list, &p);
    assert(err ? list.len == 1 : list.len > 1);
    buf_add_str(&list, err ? "{}]" : ",{}]");
    /* One level more than the object has may be one too many. */
    if (fuzz_is_json(fuzz_bytes(&list))) {
        assert(length_of_list(fuzz_bytes(&list)) == (err ? 1 : 2));
    } else {
        assert(json_check(fuzz_bytes(&list), NULL, &p) == ERR_TOO_DEEP);
    }
    buf_finish(&list);
}

void fuzz(struct slice input)
{
    struct queue_message m;

    queue_message_init(&m);
    buf_add(&m.body, input.at, input.len);
    queue_message_set_id(&m, "queue/", input);
    assert(input.len == 0 || !address_check_message_id(slice_of(m.id), "", NULL));
    check_encoded(&m, input.len);
    queue_message_finish(&m);
}
