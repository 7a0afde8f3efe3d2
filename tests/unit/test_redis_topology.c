/* Where keys are: slots, redirections, and what real sentinels and cluster nodes say, or fake ones.
 */
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
#include <unistd.h>

#include "shared/redis_topology.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/resp.h"

static const struct config config = {.redis_connect_timeout_ms = 2000};

/* Slots: vectors of the cluster specification, and what CLUSTER KEYSLOT of a real server says. */

static void slot_is_the_crc16_of_the_key(void **state)
{
    (void)state;
    assert_int_equal(redis_slot(slice_of("123456789")), 0x31C3);
    assert_int_equal(redis_slot(slice_of("foo")), 12182);
    assert_int_equal(redis_slot(slice_of("bar")), 5061);
    assert_int_equal(redis_slot(slice_of("")), 0);
}

static void only_what_stands_in_braces_counts(void **state)
{
    unsigned u1 = redis_slot(slice_of("u1"));

    (void)state;
    assert_int_equal(redis_slot(slice_of("WebSocket_{u1}")), u1);
    assert_int_equal(redis_slot(slice_of("WebSocket_{u1}:inbox")), u1);
    assert_int_equal(redis_slot(slice_of("{u1}{u2}")), u1);
    assert_int_equal(redis_slot(slice_of("}{u1}")), u1);
    assert_int_not_equal(redis_slot(slice_of("WebSocket_{u2}")), u1);
}

static void braces_that_hold_nothing_or_stay_open_are_part_of_the_key(void **state)
{
    /* As CLUSTER KEYSLOT of Redis 7.0 has them. */
    (void)state;
    assert_int_equal(redis_slot(slice_of("foo{}{bar}")), 8363);
    assert_int_equal(redis_slot(slice_of("foo{{bar}}zap")), 4015);
    assert_int_equal(redis_slot(slice_of("foo{bar}{zap}")), 5061);
    assert_int_equal(redis_slot(slice_of("foo{bar")), 15278);
}

static void key_is_at_the_owner_of_its_slot(void **state)
{
    struct redis_topology t = {.count = 2};
    struct slice key = slice_of("foo");

    (void)state;
    assert_int_equal(redis_topology_find(&t, REDIS_CLUSTER, key), -1);
    t.owner[12182] = 2;
    assert_int_equal(redis_topology_find(&t, REDIS_CLUSTER, key), 1);
    assert_int_equal(redis_topology_find(&t, REDIS_DIRECT, key), 0);
    assert_int_equal(redis_topology_find(&t, REDIS_SENTINEL, key), 0);
}

static struct redis_place place_at(const char *host, uint16_t port)
{
    struct redis_place place = {.port = port};

    snprintf(place.host, sizeof(place.host), "%s", host);
    return place;
}

static void place_is_added_once_and_only_so_many_are(void **state)
{
    static struct redis_topology t;

    (void)state;
    for (int i = 0; i < REDIS_MASTERS_MAX; i++) {
        struct redis_place place = place_at("10.0.0.1", (uint16_t)(1000 + i));

        assert_int_equal(redis_topology_add(&t, &place), i);
        assert_int_equal(redis_topology_add(&t, &place), i);
    }
    struct redis_place one_more = place_at("10.0.0.2", 1000);
    assert_int_equal(redis_topology_add(&t, &one_more), -1);
    assert_int_equal(t.count, REDIS_MASTERS_MAX);
}

/* Redirections. */

static enum redis_redirect redirect(const char *error, unsigned *slot, struct redis_place *to)
{
    struct redis_place from = place_at("10.0.0.9", 7000);
    char bytes[128];

    snprintf(bytes, sizeof(bytes), "-%s\r\n", error);
    redisReply *reply = reply_of(bytes);
    enum redis_redirect how = redis_redirect_decode(reply, &from, slot, to);
    freeReplyObject(reply);
    return how;
}

