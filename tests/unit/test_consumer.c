/*
 * The loop of wsctl consume, with a queue and a sender that do as a test says: a source that has
 * messages and notes what it is told, and a poster that answers by a script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wsctl/consumer.h"

#define OK "{\"code\":0,\"msg\":\"ok\"}"
#define BUSY "{\"code\":50301,\"msg\":\"redis\"}"
#define BAD "{\"code\":40011,\"msg\":\"no target\"}"
#define SICK "{\"code\":50001,\"msg\":\"internal\"}"
#define BATCH 8

static struct {
    const char *waiting[BATCH]; /* bodies */
    size_t waiting_count;
    bool is_away;   /* receive and settle fail */
    char told[400]; /* "sent 0;dead 1;" with the tags */
    int64_t waited_ms;
} queue;

struct reply {
    int status;
    const char *body;
    int64_t retry_after_ms;
};

static struct {
    struct reply replies[16];
    size_t count;
    size_t at;
    size_t stop_at;  /* the stop comes during this request; 0: never */
    char last[1000]; /* request */
} sender;

static volatile sig_atomic_t stop;
static struct config config;
static struct consumer consumer;

bool source_receive(
    struct source *s, struct queue_message *out, size_t max, int64_t wait_ms, size_t *count)
{
    (void)s;
    (void)wait_ms;
    *count = 0;
    if (queue.is_away) {
        return false;
    }
    for (; *count < queue.waiting_count && *count < max; (*count)++) {
        out[*count].tag = *count;
        out[*count].fate.verdict = VERDICT_AGAIN;
        buf_add_str(&out[*count].body, queue.waiting[*count]);
    }
    queue.waiting_count = 0;
    return true;
}

bool source_settle(struct source *s, const struct queue_message *messages, size_t count)
{
    (void)s;
    for (size_t i = 0; i < count && !queue.is_away; i++) {
        if (fate_is_final(&messages[i].fate)) {
            size_t at = strlen(queue.told);
            snprintf(queue.told + at, sizeof(queue.told) - at, "%s %d;",
                messages[i].fate.verdict == VERDICT_SENT ? "sent" : "dead", (int)messages[i].tag);
        }
    }
    return !queue.is_away;
}

void source_wait(struct source *s, int64_t wait_ms)
{
    (void)s;
    queue.waited_ms += wait_ms;
    stop = 1; /* or the test would really wait */
}

void poster_post(struct poster *p, struct slice body, struct send_answer *out)
{
    const struct reply *r = &sender.replies[sender.at++];

    (void)p;
    assert_true(sender.at <= sender.count);
    if (sender.at == sender.stop_at) {
        stop = 1;
    }
    snprintf(sender.last, sizeof(sender.last), "%.*s", (int)body.len, body.at);
    *out = (struct send_answer){
        r->status, r->retry_after_ms, slice_of(r->body ? r->body : ""), "away"};
}

static int begin(void **state)
{
    (void)state;
    memset(&queue, 0, sizeof(queue));
    memset(&sender, 0, sizeof(sender));
    stop = 0;
    config = (struct config){.consume_batch = BATCH,
        .consume_queue = "q",
        .consume_attempts = 3,
        .consume_retry_max_ms = 1000};
    return consumer_init(&consumer, &config, NULL, NULL, &stop);
}

static int end(void **state)
{
    (void)state;
    consumer_finish(&consumer);
    return 0;
}

static void put(const char *body)
{
    queue.waiting[queue.waiting_count++] = body;
}

static void answer(int status, const char *body)
{
    sender.replies[sender.count++] = (struct reply){status, body, 0};
}

static void turn(void)
{
    stop = 0;
    consumer_turn(&consumer);
}

#define LIST(elements) "{\"code\":0,\"msg\":\"ok\",\"data\":{\"messages\":[" elements "]}}"

static void what_is_sent_leaves_the_queue(void **state)
{
    (void)state;
    put("{\"n\":0}");
    put("{\"n\":1}");
    answer(200, LIST(OK "," OK));
    turn();
    assert_string_equal(sender.last, "{\"messages\":[{\"n\":0},{\"n\":1}]}");
    assert_string_equal(queue.told, "sent 0;sent 1;");
    assert_int_equal(consumer.held_count, 0);
    assert_int_equal(queue.waited_ms, 0);
    assert_int_equal(consumer.sent_count, 2);
}

static void what_failed_is_sent_again_before_anything_new(void **state)
{
    (void)state;
    put("{\"n\":0}");
    put("{\"n\":1}");
    put("{\"n\":2}");
    answer(200, LIST(BUSY "," OK "," BUSY));
    turn();
    assert_string_equal(queue.told, "sent 1;");
    assert_true(queue.waited_ms > 0);
    put("{\"n\":3}");
    answer(200, LIST(OK "," OK));
    turn();
    assert_string_equal(sender.last, "{\"messages\":[{\"n\":0},{\"n\":2}]}");
    assert_string_equal(queue.told, "sent 1;sent 0;sent 2;");
    assert_int_equal(queue.waiting_count, 1);
}

static void sender_says_how_long_to_wait(void **state)
{
    (void)state;
    put("{\"n\":0}");
    sender.replies[sender.count++] = (struct reply){503, "", 7000};
    turn();
    assert_string_equal(queue.told, "");
    assert_int_equal(queue.waited_ms, 250); /* one piece of it, then the test's stop */
    assert_int_equal(consumer.retry_after_ms, 7000);
    assert_int_equal(consumer.held_count, 1);
}

