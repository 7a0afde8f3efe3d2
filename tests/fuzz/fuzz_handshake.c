/*
 * The opening handshake. Its end is found at the same byte however the bytes come, and what is
 * taken has an answer that is one head.
 */
#include "tests/fuzz/fuzz.h"
#include "wsnode/ws_handshake.h"

static void check_end(struct slice bytes)
{
    size_t whole = handshake_head_bytes(bytes);

    for (size_t len = 0; len < bytes.len && len < 512; len++) {
        size_t part = handshake_head_bytes((struct slice){bytes.at, len});
        assert(part == 0 || part == whole);
        assert(part == 0 || part <= len);
    }
}

static void check_answer(const struct session_handshake *h)
{
    char answer[HANDSHAKE_ANSWER_BYTES];
    size_t len = handshake_answer(h, answer);

    assert(strlen(answer) == len && handshake_head_bytes((struct slice){answer, len}) == len);
}

static void check_taken(const struct session_handshake *h)
{
    struct message_id id;
    struct problem p;

    assert(address_check_part(slice_of(h->address.server_client), "", &p) == ERR_OK);
    assert(address_check_part(slice_of(h->address.page), "", &p) == ERR_OK);
    assert(address_check_part(slice_of(h->address.user_id), "", &p) == ERR_OK);
    assert(!*h->last_id || message_id_parse(slice_of(h->last_id), &id) == ERR_OK);
    assert(strlen(h->key) == HANDSHAKE_KEY_BYTES - 1);
    check_answer(h);
}

void fuzz(struct slice input)
{
    size_t head_bytes = handshake_head_bytes(input);
    struct session_handshake h;
    struct problem p;

    check_end(input);
    if (head_bytes == 0) {
        assert(handshake_refuse_long(input, &p) != ERR_OK);
        return;
    }
    if (handshake_parse((struct slice){input.at, head_bytes}, &h, &p) == ERR_OK) {
        check_taken(&h);
    }
}
