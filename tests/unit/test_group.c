/* Sessions by node: who is grouped with whom, what is said to a node, and what is taken from its
 * answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi-send/group.h"

#define SESSIONS_MAX 8
#define MAX_BYTES ((size_t)4 * 1024 * 1024)

/* The sessions of a send, as a look-up found them. */
static struct {
    struct registry_entry entries[SESSIONS_MAX];
    struct delivery deliveries[SESSIONS_MAX];
    size_t count;
} found;

static int start(void **state)
{
    (void)state;
    memset(&found, 0, sizeof(found));
    return 0;
}

/* A session whose id is its name filled up with '-'. */
static struct delivery *add_session(const char *name, const char *boot, const char *addr)
{
    struct registry_entry *e = &found.entries[found.count];
    struct delivery *d = &found.deliveries[found.count++];

    memset(e->session_id, '-', SESSION_ID_BYTES - 1);
    memcpy(e->session_id, name, strlen(name));
    snprintf(e->boot, sizeof(e->boot), "%s", boot);
    snprintf(e->addr, sizeof(e->addr), "%s", addr);
    *d = (struct delivery){.entry = e, .status = DELIVERY_UNREACHABLE, .idle_ms = -1};
    return d;
}

static struct groups group(void)
{
    struct groups g;

    assert_int_equal(group_by_node(found.deliveries, found.count, MAX_BYTES, &g), ERR_OK);
    return g;
}

#define assert_session(group, place, name)                                                         \
    do {                                                                                           \
        assert_memory_equal((group).session_ids[place], name "-", sizeof(name));                   \
        assert_memory_equal((group).members[place]->entry->session_id, name "-", sizeof(name));    \
    } while (0)

static void sessions_of_a_node_are_together_in_their_order(void **state)
{
    (void)state;
    add_session("a1", "boot-a", "10.0.0.1:1");
    add_session("b1", "boot-b", "10.0.0.1:1");
    add_session("a2", "boot-a", "10.0.0.1:1");
    add_session("b2", "boot-b", "10.0.0.1:1");
    add_session("a3", "boot-a", "10.0.0.1:1");
    struct groups g = group();
    assert_int_equal(g.count, 2);
    assert_string_equal(g.items[0].node->boot, "boot-a");
    assert_int_equal(g.items[0].count, 3);
    assert_session(g.items[0], 0, "a1");
    assert_session(g.items[0], 1, "a2");
    assert_session(g.items[0], 2, "a3");
    assert_int_equal(g.items[1].count, 2);
    assert_session(g.items[1], 1, "b2");
    groups_finish(&g);
}

static void node_is_told_apart_by_boot_and_address(void **state)
{
    (void)state;
    add_session("a", "boot-1", "10.0.0.1:1");
    add_session("b", "boot-2", "10.0.0.1:1"); /* the same place, started anew */
    add_session("c", "boot-1", "10.0.0.2:1"); /* the same node under a new address */
    struct groups g = group();
    assert_int_equal(g.count, 3);
    groups_finish(&g);
}

static void ghosts_are_in_no_group(void **state)
{
    (void)state;
    add_session("a", "boot", "10.0.0.1:1")->status = DELIVERY_GONE;
    add_session("b", "boot", "10.0.0.1:1");
    struct groups g = group();
    assert_int_equal(g.count, 1);
    assert_int_equal(g.items[0].count, 1);
    assert_session(g.items[0], 0, "b");
    groups_finish(&g);
}

static void nobody_makes_no_group(void **state)
{
    (void)state;
    struct groups g = group();
    assert_int_equal(g.count, 0);
    groups_finish(&g);
}

/* Messages of a batch; number n is {"json":n}. */
static struct sending sendings[3];

static void make_messages(void)
{
    memset(sendings, 0, sizeof(sendings));
    for (size_t i = 0; i < 3; i++) {
        sendings[i].sent =
            (struct message_sent){.stored = true, .id = {i + 1, 0}, .prev_id = {i, 0}};
        buf_init(&sendings[i].message.payload, 100);
        buf_addf(&sendings[i].message.payload, "{\"json\":%zu}", i + 1);
    }
}

static void finish_messages(void)
{
    for (size_t i = 0; i < 3; i++) {
        buf_finish(&sendings[i].message.payload);
    }
}

