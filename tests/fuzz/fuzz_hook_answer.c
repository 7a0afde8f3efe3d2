/*
 * What a backend answers to the node's question: a byte for the status, then the body.
 */
#include "wsnode/hook_answer.h"

#include "shared/log.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS 1700000000000

void fuzz(struct slice input)
{
    static const int statuses[] = {200, 204, 0, 302, 403, 429, 500};
    struct hook_answer answer;

    if (input.len == 0) {
        return;
    }
    log_init("fuzz", LOG_ERROR);
    int status = statuses[(unsigned char)input.at[0] % (sizeof(statuses) / sizeof(statuses[0]))];
    const struct http_reply reply = {status, {input.at + 1, input.len - 1}, "none came"};

    hook_answer_read(&reply, NOW_MS, &answer);
    assert(answer.err || status / 100 == 2);
    if (!answer.err) {
        assert(answer.token.expires_ms == 0 || answer.token.expires_ms > NOW_MS);
        assert(strlen(answer.token.topics) < TOKEN_TOPICS_BYTES);
        assert(answer.token.has_topics || !*answer.token.topics);
    }
}
