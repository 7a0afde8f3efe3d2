/*
 * A node's answer to POST /forwardSend: decoded, encoded and decoded it is the same.
 */
#include "shared/envelope.h"

#include "tests/fuzz/fuzz.h"

static void check_again(const struct envelope_answer *a, size_t bytes)
{
    struct envelope_answer again;
    struct problem p;
    struct buf first, second;

    buf_init(&first, 8 * bytes + 1024);
    buf_init(&second, 8 * bytes + 1024);
    envelope_answer_encode(a, &first);
    assert(envelope_answer_decode(fuzz_bytes(&first), &again, &p) == ERR_OK);
    envelope_answer_encode(&again, &second);
    assert(fuzz_equal(fuzz_bytes(&first), fuzz_bytes(&second)));
    envelope_answer_finish(&again);
    buf_finish(&first);
    buf_finish(&second);
}

void fuzz(struct slice input)
{
    struct envelope_answer a;
    struct problem p;

    if (envelope_answer_decode(input, &a, &p) == ERR_OK) {
        for (size_t i = 0; i < a.message_count; i++) {
            for (size_t s = 0; s < a.messages[i].session_count; s++) {
                assert(id_is_session(slice_of(a.messages[i].sessions[s].session_id)));
                assert(a.messages[i].sessions[s].status < DELIVERY_STATUS_COUNT);
            }
        }
        if (fuzz_is_plain(a.boot)) {
            check_again(&a, input.len);
        }
        envelope_answer_finish(&a);
    }
}
