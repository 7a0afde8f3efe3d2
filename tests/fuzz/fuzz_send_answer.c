/*
 * What a web server answers to a batch: a message is sent only if an answer of ours says so of each
 * message, and throws away none that was not blamed.
 */
#include "wsctl/send_answer.h"

#include "tests/fuzz/fuzz.h"

#define COUNT 2

static void check(int status, struct slice body, size_t count)
{
    struct send_answer a = {.status = status, .body = body, .why = ""};
    struct fate made[COUNT] = {{.verdict = VERDICT_AGAIN}, {.verdict = VERDICT_AGAIN}};
    struct fate *fates[COUNT] = {&made[0], &made[1]};

    enum send_result result = send_answer_read(&a, fates, count);
    for (size_t i = 0; i < COUNT; i++) {
        assert(memchr(made[i].why, '\0', sizeof(made[i].why)));
        assert(result == SEND_ANSWERED || !fate_is_final(&made[i]));
        assert(made[i].verdict != VERDICT_SENT || (status == 200 && fuzz_is_json(body)));
        assert(i < count || made[i].verdict == VERDICT_AGAIN);
    }
}

void fuzz(struct slice input)
{
    static const int statuses[] = {200, 400, 401, 413, 500, 503};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        check(statuses[i], input, 1);
        check(statuses[i], input, 2);
    }
}
