/* What the sender of a message for a group is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi-send/report.h"

static void counts_are_told_per_node_and_in_all(void **state)
{
    struct registry_entry nodes[] = {{.node_id = "a-1"}, {.node_id = "b-2"}, {.node_id = "c-3"}};
    struct envelope_counts counts[] = {
        {{[DELIVERY_QUEUED] = 1, [DELIVERY_WRITTEN] = 2, [DELIVERY_REJECTED] = 4}}, {{0}}, {{0}}};
    struct delivery deliveries[] = {
        {.entry = &nodes[0], .status = DELIVERY_ACKED, .counts = &counts[0]},
        {.entry = &nodes[1], .status = DELIVERY_UNREACHABLE, .counts = &counts[1]},
        {.entry = &nodes[2], .status = DELIVERY_GONE, .counts = &counts[2]}};
    struct sending sending = {.deliveries = deliveries, .delivery_count = 3};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    report_group(&sending, &out);
    assert_string_equal(buf_str(&out),
        "{\"stored\":false,\"duplicate\":false,\"online\":true,\"delivered\":2,\"matched\":7,"
        "\"queued\":1,\"written\":2,\"acked\":0,\"rejected\":4,\"nodes\":["
        "{\"node\":\"a-1\",\"status\":\"answered\",\"matched\":7,\"queued\":1,\"written\":2,"
        "\"acked\":0,\"rejected\":4},"
        "{\"node\":\"b-2\",\"status\":\"unreachable\",\"matched\":0,\"queued\":0,\"written\":0,"
        "\"acked\":0,\"rejected\":0},"
        "{\"node\":\"c-3\",\"status\":\"gone\",\"matched\":0,\"queued\":0,\"written\":0,"
        "\"acked\":0,\"rejected\":0}]}");
    buf_finish(&out);
}

static void nobody_is_told_as_nobody(void **state)
{
    struct sending sending = {.sent = {.duplicate = true, .stored = true, .id = {5, 1}}};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    report_group(&sending, &out);
    assert_string_equal(buf_str(&out),
        "{\"id\":\"5-1\",\"stored\":true,\"duplicate\":true,\"online\":false,\"delivered\":0,"
        "\"matched\":0,\"queued\":0,\"written\":0,\"acked\":0,\"rejected\":0,\"nodes\":[]}");
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_told_per_node_and_in_all),
        cmocka_unit_test(nobody_is_told_as_nobody),
    };

    return cmocka_run_group_tests_name("report_group", tests, NULL, NULL);
}
