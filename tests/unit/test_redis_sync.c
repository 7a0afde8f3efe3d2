/* The blocking connection on real servers: killed, restarted, silent, refusing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/redis_sync.h"
#include "tests/unit/redis_server.h"

static struct redis_server server;
static struct config config;
static char url[160];

static struct redis_sync *connect_to(const char *where)
{
    struct redis_sync *r = NULL;

    config = (struct config){.redis_url = where,
        .redis_connect_timeout_ms = 5000,
        .redis_command_timeout_ms = 5000,
        .redis_retry_min_ms = 50,
        .redis_retry_max_ms = 100};
    assert_int_equal(redis_sync_create(&config, &r, NULL), ERR_OK);
    return r;
}

static struct redis_sync *connect_in_a_hurry_to(const char *where)
{
    struct redis_sync *r = connect_to(where);

    config.redis_command_timeout_ms = 300;
    return r;
}

static struct redis_sync *connect_by_tcp(void)
{
    snprintf(url, sizeof(url), "redis://127.0.0.1:%u", server.port);
    return connect_to(url);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* Runs one command of up to three words; *answer (may be NULL) is its text or number. */
static enum err run_words(
    struct redis_sync *r, bool repeatable, const char *const *words, char *answer)
{
    redisReply *reply = NULL;
    struct command c;
    enum err err;

    command_init(&c);
    for (; *words; words++) {
        command_add_str(&c, *words);
    }
    err = redis_sync_run(r, &c, 1, repeatable, &reply);
    command_finish(&c);
    if (err) {
        assert_null(reply);
        return err;
    }
    if (answer) {
        snprintf(answer, 64, "%s", reply->str ? reply->str : "");
    }
    redis_sync_free_replies(&reply, 1);
    return ERR_OK;
}
#define RUN(r, repeatable, answer, ...)                                                            \
    run_words(r, repeatable, (const char *const[]){__VA_ARGS__, NULL}, answer)

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    redis_server_start(&server, 1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    redis_server_stop(&server);
    return 0;
}

static void bad_url_is_told_at_once(void **state)
{
    struct redis_sync *r = NULL;
    struct problem p = {0};

    (void)state;
    config.redis_url = "http://x";
    assert_int_equal(redis_sync_create(&config, &r, &p), ERR_BAD_VALUE);
    assert_null(r);
    assert_non_null(strstr(p.msg, "redis.url"));
    redis_sync_destroy(NULL);
}

static void commands_run_by_tcp_and_unix_socket(void **state)
{
    struct redis_sync *tcp = connect_by_tcp(), *local;
    char unix_url[128], answer[64];

    (void)state;
    snprintf(unix_url, sizeof(unix_url), "unix://%s?db=3", server.socket);
    local = connect_to(unix_url);
    assert_int_equal(RUN(local, false, NULL, "SET", "where", "db3"), ERR_OK);
    assert_int_equal(RUN(local, false, answer, "GET", "where"), ERR_OK);
    assert_string_equal(answer, "db3");
    redis_sync_destroy(local);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%u", server.port);
    config.redis_url = url;
    assert_int_equal(RUN(tcp, false, answer, "GET", "where"), ERR_OK);
    assert_string_equal(answer, ""); /* another db */
    redis_sync_destroy(tcp);
}

static void pipeline_answers_in_order(void **state)
{
    struct redis_sync *r = connect_by_tcp();
    struct command commands[500];
    redisReply *replies[500];

    (void)state;
    for (size_t i = 0; i < 500; i++) {
        command_init(&commands[i]);
        command_add_str(&commands[i], "ECHO");
        command_add_int(&commands[i], (int64_t)i);
    }
    assert_int_equal(redis_sync_run(r, commands, 500, false, replies), ERR_OK);
    for (size_t i = 0; i < 500; i++) {
        char expected[16];

        snprintf(expected, sizeof(expected), "%zu", i);
        assert_string_equal(replies[i]->str, expected);
        command_finish(&commands[i]);
    }
    redis_sync_free_replies(replies, 500);
    redis_sync_destroy(r);
}

static void large_argument_and_answer_go_through(void **state)
{
    static char large[4 * 1024 * 1024];
    struct redis_sync *r = connect_by_tcp();
    redisReply *reply;
    struct command c;

    (void)state;
    memset(large, 'x', sizeof(large));
    command_init(&c);
    command_add_str(&c, "ECHO");
    command_add(&c, large, sizeof(large));
    assert_int_equal(redis_sync_run(r, &c, 1, false, &reply), ERR_OK);
    assert_int_equal(reply->len, sizeof(large));
    redis_sync_free_replies(&reply, 1);
    command_finish(&c);
    redis_sync_destroy(r);
}

