/* What a send is answered with: byte by byte, and what counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi-send/report.h"

static const struct registry_entry entry = {.session_id = "AAAAAAAAAAAAAAAAAAAAAA",
    .node_id = "a-31882",
    .address = {"pc", "home", "J\xc3\xbcrgen\"\\"}};

static void assert_encoded(const struct batch *b, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    report_encode(b, &out);
    assert_int_equal(buf_err(&out), ERR_OK);
    assert_string_equal(buf_str(&out), expected);
    buf_finish(&out);
}

static void assert_report(const struct message_sent *sent, struct delivery *deliveries,
    size_t count, const char *expected)
{
    struct sending s = {.sent = *sent, .deliveries = deliveries, .delivery_count = count};

    assert_encoded(&(struct batch){.sendings = &s, .count = 1, .delivery_count = count}, expected);
}

static void stored_message_for_nobody_has_an_id(void **state)
{
    (void)state;
    assert_report(&(struct message_sent){.stored = true, .id = {1764000000000, 7}}, NULL, 0,
        "{\"id\":\"1764000000000-7\",\"stored\":true,\"duplicate\":false,\"online\":false,"
        "\"matched\":0,\"delivered\":0,\"acked\":0,\"sessions\":[]}");
}

static void session_is_told_with_what_is_known_of_it(void **state)
{
    struct delivery known = {.entry = &entry, .status = DELIVERY_WRITTEN};
    struct delivery unknown = {.entry = &entry, .status = DELIVERY_UNREACHABLE, .idle_ms = -1};

    (void)state;
    assert_report(&(struct message_sent){.duplicate = true}, &known, 1,
        "{\"stored\":false,\"duplicate\":true,\"online\":true,\"matched\":1,\"delivered\":1,"
        "\"acked\":0,\"sessions\":[{\"sessionId\":\"AAAAAAAAAAAAAAAAAAAAAA\","
        "\"key\":\"pc:home:J\xc3\xbcrgen\\\"\\\\\",\"node\":\"a-31882\",\"status\":\"written\","
        "\"idleMs\":0}]}");
    assert_report(&(struct message_sent){.stored = false}, &unknown, 1,
        "{\"stored\":false,\"duplicate\":false,\"online\":true,\"matched\":1,\"delivered\":0,"
        "\"acked\":0,\"sessions\":[{\"sessionId\":\"AAAAAAAAAAAAAAAAAAAAAA\","
        "\"key\":\"pc:home:J\xc3\xbcrgen\\\"\\\\\",\"node\":\"a-31882\","
        "\"status\":\"unreachable\"}]}");
}

/* The numbers of a report on one session of each status in `statuses`, as the answer has them. */
static void assert_counts(const enum delivery_status *statuses, size_t count, const char *expected)
{
    struct delivery deliveries[DELIVERY_STATUS_COUNT];
    struct buf out;

    for (size_t i = 0; i < count; i++) {
        deliveries[i] = (struct delivery){.entry = &entry, .status = statuses[i]};
    }
    struct sending s = {.deliveries = deliveries, .delivery_count = count};
    buf_init(&out, 4096);
    report_encode(&(struct batch){.sendings = &s, .count = 1, .delivery_count = count}, &out);
    assert_non_null(strstr(buf_str(&out), expected));
    buf_finish(&out);
}

static void delivered_are_the_written_and_the_acknowledged(void **state)
{
    static const enum delivery_status all[] = {DELIVERY_QUEUED, DELIVERY_WRITTEN, DELIVERY_ACKED,
        DELIVERY_GONE, DELIVERY_UNREACHABLE, DELIVERY_REJECTED};

    (void)state;
    assert_counts(all, 6, "\"online\":true,\"matched\":5,\"delivered\":2,\"acked\":1,");
}

static void who_is_gone_was_not_online(void **state)
{
    static const enum delivery_status gone[] = {DELIVERY_GONE, DELIVERY_GONE};

    (void)state;
    assert_counts(gone, 2, "\"online\":false,\"matched\":0,\"delivered\":0,\"acked\":0,");
}

static void list_answers_each_in_its_place(void **state)
{
    struct sending sendings[] = {{.sent = {.stored = true, .id = {5, 0}}},
        {.problem = {ERR_TWO_TARGETS, "messages[1].userId", "stands next to key"}},
        {.sent = {.duplicate = true}}};

    (void)state;
    assert_encoded(&(struct batch){.sendings = sendings, .count = 3, .is_list = true},
        "{\"sent\":2,\"failed\":1,\"messages\":["
        "{\"code\":0,\"msg\":\"ok\",\"data\":{\"id\":\"5-0\",\"stored\":true,\"duplicate\":false,"
        "\"online\":false,\"matched\":0,\"delivered\":0,\"acked\":0,\"sessions\":[]}},"
        "{\"code\":40012,\"msg\":\"stands next to "
        "key\",\"data\":{\"field\":\"messages[1].userId\"}},"
        "{\"code\":0,\"msg\":\"ok\",\"data\":{\"stored\":false,\"duplicate\":true,"
        "\"online\":false,\"matched\":0,\"delivered\":0,\"acked\":0,\"sessions\":[]}}]}");
}

static void too_many_sessions_are_only_counted(void **state)
{
    struct delivery one = {.entry = &entry, .status = DELIVERY_WRITTEN};
    struct sending s = {.deliveries = &one, .delivery_count = 1};

    (void)state;
    assert_encoded(
        &(struct batch){.sendings = &s, .count = 1, .delivery_count = ENVELOPE_SESSIONS_MAX + 1},
        "{\"stored\":false,\"duplicate\":false,\"online\":true,\"matched\":1,\"delivered\":1,"
        "\"acked\":0,\"sessions\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_message_for_nobody_has_an_id),
        cmocka_unit_test(session_is_told_with_what_is_known_of_it),
        cmocka_unit_test(delivered_are_the_written_and_the_acknowledged),
        cmocka_unit_test(who_is_gone_was_not_online),
        cmocka_unit_test(list_answers_each_in_its_place),
        cmocka_unit_test(too_many_sessions_are_only_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