static void redirection_names_slot_and_server(void **state)
{
    struct redis_place to = {.port = 0};
    unsigned slot = 0;

    (void)state;
    assert_int_equal(redirect("MOVED 3999 127.0.0.1:6381", &slot, &to), REDIS_MOVED);
    assert_int_equal(slot, 3999);
    assert_string_equal(to.host, "127.0.0.1");
    assert_int_equal(to.port, 6381);
    assert_int_equal(redirect("ASK 16383 ::1:6382", &slot, &to), REDIS_ASK);
    assert_int_equal(slot, 16383);
    assert_string_equal(to.host, "::1");
    assert_int_equal(to.port, 6382);
}

static void redirection_without_a_host_stays_with_who_answered(void **state)
{
    struct redis_place to = {.port = 0};
    unsigned slot = 0;

    (void)state;
    assert_int_equal(redirect("MOVED 0 :6381", &slot, &to), REDIS_MOVED);
    assert_string_equal(to.host, "10.0.0.9");
    assert_int_equal(to.port, 6381);
}

static void malformed_redirection_is_none(void **state)
{
    static const char *const malformed[] = {"MOVED", "MOVED ", "MOVED 1", "MOVED 1 ",
        "MOVED x 10.0.0.1:1", "MOVED -1 10.0.0.1:1", "MOVED 16384 10.0.0.1:1", "MOVED 1 10.0.0.1",
        "MOVED 1 10.0.0.1:", "MOVED 1 10.0.0.1:x", "MOVED 1 10.0.0.1:65536", "MOVED 1 10.0.0.1:0",
        "MOVED 1 redis.example.org:1", "MOVED  1 10.0.0.1:1", "ASK 1", "ASKING 1 10.0.0.1:1",
        "ERR MOVED 1 10.0.0.1:1", ""};
    struct redis_place to = {.port = 77};
    unsigned slot = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        if (redirect(malformed[i], &slot, &to) != REDIS_STAYS || slot != 77) {
            fail_msg("\"%s\" was taken for a redirection", malformed[i]);
        }
    }
}

static void only_errors_redirect_or_ask_to_try_again(void **state)
{
    redisReply *text = reply_of("+MOVED 1 10.0.0.1:1\r\n"),
               *again = reply_of("-TRYAGAIN Later\r\n"),
               *down = reply_of("-CLUSTERDOWN Hash slot not served\r\n");
    struct redis_place from = place_at("10.0.0.9", 7000), to;
    unsigned slot;

    (void)state;
    assert_int_equal(redis_redirect_decode(text, &from, &slot, &to), REDIS_STAYS);
    assert_int_equal(redis_redirect_decode(NULL, &from, &slot, &to), REDIS_STAYS);
    assert_true(redis_reply_is_try_again(again));
    assert_true(redis_reply_is_try_again(down));
    assert_false(redis_reply_is_try_again(text));
    assert_false(redis_reply_is_try_again(NULL));
    freeReplyObject(text);
    freeReplyObject(again);
    freeReplyObject(down);
}

/* Discovery. */

static struct redis_url url_of(enum redis_mode mode, const uint16_t *ports, size_t count)
{
    struct redis_url url = {.mode = mode, .seed_count = count, .master = "main"};

    for (size_t i = 0; i < count; i++) {
        url.seeds[i] = place_at("127.0.0.1", ports[i]);
    }
    return url;
}

static enum err discover(
    enum redis_mode mode, uint16_t port, struct redis_topology *t, struct problem *p)
{
    struct redis_url url = url_of(mode, &port, 1);

    return redis_topology_discover(&config, &url, t, p);
}

static void one_server_is_where_the_url_says(void **state)
{
    struct redis_topology t = {.count = 0};

    (void)state;
    assert_int_equal(discover(REDIS_DIRECT, 1, &t, NULL), ERR_OK); /* nobody is asked */
    assert_int_equal(t.count, 1);
    assert_int_equal(t.places[0].port, 1);
}