static void unknown_scripts_run_by_eval_among_others(void **state)
{
    static const struct script first = {
        "first", "return 'first ' .. KEYS[1]", "f5a5bd49d07b2ae4a3ee4d7ac4f04a1a3e1a6d53"};
    struct redis_sync *r = connect_by_tcp();
    struct command commands[3];
    redisReply *replies[3];

    (void)state;
    redis_server_do(&server, "SCRIPT FLUSH");
    for (int i = 0; i < 3; i++) {
        command_init(&commands[i]);
    }
    command_start_script(&commands[0], &first, 1);
    command_add_str(&commands[0], "a");
    command_add_str(&commands[1], "PING");
    command_start_script(&commands[2], &first, 1);
    command_add_str(&commands[2], "b");
    assert_int_equal(redis_sync_run(r, commands, 3, false, replies), ERR_OK);
    assert_string_equal(replies[0]->str, "first a");
    assert_string_equal(replies[1]->str, "PONG");
    assert_string_equal(replies[2]->str, "first b");
    redis_sync_free_replies(replies, 3);
    for (int i = 0; i < 3; i++) {
        command_finish(&commands[i]);
    }
    redis_sync_destroy(r);
}

static void scripts_keep_their_order_where_they_are_unknown(void **state)
{
    static const struct script add = {"add", "return redis.call('APPEND', KEYS[1], ARGV[1])",
        "68014bf0cbd405594c3f62158602855af28788cb"};
    struct redis_sync *r = connect_by_tcp();
    struct command commands[3];
    struct redis_fate fates[3];
    redisReply *replies[3];

    (void)state;
    redis_server_do(&server, "SCRIPT FLUSH");
    for (int i = 0; i < 3; i++) {
        command_init(&commands[i]);
        command_start_script(&commands[i], &add, 1);
        command_add_str(&commands[i], "text");
        command_add_int(&commands[i], i);
    }
    redis_sync_run_each(r, commands, 3, false, replies, fates);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fates[i].err, ERR_OK);
        assert_false(fates[i].late); /* not one of them had to be sent again */
        assert_int_equal(replies[i]->integer, i + 1);
        command_finish(&commands[i]);
    }
    redis_sync_free_replies(replies, 3);
    redis_sync_destroy(r);
}

static void one_command_fails_and_the_others_do_not(void **state)
{
    const char *const words[] = {"PING", "NO-SUCH-COMMAND", "PING"};
    struct redis_sync *r = connect_by_tcp();
    struct command commands[3];
    struct redis_fate fates[3];
    redisReply *replies[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        command_init(&commands[i]);
        command_add_str(&commands[i], words[i]);
    }
    redis_sync_run_each(r, commands, 3, false, replies, fates);
    assert_string_equal(replies[0]->str, "PONG");
    assert_int_equal(fates[1].err, ERR_INTERNAL);
    assert_null(replies[1]);
    assert_int_equal(fates[2].err, ERR_OK);
    assert_string_equal(replies[2]->str, "PONG");
    redis_sync_free_replies(replies, 3);
    redis_server_kill(&server);
    redis_sync_run_each(r, commands, 3, false, replies, fates);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fates[i].err, ERR_REDIS_DOWN);
        assert_null(replies[i]);
        command_finish(&commands[i]);
    }
    redis_server_restart(&server);
    redis_sync_destroy(r);
}

static void command_with_an_error_is_not_sent(void **state)
{
    struct redis_sync *r = connect_by_tcp();
    redisReply *replies[2];
    struct command commands[2];

    (void)state;
    command_init(&commands[0]);
    command_add_str(&commands[0], "SET");
    command_add_str(&commands[0], "sent");
    command_add_str(&commands[0], "1");
    command_init(&commands[1]);
    commands[1].text.err = ERR_NO_MEMORY;
    assert_int_equal(redis_sync_run(r, commands, 2, false, replies), ERR_NO_MEMORY);
    assert_int_equal(redis_server_ask_int(&server, "EXISTS sent"), 0);
    command_finish(&commands[0]);
    command_finish(&commands[1]);
    redis_sync_destroy(r);
}

