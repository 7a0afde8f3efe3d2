/*
 * The body of POST /forwardSend: what is taken is the same when it is encoded and decoded again,
 * and every payload is a JSON object within the body.
 */
#include "shared/envelope.h"

#include "tests/fuzz/fuzz.h"

static void check_messages(const struct envelope *e, struct slice body)
{
    assert(e->message_count >= 1 && e->message_count <= ENVELOPE_MESSAGES_MAX);
    assert(e->wait_ms >= 0 && e->wait_ms <= ENVELOPE_WAIT_MS_MAX);
    for (size_t i = 0; i < e->message_count; i++) {
        const struct envelope_message *m = &e->messages[i];
        assert(m->payload.at[0] == '{' && fuzz_is_json(m->payload));
        assert(fuzz_is_within(m->payload, body));
        assert(m->session_count >= 1 || *m->group);
        for (size_t s = 0; s < m->session_count; s++) {
            assert(id_is_session(slice_of(m->sessions[s])));
        }
    }
}

static void check_again(const struct envelope *e, size_t bytes)
{
    struct envelope again;
    struct problem p;
    struct buf first, second;

    buf_init(&first, 4 * bytes + 1024);
    buf_init(&second, 4 * bytes + 1024);
    envelope_encode(e, &first);
    assert(envelope_decode(fuzz_bytes(&first), &again, &p) == ERR_OK);
    envelope_encode(&again, &second);
    assert(fuzz_equal(fuzz_bytes(&first), fuzz_bytes(&second)));
    envelope_finish(&again);
    buf_finish(&first);
    buf_finish(&second);
}

void fuzz(struct slice input)
{
    struct envelope e;
    struct problem p;

    if (envelope_decode(input, &e, &p) == ERR_OK) {
        check_messages(&e, input);
        if (fuzz_is_plain(e.boot)) {
            check_again(&e, input.len);
        }
        envelope_finish(&e);
    }
}
