/*
 * Hints as words.
 */
#include "shared/hint.h"

#include <string.h>

#include "shared/schema.h"

static const char *const words[] = {"resync", "notify", "replaced", "close", "topics", "group"};
#define HINT_COUNT (sizeof(words) / sizeof(words[0]))

void hint_command(
    struct command *c, const char *prefix, const char *node_id, enum hint hint, const char *subject)
{
    command_add_str(c, "PUBLISH");
    schema_add_control(c, prefix, node_id);
    buf_addf(command_begin(c), "%s %s", words[hint], subject);
    command_end(c);
}

enum err hint_decode(struct slice message, enum hint *hint, struct slice *subject)
{
    const char *space = memchr(message.at, ' ', message.len);
    struct slice word;

    if (!space) {
        return ERR_BAD_VALUE;
    }
    word = (struct slice){message.at, (size_t)(space - message.at)};
    for (size_t i = 0; i < HINT_COUNT; i++) {
        if (slice_equal(word, words[i])) {
            *hint = (enum hint)i;
            *subject = (struct slice){space + 1, message.len - word.len - 1};
            return ERR_OK;
        }
    }
    return ERR_BAD_VALUE;
}
