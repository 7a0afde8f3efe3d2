/* redis.url: what it may say, and that a complaint does not show the password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/redis_url.h"

static struct redis_url parse(const char *text)
{
    struct redis_url u;

    assert_int_equal(redis_url_parse(text, &u, NULL), ERR_OK);
    return u;
}

static void tcp_has_defaults(void **state)
{
    struct redis_url u = parse("redis://10.0.0.1");

    (void)state;
    assert_string_equal(u.seeds[0].host, "10.0.0.1");
    assert_int_equal(u.seeds[0].port, 6379);
    assert_int_equal(u.db, 0);
    assert_string_equal(u.seeds[0].path, "");
    assert_string_equal(u.login.user, "");
    assert_string_equal(u.login.password, "");
}

static void tcp_takes_everything(void **state)
{
    struct redis_url u = parse("redis://app:p%40ss%2Fword@[::1]:6380/15");

    (void)state;
    assert_string_equal(u.login.user, "app");
    assert_string_equal(u.login.password, "p@ss/word");
    assert_string_equal(u.seeds[0].host, "::1");
    assert_int_equal(u.seeds[0].port, 6380);
    assert_int_equal(u.db, 15);
    u = parse("redis://:secret@[fe80::1]/");
    assert_string_equal(u.login.user, "");
    assert_string_equal(u.login.password, "secret");
    assert_string_equal(u.seeds[0].host, "fe80::1");
    assert_int_equal(u.seeds[0].port, 6379);
}

static void unix_socket_takes_parameters(void **state)
{
    struct redis_url u = parse("unix:///run/redis%20a.sock?db=3&user=app&password=p%26w");

    (void)state;
    assert_string_equal(u.seeds[0].path, "/run/redis a.sock");
    assert_int_equal(u.db, 3);
    assert_string_equal(u.login.user, "app");
    assert_string_equal(u.login.password, "p&w");
    assert_string_equal(parse("unix:///s").seeds[0].path, "/s");
}

static void sentinels_take_a_master_and_a_login_of_their_own(void **state)
{
    struct redis_url u = parse(
        "sentinel://app:pw@10.0.0.1,10.0.0.2:5000/my%20main/2?sentinel_user=s&sentinel_password=t");

    (void)state;
    assert_int_equal(u.mode, REDIS_SENTINEL);
    assert_int_equal(u.seed_count, 2);
    assert_string_equal(u.seeds[0].host, "10.0.0.1");
    assert_int_equal(u.seeds[0].port, 26379);
    assert_int_equal(u.seeds[1].port, 5000);
    assert_string_equal(u.master, "my main");
    assert_int_equal(u.db, 2);
    assert_string_equal(u.login.user, "app");
    assert_string_equal(u.login.password, "pw");
    assert_string_equal(u.sentinel_login.user, "s");
    assert_string_equal(u.sentinel_login.password, "t");
    assert_int_equal(parse("sentinel://10.0.0.1/main").db, 0);
}

static void cluster_takes_some_of_its_servers(void **state)
{
    struct redis_url u = parse("cluster://:pw@10.0.0.1,[::1]:7001");

    (void)state;
    assert_int_equal(u.mode, REDIS_CLUSTER);
    assert_int_equal(u.seed_count, 2);
    assert_int_equal(u.seeds[0].port, 6379);
    assert_string_equal(u.seeds[1].host, "::1");
    assert_int_equal(u.seeds[1].port, 7001);
    assert_string_equal(u.login.password, "pw");
}

static void servers_are_counted(void **state)
{
    char text[512] = "cluster://10.0.0.1";
    struct redis_url u;

    (void)state;
    for (int i = 1; i < REDIS_SEEDS_MAX; i++) {
        strcat(text, ",10.0.0.1");
    }
    assert_int_equal(redis_url_parse(text, &u, NULL), ERR_OK);
    assert_int_equal(u.seed_count, REDIS_SEEDS_MAX);
    strcat(text, ",10.0.0.1");
    assert_int_equal(redis_url_parse(text, &u, NULL), ERR_BAD_VALUE);
}

static void place_is_what_a_server_tells_of_another(void **state)
{
    struct redis_place a = {.port = 0};
    struct redis_place b = {.port = 0};
    char text[REDIS_PLACE_BYTES];

    (void)state;
    assert_int_equal(redis_place_set(&a, "10.0.0.1:", 8, 7000), ERR_OK);
    assert_string_equal(redis_place_describe(&a, text), "10.0.0.1:7000");
    assert_false(redis_place_equal(&a, &b));
    assert_int_equal(redis_place_set(&b, "10.0.0.1", 8, 7000), ERR_OK);
    assert_true(redis_place_equal(&a, &b));
    assert_int_equal(redis_place_set(&b, "::1", 3, 1), ERR_OK);
    assert_string_equal(redis_place_describe(&b, text), "[::1]:1");
    assert_int_equal(redis_place_set(&b, "localhost", 9, 1), ERR_BAD_VALUE);
    assert_int_equal(redis_place_set(&b, "10.0.0.1", 8, 0), ERR_BAD_VALUE);
    assert_int_equal(redis_place_set(&b, "10.0.0.1", 8, 65536), ERR_BAD_VALUE);
}

static void what_is_not_a_url_is_refused_without_its_password(void **state)
{
    static const char *const bad[] = {"", "10.0.0.1", "http://10.0.0.1", "redis://",
        "redis://localhost", "redis://10.0.0.1:0", "redis://10.0.0.1:65536", "redis://10.0.0.1:x",
        "redis://[::1", "redis://::1", "redis://10.0.0.1/x", "redis://10.0.0.1/10000",
        "redis://10.0.0.1/0/1", "redis://hunter2@10.0.0.1", "redis://app:@10.0.0.1",
        "redis://app:hunter2%zz@10.0.0.1", "redis://app:hunter2@nowhere",
        "redis://app:hunter2%00@10.0.0.1", "redis://[]", "redis://[]:1", "unix://relative",
        "unix://", "unix:///s?", "unix:///s?db", "unix:///s?db=-1",
        "unix:///s?password=hunter2&port=1", "unix:///s?user=app", "unix:///s?db=1&",
        "redis://10.0.0.1,10.0.0.2", "sentinel://10.0.0.1", "sentinel://10.0.0.1/",
        "sentinel:///main", "sentinel://10.0.0.1,/main", "sentinel://10.0.0.1/main/x",
        "sentinel://10.0.0.1/main?sentinel_user=a", "sentinel://10.0.0.1/main?password=hunter2",
        "sentinel://app:hunter2@nowhere/main", "cluster://", "cluster://10.0.0.1/0",
        "cluster://10.0.0.1,", "cluster://app:hunter2@10.0.0.1,nowhere"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct problem p = {0};
        struct redis_url u;

        assert_int_equal(redis_url_parse(bad[i], &u, &p), ERR_BAD_VALUE);
        assert_string_equal(p.field, "redis.url");
        assert_null(strstr(p.msg, "hunter2"));
        assert_non_null(strstr(p.msg, "redis.url: "));
    }
}

static void too_long_parts_are_refused(void **state)
{
    char text[1024] = "unix:///";
    struct redis_url u;

    (void)state;
    memset(text + 8, 'x', 107);
    assert_int_equal(redis_url_parse(text, &u, NULL), ERR_BAD_VALUE); /* 108 bytes and the NUL */
    text[8 + 106] = '\0';
    assert_int_equal(redis_url_parse(text, &u, NULL), ERR_OK);
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "redis://:", 9);
    memcpy(text + 300, "@1.1.1.1", 9);
    assert_int_equal(redis_url_parse(text, &u, NULL), ERR_BAD_VALUE);
    memset(text, '1', sizeof(text) - 1);
    memcpy(text, "redis://", 8);
    assert_int_equal(redis_url_parse(text, &u, NULL), ERR_BAD_VALUE);
}

