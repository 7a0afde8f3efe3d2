/* Which messages a WAIT counts for, on servers that answer as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "fcgi-send/replicas.h"

#define MASTERS 2

/* A cluster of two masters, and the sender's idea of it, which may be older. */
static struct {
    int place_of[3];   /* of the users u0, u1, u2 */
    int thought_of[3]; /* as redis_sync_place() says */
    int late_user;     /* whose commands are redirected, once; -1: nobody's */
    int waits[MASTERS];
    int runs;
} cluster;

/* -1: it has no key. */
static int user_of(const struct command *c)
{
    struct slice key = command_key(c);
    const char *u = memchr(key.at, 'u', key.len);

    return u ? u[1] - '0' : -1;
}

int redis_sync_place(const struct redis_sync *r, const struct command *c)
{
    (void)r;
    return cluster.thought_of[user_of(c)];
}

static struct redisReply *reply_of(int type, size_t elements)
{
    struct redisReply *reply = calloc(1, sizeof(*reply));

    assert_non_null(reply);
    reply->type = type;
    reply->integer = 1;
    reply->elements = elements;
    reply->element = elements > 0 ? calloc(elements, sizeof(struct redisReply *)) : NULL;
    return reply;
}

static bool is_for_entry(const struct command *c)
{
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];

    (void)command_argv(c, 0, argv, lens);
    return memcmp(argv[0], "XRANGE", 6) == 0;
}

void redis_sync_run_each(struct redis_sync *r, const struct command *commands, size_t count,
    bool repeatable, struct redisReply **replies, struct redis_fate *fates)
{
    (void)r;
    (void)repeatable;
    cluster.runs++;
    for (size_t i = 0; i < count; i++) {
        int user = user_of(&commands[i]);

        if (commands[i].follows) {
            fates[i].place = fates[i - 1].place;
            cluster.waits[fates[i].place]++;
        } else {
            fates[i].place = cluster.place_of[user];
            fates[i].late = user == cluster.late_user && cluster.runs == 1;
        }
        replies[i] = is_for_entry(&commands[i]) ? reply_of(REDIS_REPLY_ARRAY, 1)
                                                : reply_of(REDIS_REPLY_INTEGER, 0);
    }
}

void redis_sync_free_replies(struct redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        freeReplyObject(replies[i]);
    }
}

enum err redis_sync_run(struct redis_sync *r, const struct command *commands, size_t count,
    bool repeatable, struct redisReply **replies)
{
    (void)r;
    (void)commands;
    (void)count;
    (void)repeatable;
    (void)replies;
    fail();
    return ERR_INTERNAL;
}

/* u0, u1 and u2 have a stored message each; all are confirmed. */
static void await_three(void)
{
    static struct config config = {.redis_wait_replicas = 1, .redis_prefix = "P"};
    struct service service = {.config = &config};
    struct worker worker = {.service = &service};
    struct sending sendings[3] = {
        {.sent = {.stored = true}}, {.sent = {.stored = true}}, {.sent = {.stored = true}}};
    struct batch batch = {.sendings = sendings, .count = 3, .is_list = true};

    for (int i = 0; i < 3; i++) {
        memcpy(sendings[i].message.target.user_id, (char[]){'u', (char)('0' + i), '\0'}, 3);
    }
    assert_int_equal(replicas_await(&worker, &batch), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sendings[i].problem.err, ERR_OK);
    }
}

static int start(void **state)
{
    (void)state;
    memset(&cluster, 0, sizeof(cluster));
    cluster.late_user = -1;
    return 0;
}

static void one_wait_for_each_master(void **state)
{
    (void)state;
    cluster.place_of[2] = cluster.thought_of[2] = 1;
    await_three();
    assert_int_equal(cluster.runs, 1);
    assert_int_equal(cluster.waits[0], 1);
    assert_int_equal(cluster.waits[1], 1);
}

static void what_was_redirected_is_asked_for_alone(void **state)
{
    (void)state;
    cluster.late_user = 1;
    await_three();
    assert_int_equal(cluster.runs, 2);
    assert_int_equal(cluster.waits[0], 2);
}

/* All were thought to be on one master, and the WAIT came to be on the other one with the last. */
static void wait_counts_on_the_master_that_was_written_to_only(void **state)
{
    (void)state;
    cluster.place_of[2] = 1;
    await_three();
    assert_int_equal(cluster.runs, 3); /* u0 and u1 alone */
    assert_int_equal(cluster.waits[0], 2);
    assert_int_equal(cluster.waits[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_wait_for_each_master, start),
        cmocka_unit_test_setup(what_was_redirected_is_asked_for_alone, start),
        cmocka_unit_test_setup(wait_counts_on_the_master_that_was_written_to_only, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
