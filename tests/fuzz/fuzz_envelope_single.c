/*
 * POST /forwardSend in the article's form: one session, one payload, which is a JSON object.
 */
#include "tests/fuzz/fuzz.h"

#include "shared/envelope.h"

void fuzz(struct slice input)
{
    struct envelope e;
    struct problem p;
    struct buf payload;

    buf_init(&payload, 4096);
    if (envelope_decode_single(input, &e, &payload, &p) == ERR_OK) {
        assert(e.message_count == 1 && e.messages->session_count == 1 && !e.messages->durable);
        assert(id_is_session(slice_of(e.messages->sessions[0])));
        assert(id_is_session(slice_of(e.messages->forward_id)));
        assert(fuzz_is_json(e.messages->payload) && e.messages->payload.at[0] == '{');
        envelope_finish(&e);
    }
    buf_finish(&payload);
}