static void cluster_tells_the_owner_of_every_slot(void **state)
{
    char bus_port[8];
    const char *const options[] = {"--cluster-enabled", "yes", "--cluster-port", bus_port, NULL};
    struct redis_server server;
    struct redis_topology t = {.count = 0};
    struct problem p;

    (void)state;
    snprintf(bus_port, sizeof(bus_port), "%u", free_port());
    redis_server_start_with(&server, options);
    assert_int_equal(discover(REDIS_CLUSTER, server.port, &t, &p), ERR_REDIS_REFUSED);
    assert_non_null(strstr(p.msg, "no slot of the cluster has an owner"));
    assert_int_equal(t.count, 0);
    redis_server_do(&server, "CLUSTER ADDSLOTSRANGE 0 16383");
    assert_int_equal(discover(REDIS_CLUSTER, server.port, &t, &p), ERR_OK);
    assert_int_equal(t.count, 1);
    assert_string_equal(t.places[0].host, "127.0.0.1"); /* which it was not told itself */
    assert_int_equal(t.places[0].port, server.port);
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++) {
        assert_int_equal(t.owner[slot], 1);
    }
    redis_server_stop(&server);
}

static void slots_are_as_a_real_server_has_them(void **state)
{
    static const char *const keys[] = {"", "a", "{", "{}", "{}a", "a{b}c", "a{b}{c}", "a{{b}}c",
        "a}b{c}", "WebSocket_{J\xc3\xbcrgen}:inbox", "WebSocket_node:n1"};
    char bus_port[8];
    const char *const options[] = {"--cluster-enabled", "yes", "--cluster-port", bus_port, NULL};
    struct redis_server server;

    (void)state;
    snprintf(bus_port, sizeof(bus_port), "%u", free_port());
    redis_server_start_with(&server, options);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_int_equal(redis_server_ask_int(&server, "CLUSTER KEYSLOT %s", keys[i]),
            redis_slot(slice_of(keys[i])));
    }
    redis_server_stop(&server);
}

static void sentinel_names_its_master(void **state)
{
    static const char *const options[] = {"--sentinel", NULL};
    struct redis_server master, sentinel;
    struct redis_topology t = {.count = 0};
    struct problem p;

    (void)state;
    redis_server_start(&master, 1);
    redis_server_start_with(&sentinel, options);
    assert_int_equal(discover(REDIS_SENTINEL, sentinel.port, &t, &p), ERR_REDIS_REFUSED);
    assert_non_null(strstr(p.msg, "knows no master called main"));
    redis_server_do(&sentinel, "SENTINEL MONITOR main 127.0.0.1 %d 1", (int)master.port);
    assert_int_equal(discover(REDIS_SENTINEL, sentinel.port, &t, &p), ERR_OK);
    assert_int_equal(t.count, 1);
    assert_string_equal(t.places[0].host, "127.0.0.1");
    assert_int_equal(t.places[0].port, master.port);
    redis_server_stop(&sentinel);
    redis_server_stop(&master);
}

static void server_that_is_no_cluster_says_so(void **state)
{
    struct redis_server server;
    struct redis_topology t = {.count = 0};
    struct problem p;

    (void)state;
    redis_server_start(&server, 1);
    assert_int_equal(discover(REDIS_CLUSTER, server.port, &t, &p), ERR_REDIS_REFUSED);
    assert_non_null(strstr(p.msg, "cluster support disabled"));
    redis_server_stop(&server);
}

/* A server that gives one answer to whatever comes, as long as the test runs. */
struct fake {
    uint16_t port;
    int fd;
    const char *answer;
    int asked;
    pthread_t thread;
};

static void *serve(void *arg)
{
    struct fake *f = arg;
    char command[512];
    int peer;

    while ((peer = accept(f->fd, NULL, NULL)) >= 0) {
        f->asked++;
        if (read(peer, command, sizeof(command)) > 0) {
            (void)send(peer, f->answer, strlen(f->answer), MSG_NOSIGNAL);
        }
        close(peer);
    }
    return NULL;
}

