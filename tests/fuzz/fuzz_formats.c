/*
 * Client frames in every format, and a payload in every format's message. Texts and refs are
 * borrowed from the frame; whatever is written is JSON.
 */
#include "shared/json.h"
#include "tests/fuzz/fuzz.h"
#include "wsnode/format.h"

static const struct format_session session = {"AAAAAAAAAAAAAAAAAAAAAA", {"pc", "home", "\"Jörg\\"}};

static void check_frame(const struct buf *frame)
{
    assert(frame->len == 0 || fuzz_is_json(fuzz_bytes(frame)));
}

static void check_event(const struct format *f, struct slice frame)
{
    struct format_event event;
    struct problem p = {0};
    struct buf answer;

    enum err err = f->parse(frame, &event, &p);
    buf_init(&answer, 8 * frame.len + 4096);
    assert(!event.ref.at || (fuzz_is_within(event.ref, frame) && fuzz_is_json(event.ref)));
    if (err) {
        f->error(&(struct format_error){.problem = &p, .ref = event.ref}, &answer);
        check_frame(&answer);
    } else if (event.type == FORMAT_TEXT) {
        assert(fuzz_is_within(event.text, frame));
        f->echo(&session, event.text, &answer);
        check_frame(&answer);
    }
    buf_finish(&answer);
}

static void check_message(const struct format *f, struct slice payload)
{
    struct buf frame;

    buf_init(&frame, payload.len + 4096);
    f->message(&session, &(struct format_message){.id = {5, 1}, .payload = payload, .replay = true},
        &frame);
    check_frame(&frame);
    buf_finish(&frame);
}

void fuzz(struct slice input)
{
    struct json_object *object;
    struct problem p;

    if (!json_utf8_valid(input.at, input.len)) {
        return; /* nobody calls a format with such a frame */
    }
    for (int i = 0; i < FORMAT_COUNT; i++) {
        check_event(formats[i], input);
    }
    if (json_parse_object(input, &object, &p) == ERR_OK) {
        for (int i = 0; i < FORMAT_COUNT; i++) {
            check_message(formats[i], input);
        }
        json_object_put(object);
    }
}
