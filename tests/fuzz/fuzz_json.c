/*
 * json_check() against json-c: what it passes json-c takes too, is UTF-8, stays JSON when json-c
 * writes it, and is no JSON when it is cut.
 */
#include "shared/json.h"

#include "tests/fuzz/fuzz.h"

/* An object or an array ends with its last byte and nowhere before. Few bytes: it is quadratic. */
static void check_cuts(struct slice text)
{
    if (text.len > 64 || (text.at[0] != '{' && text.at[0] != '[')) {
        return;
    }
    while (strchr(" \t\r\n", text.at[text.len - 1])) {
        text.len--;
    }
    while (--text.len > 0) {
        assert(!fuzz_is_json(text));
    }
}

static void check_members(struct slice text)
{
    struct slice name, value, raw;
    struct json_walk walk;
    struct buf plain;

    json_walk_start(&walk, text);
    buf_init(&plain, text.len);
    while (json_walk_next(&walk, &name, &value)) {
        assert(fuzz_is_within(value, text) && fuzz_is_json(value));
        assert(!name.at || fuzz_is_within(name, text));
        if (name.at) {
            buf_reset(&plain);
            json_unescape(name, &plain);
            raw = json_raw_member(text, buf_str(&plain));
            assert(raw.at && raw.at <= value.at && fuzz_is_json(raw));
        }
    }
    buf_finish(&plain);
}

static void check_parsed(struct slice text)
{
    struct json_object *object;
    struct problem p;
    enum err err = json_parse(text, &object, &p);

    if (err) {
        assert(err == ERR_DUPLICATE_FIELD);
        return;
    }
    assert(fuzz_is_json(slice_of(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN))));
    json_object_put(object);
}

void fuzz(struct slice input)
{
    struct problem p;
    size_t members;

    if (json_check(input, &members, &p) == ERR_OK) {
        assert(fuzz_is_json(input) && !memchr(input.at, '\0', input.len));
        check_cuts(input);
        check_members(input);
        check_parsed(input);
    }
}