static void group_holds_no_more_than_an_envelope_takes(void **state)
{
    size_t count = ENVELOPE_SESSIONS_MAX + 1;
    struct delivery *many = calloc(count, sizeof(*many));
    struct groups g;

    (void)state;
    make_messages();
    sendings[0].sent.stored = false;
    add_session("a", "boot", "10.0.0.1:1")->sending = &sendings[0];
    for (size_t i = 0; i < count; i++) {
        many[i] = found.deliveries[0];
    }
    assert_int_equal(group_by_node(many, count, MAX_BYTES, &g), ERR_OK);
    assert_int_equal(g.count, 2);
    assert_int_equal(g.piece_count, 2);
    assert_int_equal(g.items[0].count, ENVELOPE_SESSIONS_MAX);
    assert_int_equal(g.items[1].count, 1);
    assert_int_equal(g.items[1].piece, 1);
    /* Or a node would take the second piece for a repetition of the first one. */
    assert_string_not_equal(g.items[0].messages->forward_id, g.items[1].messages->forward_id);
    groups_finish(&g);
    finish_messages();
    free(many);
}

static void assert_envelope(
    const struct group *g, enum message_wait wait, int64_t wait_ms, const char *expected)
{
    struct buf body;

    buf_init(&body, 4096);
    group_encode(g, wait, wait_ms, &body);
    assert_int_equal(buf_err(&body), ERR_OK);
    assert_string_equal(buf_str(&body), expected);
    assert_true(body.len <= g->bytes);
    buf_finish(&body);
}

static void node_is_told_its_boot_and_its_sessions(void **state)
{
    (void)state;
    make_messages();
    add_session("a1", "boot-a", "10.0.0.1:1")->sending = &sendings[0];
    add_session("a2", "boot-a", "10.0.0.1:1")->sending = &sendings[0];
    add_session("b", "boot-b", "10.0.0.2:1")->sending = &sendings[0];
    struct groups g = group();
    assert_envelope(&g.items[0], MESSAGE_WAIT_ACK, 1500,
        "{\"boot\":\"boot-a\",\"wait\":\"ack\",\"waitMs\":1500,\"messages\":[{\"id\":\"1-0\","
        "\"prevId\":\"0-0\",\"sessions\":[\"a1--------------------\",\"a2--------------------\"],"
        "\"bytes\":10}]}\n{\"json\":1}");
    groups_finish(&g);
    finish_messages();
}

static void node_gets_all_its_messages_at_once_and_in_order(void **state)
{
    (void)state;
    make_messages();
    sendings[1].sent.stored = false;
    add_session("a1", "boot-a", "10.0.0.1:1")->sending = &sendings[0];
    add_session("b1", "boot-b", "10.0.0.2:1")->sending = &sendings[0];
    add_session("a1", "boot-a", "10.0.0.1:1")->sending = &sendings[1];
    add_session("a2", "boot-a", "10.0.0.1:1")->sending = &sendings[1];
    add_session("a1", "boot-a", "10.0.0.1:1")->sending = &sendings[2];
    struct groups g = group();
    assert_int_equal(g.count, 2);
    assert_int_equal(g.piece_count, 1);
    assert_int_equal(g.items[0].message_count, 3);
    char *forward_id = g.items[0].messages[1].forward_id;
    assert_int_equal(strlen(forward_id), SESSION_ID_BYTES - 1);
    strcpy(forward_id, "forward");
    assert_envelope(&g.items[0], MESSAGE_WAIT_NONE, 0,
        "{\"boot\":\"boot-a\",\"wait\":\"none\",\"waitMs\":0,\"messages\":["
        "{\"id\":\"1-0\",\"prevId\":\"0-0\",\"sessions\":[\"a1--------------------\"],\"bytes\":10}"
        ","
        "{\"forwardId\":\"forward\",\"sessions\":[\"a1--------------------\","
        "\"a2--------------------\"],\"bytes\":10},"
        "{\"id\":\"3-0\",\"prevId\":\"2-0\",\"sessions\":[\"a1--------------------\"],\"bytes\":10}"
        "]}\n{\"json\":1}{\"json\":2}{\"json\":3}");
    groups_finish(&g);
    finish_messages();
}

static void what_is_too_large_for_a_node_follows_in_pieces(void **state)
{
    struct groups g;

    (void)state;
    make_messages();
    for (size_t i = 0; i < 3; i++) {
        add_session("a", "boot-a", "10.0.0.1:1")->sending = &sendings[i];
    }
    add_session("b", "boot-b", "10.0.0.2:1")->sending = &sendings[2];
    assert_int_equal(group_by_node(found.deliveries, found.count, 600, &g), ERR_OK);
    assert_int_equal(g.count, 3);
    assert_int_equal(g.piece_count, 2);
    assert_int_equal(g.items[0].message_count, 2);
    assert_int_equal(g.items[1].message_count, 1);
    assert_int_equal(g.items[1].piece, 1);
    assert_int_equal(g.items[2].piece, 0);
    groups_finish(&g);
    assert_int_equal(group_by_node(found.deliveries, found.count, 1, &g), ERR_OK);
    assert_int_equal(g.count, 4); /* one message each, though it is too large */
    groups_finish(&g);
    finish_messages();
}

