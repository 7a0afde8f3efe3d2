/*
 * What the client says to the application, and what becomes of it.
 */
#include "wsnode/session_internal.h"
#include "wsnode/upstream.h"

static void echo(struct node *n, struct session *s, struct slice text)
{
    struct format_session description;
    struct buf frame;

    if (!s->format->echoes || !n->config->node_echo) {
        return;
    }
    session_describe(s, &description);
    session_frame_init(&frame, text.len);
    s->format->echo(&description, text, &frame);
    session_tell(n, s, &frame);
    buf_finish(&frame);
}

static void refuse(
    struct node *n, struct session *s, enum err err, const struct format_event *event)
{
    struct problem problem;

    (void)problem_set(&problem, err, "", NULL);
    session_tell_problem(n, s, &problem, event);
}

void session_take_text(struct node *n, struct session *s, const struct format_event *event)
{
    if (n->config->upstream_to != UPSTREAM_TO_NONE) {
        enum err err = upstream_take(n, s, event);
        if (err) {
            refuse(n, s, err, event);
        }
        return;
    }
    if (s->format->echoes) {
        echo(n, s, event->text);
        return;
    }
    struct problem problem;
    (void)problem_set(&problem, ERR_BAD_VALUE, "type", "upstream is not configured");
    session_tell_problem(n, s, &problem, event);
}

void session_after_upstream(
    struct node *n, struct session *s, const struct session_upstream *outcome)
{
    const struct format_taken taken = {.ref = outcome->ref, .reply = outcome->reply};
    struct format_session description;
    struct buf frame;

    if (outcome->err) {
        const struct format_event event = {.type = FORMAT_TEXT, .ref = outcome->ref};
        refuse(n, s, outcome->err, &event);
        return;
    }
    echo(n, s, outcome->text);
    session_describe(s, &description);
    session_frame_init(&frame, outcome->ref.len + outcome->reply.len);
    s->format->taken(&description, &taken, &frame);
    session_tell(n, s, &frame);
    buf_finish(&frame);
}