static void error_replies_are_sorted(void **state)
{
    static const struct {
        const char *script;
        enum err err;
    } errors[] = {
        {"return redis.error_reply('READONLY no')", ERR_REDIS_REFUSED},
        {"return redis.error_reply('LOADING no')", ERR_REDIS_REFUSED},
        {"return redis.error_reply('CLUSTERDOWN no')", ERR_REDIS_REFUSED},
        {"return redis.error_reply('MASTERDOWN no')", ERR_REDIS_REFUSED},
        {"return redis.error_reply('OOM no')", ERR_REDIS_REFUSED},
        {"return redis.error_reply('NOREPLICAS no')", ERR_REDIS_REFUSED},
        {"return redis.error_reply('MISCONF no')", ERR_REDIS_REFUSED},
        {"return redis.error_reply('NOPERM no')", ERR_REDIS_REFUSED},
        {"return redis.error_reply('OOMPH no')", ERR_INTERNAL},
        {"return redis.error_reply('ERR no')", ERR_INTERNAL},
        {"nonsense", ERR_INTERNAL},
    };
    struct redis_sync *r = connect_by_tcp();

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        assert_int_equal(RUN(r, false, NULL, "EVAL", errors[i].script, "0"), errors[i].err);
    }
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_OK); /* at once: an answer is no failure */
    redis_sync_destroy(r);
}

static void replica_refuses_writes(void **state)
{
    struct redis_sync *r = connect_by_tcp();

    (void)state;
    redis_server_do(&server, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(RUN(r, false, NULL, "SET", "a", "b"), ERR_REDIS_REFUSED);
    redis_server_do(&server, "REPLICAOF NO ONE");
    assert_int_equal(RUN(r, false, NULL, "SET", "a", "b"), ERR_OK);
    redis_sync_destroy(r);
}

static void password_is_checked(void **state)
{
    struct redis_sync *r;
    char answer[64];

    (void)state;
    redis_server_do(&server, "CONFIG SET requirepass s3cret");
    r = connect_by_tcp();
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_REDIS_REFUSED); /* NOAUTH */
    redis_sync_destroy(r);
    snprintf(url, sizeof(url), "redis://:wrong@127.0.0.1:%u", server.port);
    r = connect_to(url);
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_REDIS_REFUSED);
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_REDIS_REFUSED); /* in the pause */
    redis_sync_destroy(r);
    snprintf(url, sizeof(url), "redis://default:s3cret@127.0.0.1:%u/1", server.port);
    r = connect_to(url);
    assert_int_equal(RUN(r, false, answer, "PING"), ERR_OK);
    assert_string_equal(answer, "PONG");
    redis_sync_destroy(r);
    redis_server_do(&server, "CONFIG SET requirepass %s", "");
}

static void killed_server_is_down_and_comes_back(void **state)
{
    struct redis_sync *r = connect_by_tcp();
    int64_t began_ms;

    (void)state;
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_OK);
    redis_server_kill(&server);
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_REDIS_DOWN);
    redis_server_restart(&server);
    began_ms = clock_mono_ms();
    while (RUN(r, false, NULL, "PING") == ERR_REDIS_DOWN) {
        assert_true(clock_mono_ms() - began_ms < 5000); /* retry_max is 100 ms */
        pause_ms(5);
    }
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_OK);
    redis_sync_destroy(r);
}

static void pause_after_a_failure_fails_at_once(void **state)
{
    struct config patient = {.redis_url = url,
        .redis_connect_timeout_ms = 300,
        .redis_command_timeout_ms = 300,
        .redis_retry_min_ms = 60000,
        .redis_retry_max_ms = 60000};
    struct redis_sync *r;

    (void)state;
    redis_server_kill(&server);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%u", server.port);
    assert_int_equal(redis_sync_create(&patient, &r, NULL), ERR_OK);
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_REDIS_DOWN);
    redis_server_restart(&server);
    assert_int_equal(RUN(r, true, NULL, "PING"), ERR_REDIS_DOWN); /* not even tried */
    redis_sync_destroy(r);
}

static void idle_connection_that_was_closed_is_replaced(void **state)
{
    struct redis_sync *r = connect_by_tcp();

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(RUN(r, false, NULL, "PING"), ERR_OK);
        redis_server_do(&server, "CLIENT KILL TYPE normal SKIPME yes");
        pause_ms(20);
    }
    assert_int_equal(RUN(r, false, NULL, "PING"), ERR_OK);
    redis_sync_destroy(r);
}

/* A server that answers the first `answers` commands of each connection and closes at the next one.
 */
struct breaker {
    int listen_fd;
    int answers;
    int connections; /* taken so far */
    int commands;    /* read so far */
};