static void description_has_no_password(void **state)
{
    static const char *const urls[][2] = {
        {"redis://app:hunter2@10.0.0.1:6380/2", "redis://10.0.0.1:6380/2"},
        {"redis://[::1]", "redis://[::1]:6379/0"},
        {"unix:///run/redis.sock?db=1&password=hunter2", "unix:///run/redis.sock?db=1"},
        {"sentinel://app:hunter2@10.0.0.1,[::1]:5000/main/3?sentinel_password=hunter2",
            "sentinel://10.0.0.1:26379,[::1]:5000/main/3"},
        {"cluster://:hunter2@10.0.0.1,10.0.0.2:7000", "cluster://10.0.0.1:6379,10.0.0.2:7000"},
    };
    char text[160];

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct redis_url u = parse(urls[i][0]);

        redis_url_describe(&u, text, sizeof(text));
        assert_string_equal(text, urls[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_has_defaults),
        cmocka_unit_test(tcp_takes_everything),
        cmocka_unit_test(unix_socket_takes_parameters),
        cmocka_unit_test(sentinels_take_a_master_and_a_login_of_their_own),
        cmocka_unit_test(cluster_takes_some_of_its_servers),
        cmocka_unit_test(servers_are_counted),
        cmocka_unit_test(place_is_what_a_server_tells_of_another),
        cmocka_unit_test(what_is_not_a_url_is_refused_without_its_password),
        cmocka_unit_test(too_long_parts_are_refused),
        cmocka_unit_test(description_has_no_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