static struct delivery *add_node(
    struct sending *s, const char *boot, struct envelope_counts *counts)
{
    struct delivery *d = add_session("", boot, "10.0.0.1:1");

    memset(found.entries[found.count - 1].session_id, 0, SESSION_ID_BYTES);
    d->sending = s;
    d->counts = counts;
    return d;
}

static void messages_for_users_and_for_groups_share_a_forward_in_the_order_of_the_batch(
    void **state)
{
    char except[1][SESSION_ID_BYTES] = {"x---------------------"};
    struct envelope_counts counts[2] = {{{0}}};

    (void)state;
    make_messages();
    strcpy(sendings[1].message.target.group, "news");
    sendings[1].message.exclude = except;
    sendings[1].message.exclude_count = 1;
    add_session("a", "boot-a", "10.0.0.1:1")->sending = &sendings[0];
    add_session("a", "boot-a", "10.0.0.1:1")->sending = &sendings[2];
    add_node(&sendings[1], "boot-a", &counts[0]);
    add_node(&sendings[1], "boot-b", &counts[1]);
    struct groups g = group();
    assert_int_equal(g.count, 2);
    assert_int_equal(g.items[0].session_count, 3);
    assert_envelope(&g.items[0], MESSAGE_WAIT_NONE, 0,
        "{\"boot\":\"boot-a\",\"wait\":\"none\",\"waitMs\":0,\"messages\":["
        "{\"id\":\"1-0\",\"prevId\":\"0-0\",\"sessions\":[\"a---------------------\"],\"bytes\":10}"
        ","
        "{\"id\":\"2-0\",\"prevId\":\"1-0\",\"group\":\"news\",\"exclude\":["
        "\"x---------------------\"],\"bytes\":10},"
        "{\"id\":\"3-0\",\"prevId\":\"2-0\",\"sessions\":[\"a---------------------\"],\"bytes\":10}"
        "]}\n{\"json\":1}{\"json\":2}{\"json\":3}");
    assert_envelope(&g.items[1], MESSAGE_WAIT_NONE, 0,
        "{\"boot\":\"boot-b\",\"wait\":\"none\",\"waitMs\":0,\"messages\":["
        "{\"id\":\"2-0\",\"prevId\":\"1-0\",\"group\":\"news\",\"exclude\":["
        "\"x---------------------\"],\"bytes\":10}]}\n{\"json\":2}");
    groups_finish(&g);
    finish_messages();
}

static void excluded_sessions_count_as_listed(void **state)
{
    size_t most = ENVELOPE_SESSIONS_MAX;
    char(*except)[SESSION_ID_BYTES] = calloc(most, sizeof(*except));
    struct envelope_counts counts[2] = {{{0}}};
    struct groups g;

    (void)state;
    make_messages();
    for (size_t i = 0; i < 2; i++) {
        strcpy(sendings[i].message.target.group, "news");
        sendings[i].message.exclude = except;
        sendings[i].message.exclude_count = i == 0 ? most : 1;
        add_node(&sendings[i], "boot-a", &counts[i]);
    }
    assert_int_equal(group_by_node(found.deliveries, found.count, SIZE_MAX, &g), ERR_OK);
    assert_int_equal(g.count, 2);
    assert_int_equal(g.items[0].session_count, most);
    assert_int_equal(g.items[1].piece, 1);
    groups_finish(&g);
    finish_messages();
    free(except);
}

/* What a node says of a session. */
static struct envelope_status said(
    const struct delivery *d, enum delivery_status status, int64_t idle_ms)
{
    struct envelope_status s = {.status = status, .idle_ms = idle_ms};

    memcpy(s.session_id, d->entry->session_id, sizeof(s.session_id));
    return s;
}

static void take(struct group *g, struct envelope_status *statuses, size_t count)
{
    struct envelope_answer_message message = {.sessions = statuses, .session_count = count};

    group_take_answer(g, &(struct envelope_answer){.messages = &message, .message_count = 1});
}