static void serve_one(struct breaker *b, int fd)
{
    char bytes[4096];

    for (int answered = 0; recv(fd, bytes, sizeof(bytes), 0) > 0; answered++) {
        b->commands++;
        if (answered == b->answers || send(fd, "+PONG\r\n", 7, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    close(fd);
}

static void *serve(void *arg)
{
    struct breaker *b = arg;
    int fd;

    while ((fd = accept(b->listen_fd, NULL, NULL)) >= 0) {
        b->connections++;
        serve_one(b, fd);
    }
    return NULL;
}

/* Listens on a free port of 127.0.0.1 and writes its url. */
static int listen_somewhere(char where[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(where, 64, "redis://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

/* How a call ends whose connection breaks after its command was written; the breaker has counted.
 */
static enum err run_into_breaker(struct breaker *b, bool repeatable)
{
    struct redis_sync *r;
    pthread_t thread;
    char where[64];
    enum err err;

    b->listen_fd = listen_somewhere(where);
    assert_int_equal(pthread_create(&thread, NULL, serve, b), 0);
    r = connect_to(where);
    if (b->answers > 0) {
        assert_int_equal(RUN(r, repeatable, NULL, "PING"), ERR_OK);
    }
    err = RUN(r, repeatable, NULL, "PING");
    redis_sync_destroy(r);
    shutdown(b->listen_fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(b->listen_fd);
    return err;
}

static void lost_command_is_repeated_only_if_that_is_safe(void **state)
{
    struct breaker once = {.answers = 1};
    struct breaker repeated = {.answers = 1};

    (void)state;
    assert_int_equal(run_into_breaker(&once, false), ERR_REDIS_DOWN);
    assert_int_equal(once.connections, 1);
    assert_int_equal(once.commands, 2);
    assert_int_equal(run_into_breaker(&repeated, true), ERR_OK);
    assert_int_equal(repeated.connections, 2);
    assert_int_equal(repeated.commands, 3);
}

static void command_lost_on_a_new_connection_is_not_repeated(void **state)
{
    struct breaker b = {.answers = 0};

    (void)state;
    assert_int_equal(run_into_breaker(&b, true), ERR_REDIS_DOWN);
    assert_int_equal(b.commands, 1);
}

static void silent_server_costs_the_deadline_and_then_a_pause(void **state)
{
    char where[64];
    int fd = listen_somewhere(where); /* the kernel accepts, nobody answers */
    struct redis_sync *r = connect_in_a_hurry_to(where);
    int64_t began_ms = clock_mono_ms();
    int64_t took_ms;

    (void)state;
    assert_int_equal(RUN(r, true, NULL, "PING"), ERR_REDIS_DOWN);
    took_ms = clock_mono_ms() - began_ms;
    assert_true(took_ms >= 290 && took_ms < 1500); /* command_timeout is 300 ms */
    began_ms = clock_mono_ms();
    assert_int_equal(RUN(r, true, NULL, "PING"), ERR_REDIS_DOWN);
    assert_true(clock_mono_ms() - began_ms < 200);
    redis_sync_destroy(r);
    close(fd);
}

/* As a server that is about to answer for ever: a byte now and then must not move the deadline. */
static void *drip(void *arg)
{
    int fd = accept(*(int *)arg, NULL, NULL);

    for (int i = 0; i < 100 && send(fd, i ? "1" : ":1", 1, MSG_NOSIGNAL) == 1; i++) {
        pause_ms(20);
    }
    close(fd);
    return NULL;
}

static void dripping_server_costs_the_deadline_too(void **state)
{
    char where[64];
    int fd = listen_somewhere(where);
    struct redis_sync *r = connect_in_a_hurry_to(where);
    int64_t began_ms = clock_mono_ms();
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, drip, &fd), 0);
    assert_int_equal(RUN(r, true, NULL, "PING"), ERR_REDIS_DOWN);
    assert_true(clock_mono_ms() - began_ms < 1500); /* it drips for two seconds */
    redis_sync_destroy(r);
    pthread_join(thread, NULL);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_url_is_told_at_once),
        cmocka_unit_test(commands_run_by_tcp_and_unix_socket),
        cmocka_unit_test(pipeline_answers_in_order),
        cmocka_unit_test(large_argument_and_answer_go_through),
        cmocka_unit_test(unknown_scripts_run_by_eval_among_others),
        cmocka_unit_test(scripts_keep_their_order_where_they_are_unknown),
        cmocka_unit_test(one_command_fails_and_the_others_do_not),
        cmocka_unit_test(command_with_an_error_is_not_sent),
        cmocka_unit_test(error_replies_are_sorted),
        cmocka_unit_test(replica_refuses_writes),
        cmocka_unit_test(password_is_checked),
        cmocka_unit_test(killed_server_is_down_and_comes_back),
        cmocka_unit_test(pause_after_a_failure_fails_at_once),
        cmocka_unit_test(idle_connection_that_was_closed_is_replaced),
        cmocka_unit_test(lost_command_is_repeated_only_if_that_is_safe),
        cmocka_unit_test(command_lost_on_a_new_connection_is_not_repeated),
        cmocka_unit_test(silent_server_costs_the_deadline_and_then_a_pause),
        cmocka_unit_test(dripping_server_costs_the_deadline_too),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