static void what_is_no_message_is_not_sent(void **state)
{
    (void)state;
    put("nonsense");
    put("{\"n\":1}");
    put("{}},{\"n\":2}");
    answer(200, LIST(OK));
    turn();
    assert_string_equal(sender.last, "{\"messages\":[{\"n\":1}]}");
    assert_string_equal(queue.told, "dead 0;sent 1;dead 2;");
    assert_int_equal(consumer.dead_count, 2);
}

static void poison_alone_makes_no_request(void **state)
{
    (void)state;
    put("nonsense");
    turn();
    assert_int_equal(sender.at, 0);
    assert_string_equal(queue.told, "dead 0;");
}

static void poison_is_found_by_halves(void **state)
{
    (void)state;
    put("{\"n\":0}");
    put("{\"n\":1}");
    put("{\"n\":2}");
    put("{\"n\":3}");
    answer(400, BAD);             /* 0 1 2 3 */
    answer(200, LIST(OK "," OK)); /* 0 1 */
    answer(400, BAD);             /* 2 3 */
    answer(400, BAD);             /* 2 */
    answer(200, LIST(OK));        /* 3 */
    turn();
    assert_string_equal(queue.told, "sent 0;sent 1;dead 2;sent 3;");
    assert_int_equal(sender.at, 5);
}

/* And acknowledges what that one sent. */
static void stop_waits_for_one_request(void **state)
{
    (void)state;
    put("{\"n\":0}");
    put("{\"n\":1}");
    put("{\"n\":2}");
    put("{\"n\":3}");
    answer(500, "");              /* 0 1 2 3 */
    answer(200, LIST(OK "," OK)); /* 0 1 */
    sender.stop_at = 2;
    turn();
    assert_string_equal(queue.told, "sent 0;sent 1;");
    assert_int_equal(consumer.held_count, 2);
}

static void stop_does_not_wait_for_the_halves(void **state)
{
    (void)state;
    put("{\"n\":0}");
    put("{\"n\":1}");
    answer(500, "");
    sender.stop_at = 1;
    turn();
    assert_int_equal(sender.at, 1);
    assert_int_equal(consumer.held_count, 2);
}

static void requests_grow_again_after_a_split(void **state)
{
    (void)state;
    for (int i = 0; i < BATCH; i++) {
        put("{\"n\":0}");
    }
    answer(413, "");
    answer(200, LIST(OK "," OK "," OK "," OK));
    answer(200, LIST(OK "," OK "," OK "," OK));
    turn();
    assert_int_equal(consumer.held_count, 0);
    assert_int_equal(consumer.span, BATCH);
}

static void message_that_fails_by_itself_does_not_go_round_for_ever(void **state)
{
    (void)state;
    put("{\"n\":0}");
    put("{\"n\":1}");
    answer(200, LIST(SICK "," OK));
    answer(200, LIST(SICK));
    answer(503, ""); /* says nothing of it: does not count */
    answer(200, LIST(SICK));
    for (int i = 0; i < 4; i++) {
        assert_null(strstr(queue.told, "dead"));
        turn();
    }
    assert_string_equal(queue.told, "sent 1;dead 0;");
}

static void bad_key_throws_nothing_away(void **state)
{
    (void)state;
    put("{\"n\":0}");
    for (int i = 0; i < 5; i++) {
        answer(401, "");
        turn();
    }
    assert_string_equal(queue.told, "");
    assert_int_equal(consumer.held_count, 1);
}

static void later_messages_wait_for_earlier_ones(void **state)
{
    (void)state;
    consumer.span = 2;
    for (int i = 0; i < 4; i++) {
        put("{\"n\":0}");
    }
    answer(200, LIST(OK "," OK));
    answer(0, "");
    turn();
    assert_string_equal(queue.told, "sent 0;sent 1;");
    assert_int_equal(consumer.held_count, 2);
}

static void queue_that_is_lost_gives_its_messages_again(void **state)
{
    (void)state;
    put("{\"n\":0}");
    answer(503, "");
    turn();
    assert_int_equal(consumer.held_count, 1);
    queue.is_away = true;
    answer(200, LIST(OK));
    turn();
    assert_int_equal(consumer.held_count, 0);
    assert_int_equal(consumer.sent_count, 0);
    turn(); /* away: a pause, and no request */
    assert_int_equal(sender.at, 2);
    queue.is_away = false;
    put("{\"n\":0}");
    answer(200, LIST(OK));
    turn();
    assert_string_equal(queue.told, "sent 0;");
}

static void stop_sends_what_was_taken(void **state)
{
    (void)state;
    put("{\"n\":0}");
    answer(200, LIST(OK));
    stop = 1;
    consumer_turn(&consumer);
    assert_string_equal(queue.told, "sent 0;");
    consumer_run(&consumer); /* returns */
    assert_int_equal(sender.at, 1);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(what_is_sent_leaves_the_queue),
        FRESH(what_failed_is_sent_again_before_anything_new),
        FRESH(sender_says_how_long_to_wait),
        FRESH(what_is_no_message_is_not_sent),
        FRESH(poison_alone_makes_no_request),
        FRESH(poison_is_found_by_halves),
        FRESH(stop_waits_for_one_request),
        FRESH(stop_does_not_wait_for_the_halves),
        FRESH(requests_grow_again_after_a_split),
        FRESH(message_that_fails_by_itself_does_not_go_round_for_ever),
        FRESH(bad_key_throws_nothing_away),
        FRESH(later_messages_wait_for_earlier_ones),
        FRESH(queue_that_is_lost_gives_its_messages_again),
        FRESH(stop_sends_what_was_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