static void answer_is_taken_message_by_message(void **state)
{
    (void)state;
    make_messages();
    struct delivery *first = add_session("a", "boot", "10.0.0.1:1");
    struct delivery *other = add_session("b", "boot", "10.0.0.1:1");
    struct delivery *second = add_session("a", "boot", "10.0.0.1:1");
    first->sending = other->sending = &sendings[0];
    second->sending = &sendings[1];
    struct groups g = group();
    struct envelope_answer_message messages[] = {
        {.sessions = (struct envelope_status[]){said(first, DELIVERY_WRITTEN, 1)},
            .session_count = 1},
        {.sessions = (struct envelope_status[]){said(second, DELIVERY_REJECTED, 2)},
            .session_count = 1}};
    group_take_answer(
        &g.items[0], &(struct envelope_answer){.messages = messages, .message_count = 2});
    assert_int_equal(first->status, DELIVERY_WRITTEN);
    assert_int_equal(second->status, DELIVERY_REJECTED);
    assert_int_equal(other->status, DELIVERY_UNREACHABLE);
    groups_finish(&g);
    finish_messages();
}

static void answer_about_a_group_is_taken_as_counts(void **state)
{
    struct envelope_counts counts[2] = {{{0}}};

    (void)state;
    make_messages();
    struct delivery *unlike = add_node(&sendings[0], "boot", &counts[0]);
    struct delivery *session = add_session("a", "boot", "10.0.0.1:1");
    struct delivery *node = add_node(&sendings[2], "boot", &counts[1]);
    session->sending = &sendings[1];
    struct groups g = group();
    struct envelope_answer_message messages[] = {
        {.sessions = (struct envelope_status[]){said(session, DELIVERY_WRITTEN, 1)},
            .session_count = 1}, /* that is no answer about a group */
        {.sessions = (struct envelope_status[]){said(session, DELIVERY_WRITTEN, 1)},
            .session_count = 1},
        {.is_group = true, .counts = {{[DELIVERY_WRITTEN] = 7}}}};
    group_take_answer(
        &g.items[0], &(struct envelope_answer){.messages = messages, .message_count = 3});
    assert_int_equal(unlike->status, DELIVERY_UNREACHABLE);
    assert_int_equal(session->status, DELIVERY_WRITTEN);
    assert_int_equal(node->status, DELIVERY_ACKED);
    assert_int_equal(counts[0].with[DELIVERY_WRITTEN], 0);
    assert_int_equal(counts[1].with[DELIVERY_WRITTEN], 7);
    groups_finish(&g);
    finish_messages();
}

static void answer_is_taken_by_session_in_any_order(void **state)
{
    (void)state;
    struct delivery *a = add_session("a", "boot", "10.0.0.1:1");
    struct delivery *b = add_session("b", "boot", "10.0.0.1:1");
    struct groups g = group();
    take(&g.items[0],
        (struct envelope_status[]){said(b, DELIVERY_GONE, -1), said(a, DELIVERY_ACKED, 840)}, 2);
    assert_int_equal(a->status, DELIVERY_ACKED);
    assert_int_equal(a->idle_ms, 840);
    assert_int_equal(b->status, DELIVERY_GONE);
    groups_finish(&g);
}

static void answer_about_others_changes_nothing(void **state)
{
    (void)state;
    struct delivery *a = add_session("a", "boot", "10.0.0.1:1");
    struct delivery *other = add_session("other", "boot-2", "10.0.0.1:1");
    struct groups g = group();
    take(&g.items[0], (struct envelope_status[]){said(other, DELIVERY_WRITTEN, 0)}, 1);
    group_take_answer(&g.items[0], &(struct envelope_answer){.message_count = 0});
    assert_int_equal(a->status, DELIVERY_UNREACHABLE);
    assert_int_equal(other->status, DELIVERY_UNREACHABLE);
    groups_finish(&g);
}

static void no_answer_is_the_same_for_all(void **state)
{
    (void)state;
    struct delivery *a = add_session("a", "boot", "10.0.0.1:1");
    struct delivery *b = add_session("b", "boot", "10.0.0.1:1");
    struct groups g = group();
    group_set_status(&g.items[0], DELIVERY_GONE);
    assert_int_equal(a->status, DELIVERY_GONE);
    assert_int_equal(b->status, DELIVERY_GONE);
    groups_finish(&g);
}

#define test(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(sessions_of_a_node_are_together_in_their_order),
        test(node_is_told_apart_by_boot_and_address),
        test(ghosts_are_in_no_group),
        test(nobody_makes_no_group),
        test(group_holds_no_more_than_an_envelope_takes),
        test(node_is_told_its_boot_and_its_sessions),
        test(node_gets_all_its_messages_at_once_and_in_order),
        test(what_is_too_large_for_a_node_follows_in_pieces),
        test(messages_for_users_and_for_groups_share_a_forward_in_the_order_of_the_batch),
        test(excluded_sessions_count_as_listed),
        test(answer_is_taken_message_by_message),
        test(answer_about_a_group_is_taken_as_counts),
        test(answer_is_taken_by_session_in_any_order),
        test(answer_about_others_changes_nothing),
        test(no_answer_is_the_same_for_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
