/* What waits for replicas, on a server that answers when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "wsnode/node.h"
#include "wsnode/redis_confirm.h"
#include "wsnode/redis_shard.h"

static struct config config = {.redis_wait_replicas = 1, .redis_command_timeout_ms = 1000};
static struct node node = {.config = &config};

/* What is around it: the WAITs on their way, and what was told. */
static int waits, suspected, told;
static enum err told_err;
static redis_async_done *answer_wait;

enum err redis_shard_run(
    struct redis_shard *s, const struct command *c, bool keeps, redis_async_done *done, void *arg)
{
    (void)c;
    (void)keeps;
    assert_ptr_equal(arg, s);
    waits++;
    answer_wait = done;
    return ERR_OK;
}

void redis_shard_suspect(struct redis_shard *s)
{
    (void)s;
    suspected++;
}

static void on_confirmed(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    (void)n;
    (void)reply;
    (void)arg;
    told++;
    told_err = err;
}

static void start(struct redis_shard *s)
{
    waits = suspected = told = 0;
    *s = (struct redis_shard){.node = &node};
    redis_confirm_init(&s->confirm);
}

static void keep_an_answer(struct redis_shard *s)
{
    struct redisReply reply = {.type = REDIS_REPLY_INTEGER, .integer = 7};

    redis_confirm_add(s, &reply, on_confirmed, NULL);
}

/* The WAIT that is on its way ends. */
static void confirm(struct redis_shard *s, int replicas)
{
    struct redisReply reply = {.type = REDIS_REPLY_INTEGER, .integer = replicas};

    assert_true(waits > 0);
    waits--;
    answer_wait(&node, ERR_OK, &reply, s);
}

static void lose_connection(struct redis_shard *s)
{
    waits--;
    answer_wait(&node, ERR_REDIS_DOWN, NULL, s);
}

static void answer_is_told_once_replicas_have_it(void **state)
{
    struct redis_shard s;

    (void)state;
    start(&s);
    keep_an_answer(&s);
    assert_int_equal(told, 0);
    confirm(&s, 1);
    assert_int_equal(told, 1);
    assert_int_equal(told_err, ERR_OK);
    assert_false(s.confirm.fails);
    assert_int_equal(suspected, 0);
}

static void too_few_replicas_are_told_and_the_server_is_suspected(void **state)
{
    struct redis_shard s;

    (void)state;
    start(&s);
    keep_an_answer(&s);
    confirm(&s, 0);
    assert_int_equal(told_err, ERR_TOO_FEW_REPLICAS);
    assert_true(s.confirm.fails);
    assert_int_equal(suspected, 1);
}

static void probe_finds_too_few_replicas_and_that_they_are_back(void **state)
{
    struct redis_shard s;

    (void)state;
    start(&s);
    redis_confirm_probe(&s);
    confirm(&s, 0);
    assert_true(s.confirm.fails);
    assert_int_equal(suspected, 0); /* nobody needs it now */
    redis_confirm_probe(&s);
    confirm(&s, 1);
    assert_false(s.confirm.fails);
}

static void only_one_wait_is_on_its_way(void **state)
{
    struct redis_shard s;

    (void)state;
    start(&s);
    redis_confirm_probe(&s);
    redis_confirm_probe(&s);
    keep_an_answer(&s);
    keep_an_answer(&s);
    assert_int_equal(waits, 1);
    confirm(&s, 1);
    assert_int_equal(told, 0); /* that was about what came before them */
    assert_int_equal(waits, 1);
    redis_confirm_probe(&s);
    assert_int_equal(waits, 1);
    confirm(&s, 1);
    assert_int_equal(told, 2);
    assert_int_equal(waits, 0);
}

static void lost_connection_is_told_and_asked_anew(void **state)
{
    struct redis_shard s;

    (void)state;
    start(&s);
    keep_an_answer(&s);
    lose_connection(&s);
    assert_int_equal(told_err, ERR_REDIS_DOWN);
    assert_false(s.confirm.fails);
    redis_confirm_probe(&s);
    assert_int_equal(waits, 1);
}

static void without_wait_replicas_nobody_is_asked(void **state)
{
    struct redis_shard s;

    (void)state;
    start(&s);
    config.redis_wait_replicas = 0;
    redis_confirm_probe(&s);
    config.redis_wait_replicas = 1;
    assert_int_equal(waits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_is_told_once_replicas_have_it),
        cmocka_unit_test(too_few_replicas_are_told_and_the_server_is_suspected),
        cmocka_unit_test(probe_finds_too_few_replicas_and_that_they_are_back),
        cmocka_unit_test(only_one_wait_is_on_its_way),
        cmocka_unit_test(lost_connection_is_told_and_asked_anew),
        cmocka_unit_test(without_wait_replicas_nobody_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