static void fake_start(struct fake *f, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    *f = (struct fake){.fd = socket(AF_INET, SOCK_STREAM, 0), .answer = answer};
    assert_int_equal(bind(f->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(f->fd, 8), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&address, &len), 0);
    f->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void fake_stop(struct fake *f)
{
    shutdown(f->fd, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->fd);
}

static enum err discover_from_fake(
    enum redis_mode mode, const char *answer, struct redis_topology *t)
{
    struct problem p;
    struct fake f;

    fake_start(&f, answer);
    enum err err = discover(mode, f.port, t, &p);
    fake_stop(&f);
    return err;
}

#define RANGE(first, last, host, port)                                                             \
    "*3\r\n:" #first "\r\n:" #last "\r\n*2\r\n" host ":" #port "\r\n"

static void refusal_is_told_although_the_last_seed_is_down(void **state)
{
    static const char *const options[] = {"--sentinel", NULL};
    struct redis_topology t = {.count = 0};
    struct redis_server sentinel;
    struct redis_url url;
    struct problem p;
    char text[96];

    (void)state;
    redis_server_start_with(&sentinel, options);
    snprintf(text, sizeof(text), "sentinel://127.0.0.1:%u,127.0.0.1:1/other", sentinel.port);
    assert_int_equal(redis_url_parse(text, &url, NULL), ERR_OK);
    assert_int_equal(redis_topology_discover(&config, &url, &t, &p), ERR_REDIS_REFUSED);
    assert_non_null(strstr(p.msg, "no master called other"));
    redis_server_stop(&sentinel);
}

static void ranges_of_several_masters_are_understood(void **state)
{
    struct redis_topology t = {.count = 0};

    (void)state;
    assert_int_equal(discover_from_fake(REDIS_CLUSTER,
                         "*3\r\n" RANGE(0, 5, "$8\r\n10.0.0.1\r\n", 1) RANGE(6, 6, "$-1\r\n", 2)
                             RANGE(16383, 16383, "$8\r\n10.0.0.1\r\n", 1),
                         &t),
        ERR_OK);
    assert_int_equal(t.count, 2);
    assert_string_equal(t.places[1].host, "127.0.0.1"); /* nil: who answered */
    assert_int_equal(t.owner[0], 1);
    assert_int_equal(t.owner[5], 1);
    assert_int_equal(t.owner[6], 2);
    assert_int_equal(t.owner[7], 0);
    assert_int_equal(t.owner[16383], 1);
}

static void answer_that_is_not_understood_changes_nothing(void **state)
{
    static const struct {
        enum redis_mode mode;
        const char *answer;
    } answers[] = {
        {REDIS_CLUSTER, ":1\r\n"},
        {REDIS_CLUSTER, "*0\r\n"},
        {REDIS_CLUSTER, "*1\r\n:1\r\n"},
        {REDIS_CLUSTER, "*1\r\n*2\r\n:0\r\n:5\r\n"},
        {REDIS_CLUSTER, "*1\r\n" RANGE(-1, 5, "$8\r\n10.0.0.1\r\n", 1)},
        {REDIS_CLUSTER, "*1\r\n" RANGE(0, 16384, "$8\r\n10.0.0.1\r\n", 1)},
        {REDIS_CLUSTER, "*1\r\n" RANGE(0, 5, "$7\r\nexample\r\n", 1)},
        {REDIS_CLUSTER, "*1\r\n" RANGE(0, 5, "$8\r\n10.0.0.1\r\n", 65536)},
        {REDIS_CLUSTER, "*1\r\n" RANGE(0, 5, "$8\r\n10.0.0.1\r\n", 0)},
        {REDIS_CLUSTER, "*1\r\n*3\r\n:0\r\n:5\r\n*0\r\n"},
        {REDIS_SENTINEL, ":1\r\n"},
        {REDIS_SENTINEL, "*1\r\n$8\r\n10.0.0.1\r\n"},
        {REDIS_SENTINEL, "*2\r\n$8\r\n10.0.0.1\r\n:6379\r\n"},
        {REDIS_SENTINEL, "*2\r\n$8\r\n10.0.0.1\r\n$5\r\n65536\r\n"},
        {REDIS_SENTINEL, "*2\r\n$7\r\nexample\r\n$4\r\n6379\r\n"},
        {REDIS_SENTINEL, "-NOAUTH Authentication required.\r\n"},
    };
    struct redis_topology t = {.count = 0}; /* else who is known would be asked, too */

    (void)state;
    t.owner[3] = 1;
    t.places[0].port = 7;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (discover_from_fake(answers[i].mode, answers[i].answer, &t) != ERR_REDIS_REFUSED) {
            fail_msg("%s was taken for an answer", answers[i].answer);
        }
        assert_int_equal(t.count, 0);
        assert_int_equal(t.places[0].port, 7);
        assert_int_equal(t.owner[3], 1);
    }
}

