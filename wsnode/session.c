/*
 * What can be said of a session in any state.
 */
#include "wsnode/session.h"

const char *session_state_text(enum session_state state)
{
    static const char *const texts[SESSION_STATE_COUNT] = {
#define STATE(name, text, ...) [SESSION_##name] = text,
#include "wsnode/session_states.def"
#undef STATE
    };

    return texts[state];
}

const char *close_reason_text(enum close_reason r)
{
    switch (r) {
#define CLOSE(name, code, text, ...)                                                               \
    case CLOSE_##name:                                                                             \
        return text;
#include "wsnode/close_reasons.def"
#undef CLOSE
    }
    return "";
}

int64_t session_idle_ms(const struct session *s, int64_t now_ms)
{
    return now_ms > s->last_rx_ms ? now_ms - s->last_rx_ms : 0;
}

enum delivery_status session_delivery_status(const struct session *s, struct message_id id)
{
    if (message_id_compare(id, s->passed) <= 0) {
        return DELIVERY_PASSED;
    }
    if (s->format->client_acks && message_id_compare(id, s->acked) <= 0) {
        return DELIVERY_ACKED;
    }
    return message_id_compare(id, s->written) <= 0 ? DELIVERY_WRITTEN : DELIVERY_QUEUED;
}
