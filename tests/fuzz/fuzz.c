/*
 * Between libFuzzer and the targets.
 */
#include "tests/fuzz/fuzz.h"

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "shared/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    fuzz((struct slice){bytes ? (const char *)bytes : "", len});
    return 0;
}

char *fuzz_string(struct slice input)
{
    char *text = malloc(input.len + 1);

    assert(text);
    memcpy(text, input.at, input.len);
    text[input.len] = '\0';
    return text;
}

bool fuzz_equal(struct slice a, struct slice b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

bool fuzz_is_within(struct slice part, struct slice whole)
{
    return part.at >= whole.at && part.len <= whole.len &&
           part.at - whole.at <= (ptrdiff_t)(whole.len - part.len);
}

struct slice fuzz_bytes(const struct buf *b)
{
    assert(buf_err(b) == ERR_OK);
    return (struct slice){buf_str(b), b->len};
}

bool fuzz_is_plain(const char *text)
{
    struct buf quoted;

    buf_init(&quoted, strlen(text) + 3);
    buf_addf(&quoted, "\"%s\"", text);
    bool is_plain = !strchr(text, '\\') && fuzz_is_json(fuzz_bytes(&quoted));
    buf_finish(&quoted);
    return is_plain;
}

bool fuzz_is_json(struct slice text)
{
    return json_check(text, NULL, NULL) == ERR_OK && json_utf8_valid(text.at, text.len);
}

static bool has_huge_array(struct slice input)
{
    for (size_t i = 0, digits = 0; i < input.len; i++) {
        bool counts = input.at[i] == '*' || (digits > 0 && input.at[i] >= '0');
        digits = counts ? digits + 1 : 0;
        if (digits > 4) {
            return true;
        }
    }
    return false;
}

struct redisReply *fuzz_reply(struct slice input)
{
    if (has_huge_array(input)) {
        return NULL;
    }
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    assert(reader);
    if (redisReaderFeed(reader, input.at, input.len) == REDIS_OK) {
        (void)redisReaderGetReply(reader, &reply);
    }
    redisReaderFree(reader);
    return reply;
}