static void next_one_is_asked_and_asked_first_from_then_on(void **state)
{
    struct redis_topology t = {.count = 0};
    struct fake useless, good;
    struct problem p;

    (void)state;
    fake_start(&useless, "*-1\r\n");
    fake_start(&good, "*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n");
    const uint16_t ports[] = {free_port(), useless.port, good.port};
    struct redis_url url = url_of(REDIS_SENTINEL, ports, 3);
    assert_int_equal(redis_topology_discover(&config, &url, &t, &p), ERR_OK);
    assert_int_equal(redis_topology_discover(&config, &url, &t, &p), ERR_OK);
    assert_int_equal(useless.asked, 1);
    assert_int_equal(good.asked, 2);
    fake_stop(&useless);
    fake_stop(&good);
}

static void nobody_who_answers_is_told_with_who_was_asked(void **state)
{
    struct redis_topology t = {.count = 0};
    uint16_t port = free_port();
    char where[32];
    struct problem p;

    (void)state;
    snprintf(where, sizeof(where), "127.0.0.1:%u", port);
    assert_int_equal(discover(REDIS_SENTINEL, port, &t, &p), ERR_REDIS_DOWN);
    assert_non_null(strstr(p.msg, where));
    assert_non_null(strstr(p.msg, "it does not answer"));
}

static void servers_of_a_cluster_are_asked_when_no_seed_answers(void **state)
{
    struct redis_topology t = {.count = 0};
    struct fake other;
    struct problem p;

    (void)state;
    fake_start(&other, "*1\r\n" RANGE(0, 16383, "$-1\r\n", 7));
    t.places[t.count++] = place_at("127.0.0.1", other.port);
    assert_int_equal(discover(REDIS_CLUSTER, free_port(), &t, &p), ERR_OK);
    assert_int_equal(t.places[0].port, 7);
    fake_stop(&other);
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_is_the_crc16_of_the_key),
        cmocka_unit_test(only_what_stands_in_braces_counts),
        cmocka_unit_test(braces_that_hold_nothing_or_stay_open_are_part_of_the_key),
        cmocka_unit_test(slots_are_as_a_real_server_has_them),
        cmocka_unit_test(key_is_at_the_owner_of_its_slot),
        cmocka_unit_test(place_is_added_once_and_only_so_many_are),
        cmocka_unit_test(redirection_names_slot_and_server),
        cmocka_unit_test(redirection_without_a_host_stays_with_who_answered),
        cmocka_unit_test(malformed_redirection_is_none),
        cmocka_unit_test(only_errors_redirect_or_ask_to_try_again),
        cmocka_unit_test(one_server_is_where_the_url_says),
        cmocka_unit_test(cluster_tells_the_owner_of_every_slot),
        cmocka_unit_test(sentinel_names_its_master),
        cmocka_unit_test(server_that_is_no_cluster_says_so),
        cmocka_unit_test(refusal_is_told_although_the_last_seed_is_down),
        cmocka_unit_test(ranges_of_several_masters_are_understood),
        cmocka_unit_test(answer_that_is_not_understood_changes_nothing),
        cmocka_unit_test(next_one_is_asked_and_asked_first_from_then_on),
        cmocka_unit_test(nobody_who_answers_is_told_with_who_was_asked),
        cmocka_unit_test(servers_of_a_cluster_are_asked_when_no_seed_answers),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
