/*
 * The configuration: a file and an environment in, struct config or one good sentence out.
 * deploy/socketsend.conf and docs/configuration.md are compared with the table, so this runs from
 * the root of the source.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/limits.h"
#include "shared/option.h"
#include "shared/option_table.h"
#include "shared/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NEEDED "[cluster]\nsecret = 0123456789abcdef\n[node]\nauth = none\n"
#define NEEDED_CONSUME "[consume]\nurl = amqp://h\nqueue = q\n"
#define NEEDED_SEND NEEDED "[send]\napi_keys = a:0123456789abcdef\n"

static char path[] = "/tmp/test_option.XXXXXX";

static void write_file(const char *text, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static enum err load(const char *text, enum program program, struct config *c, struct problem *p)
{
    *p = (struct problem){0};
    write_file(text, strlen(text));
    return config_load(c, path, program, p);
}

static struct config load_good(const char *text)
{
    struct config c;
    struct problem p;
    enum err err = load(text, PROGRAM_NODE, &c, &p);

    assert_string_equal(p.msg, "");
    assert_int_equal(err, ERR_OK);
    return c;
}

/* expected: the message behind "<path>:", or the whole of it where it does not start with a digit
 * or a space. */
static void assert_refused(const char *text, enum program program, const char *expected)
{
    struct config c;
    struct problem p;
    char whole[300];

    assert_int_equal(load(text, program, &c, &p), ERR_BAD_VALUE);
    bool has_path = strchr("0123456789 ", expected[0]) != NULL;
    snprintf(whole, sizeof(whole), "%s%s%s", has_path ? path : "", has_path ? ":" : "", expected);
    assert_string_equal(p.msg, whole);
    assert_int_equal(p.err, ERR_BAD_VALUE);
}

/* All of a file, to be freed. */
static char *read_whole(const char *name)
{
    FILE *file = fopen(name, "r");
    char *text = NULL;
    size_t bytes = 0;

    assert_non_null(file);
    assert_true(getdelim(&text, &bytes, '\0', file) > 0);
    fclose(file);
    return text;
}

static void config_has_the_defaults(void **state)
{
    struct config c = load_good(NEEDED);

    (void)state;
    assert_string_equal(c.redis_url, "redis://127.0.0.1:6379/0");
    assert_string_equal(c.node_name, "");
    assert_int_equal(c.redis_connect_timeout_ms, 500);
    assert_int_equal(c.inbox_ttl_ms, 604800000);
    assert_int_equal(c.node_message_max_bytes, 65536);
    assert_int_equal(c.node_max_sessions, 50000);
    assert_int_equal(c.node_on_duplicate, ON_DUPLICATE_ALLOW);
    assert_true(c.node_echo);
    assert_false(c.send_allow_anonymous);
    config_finish(&c);
}

static void config_reads_every_type_from_the_file(void **state)
{
    struct config c = load_good("# comment\n; comment\n\n" NEEDED "name = web 1\n"
                                "on_duplicate = replace ; a comment\n"
                                "echo=off\n"
                                "ping_interval: 250s\n"
                                "queue_max =  2m \n"
                                "workers\t=\t4\r\n"
                                "unread_text = %d; new\n"
                                "duplicate_text =\n"
                                "[log]\nlevel = debug");

    (void)state;
    assert_string_equal(c.cluster_secret, "0123456789abcdef");
    assert_string_equal(c.node_name, "web 1");
    assert_int_equal(c.node_on_duplicate, ON_DUPLICATE_REPLACE);
    assert_false(c.node_echo);
    assert_int_equal(c.node_ping_interval_ms, 250000);
    assert_int_equal(c.node_queue_max_bytes, 2 << 20);
    assert_int_equal(c.node_workers, 4);
    assert_string_equal(c.node_unread_text, "%d; new");
    assert_string_equal(c.node_duplicate_text, "");
    assert_int_equal(c.log_level, 3);
    config_finish(&c);
}

static void config_takes_the_environment_over_the_file(void **state)
{
    (void)state;
    setenv("SOCKETSEND_NODE_WORKERS", "7", 1);
    setenv("SOCKETSEND_REDIS_PREFIX", "x_", 1);
    struct config c = load_good(NEEDED "workers = 3\n");
    unsetenv("SOCKETSEND_NODE_WORKERS");
    unsetenv("SOCKETSEND_REDIS_PREFIX");
    assert_int_equal(c.node_workers, 7);
    assert_string_equal(c.redis_prefix, "x_");
    config_finish(&c);
}

static void config_finds_the_file_in_the_environment(void **state)
{
    struct config c;
    struct problem p;

    (void)state;
    write_file(NEEDED "workers = 5\n", strlen(NEEDED "workers = 5\n"));
    setenv("SOCKETSEND_CONFIG", path, 1);
    assert_int_equal(config_load(&c, NULL, PROGRAM_NODE, &p), ERR_OK);
    assert_int_equal(c.node_workers, 5);
    config_finish(&c);
    setenv("SOCKETSEND_CONFIG", "/nonexistent", 1);
    assert_int_equal(config_load(&c, NULL, PROGRAM_NODE, &p), ERR_BAD_VALUE);
    assert_string_equal(p.msg, "/nonexistent: No such file or directory");
    unsetenv("SOCKETSEND_CONFIG");
    assert_int_equal(config_load(&c, "/", PROGRAM_NODE, &p), ERR_BAD_VALUE);
    assert_string_equal(p.msg, "/: Is a directory");
}

static void config_says_what_is_wrong_and_where(void **state)
{
    static const struct {
        const char *text, *msg;
    } cases[] = {
        {NEEDED "workers = many\n",
            "5: node.workers: \"many\" is not a whole number from 0 to 256"},
        {NEEDED "workers = 257\n", "5: node.workers: \"257\" is not a whole number from 0 to 256"},
        {NEEDED "workers =\n", "5: node.workers: \"\" is not a whole number from 0 to 256"},
        {NEEDED "\n# a\nping_interval = 5\n",
            "7: node.ping_interval: \"5\" is not a duration from 1s to 1h"},
        {NEEDED "ping_interval = 999ms\n",
            "5: node.ping_interval: \"999ms\" is not a duration from 1s to 1h"},
        {NEEDED "queue_max = 2g\n", "5: node.queue_max: \"2g\" is not a size from 1k to 1g"},
        {NEEDED "echo = maybe\n", "5: node.echo: \"maybe\" is not yes or no"},
        {NEEDED "on_duplicate = allo\n",
            "5: node.on_duplicate: \"allo\" is not one of: allow notify replace reject"},
        {NEEDED "on_duplicate = allow notify\n",
            "5: node.on_duplicate: \"allow notify\" is not one of: allow notify replace reject"},
        {NEEDED "name = a\x01\n", "5: node.name: \"a\x01\" is not a line of text"},
        {NEEDED "wrokers = 1\n", "5: node.wrokers: no such key; --help lists all"},
        {NEEDED "level = info\n", "5: node.level: no such key; --help lists all"},
        {NEEDED "[nodes]\nworkers = 1\n", "6: [nodes]: no such section; --help lists all"},
        {"workers = 1\n" NEEDED, "1: workers stands before the first [section]"},
        {NEEDED "workers = 1\nworkers = 1\n", "6: node.workers is set twice, first in line 5"},
        {NEEDED "workers\n", "5: neither [section] nor key = value"},
        {NEEDED "[log\nlevel = no\n", "5: neither [section] nor key = value"},
        {NEEDED "workers\necho = maybe\n", "5: neither [section] nor key = value"},
        {NEEDED "echo = maybe\nworkers\n", "5: node.echo: \"maybe\" is not yes or no"},
        {NEEDED "  workers = 1\n",
            "5: an indented line goes on with node.auth; start every key in the first column"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_refused(cases[i].text, PROGRAM_NODE, cases[i].msg);
    }
}

static void config_says_which_variable_is_wrong(void **state)
{
    (void)state;
    setenv("SOCKETSEND_NODE_WORKERS", "many", 1);
    assert_refused(NEEDED, PROGRAM_NODE,
        "SOCKETSEND_NODE_WORKERS: \"many\" is not a whole number from 0 to 256");
    unsetenv("SOCKETSEND_NODE_WORKERS");
    setenv("SOCKETSEND_NODE_WROKERS", "1", 1);
    assert_refused(
        NEEDED, PROGRAM_NODE, "SOCKETSEND_NODE_WROKERS: no such variable; --help lists all");
    unsetenv("SOCKETSEND_NODE_WROKERS");
    setenv("SOCKETSEND_NODE_UNREAD_TEXT", "%d ;x", 1); /* the file could not hold it */
    assert_refused(
        NEEDED, PROGRAM_NODE, "SOCKETSEND_NODE_UNREAD_TEXT: \"%d ;x\" is not a line of text");
    unsetenv("SOCKETSEND_NODE_UNREAD_TEXT");
    setenv("SOCKETSEND_CLUSTER_SECRET", "short", 1);
    assert_refused(
        NEEDED, PROGRAM_NODE, "SOCKETSEND_CLUSTER_SECRET: must have at least 16 characters");
    unsetenv("SOCKETSEND_CLUSTER_SECRET");
}

static void config_requires_only_what_the_program_reads(void **state)
{
    struct config c;
    struct problem p;

    (void)state;
    assert_refused("[token]\nkeys = k1:0123456789abcdef0123456789abcdef\n", PROGRAM_NODE,
        "cluster.secret: must be set, in the file or as SOCKETSEND_CLUSTER_SECRET");
    assert_refused("[cluster]\nsecret = 0123456789abcdef\n", PROGRAM_NODE,
        "token.keys: must have a key, as node.auth is token; to let anyone connect as any user, "
        "write node.auth = none");
    assert_int_equal(load("[cluster]\nsecret = 0123456789abcdef\n"
                          "[send]\napi_keys = a:0123456789abcdef\n",
                         PROGRAM_SEND, &c, &p),
        ERR_OK);
    config_finish(&c);
    assert_int_equal(load(NEEDED, PROGRAM_NODE, &c, &p), ERR_OK);
    config_finish(&c);
    assert_refused("[consume]\nqueue = q\n", PROGRAM_CONSUME,
        "consume.url: must be set, in the file or as SOCKETSEND_CONSUME_URL");
    assert_int_equal(load(NEEDED_CONSUME, PROGRAM_CONSUME, &c, &p), ERR_OK);
    config_finish(&c);
}

#define WILDCARD                                                                                   \
    "node.internal_listen: must not be a wildcard, unless node.internal_advertise says which ip "  \
    "senders use"
#define SEND_LISTEN "send.listen: must be empty, ip:port or unix:/path, the path of 1 to 107 bytes"
#define TLS_NAME                                                                                   \
    "send.tls_name: must be empty or a host name; an ip needs no name, it is what is looked for "  \
    "without one"

#define CONSUME_URL                                                                                \
    "consume.url: must be amqp://[user:password@]host[:port][/vhost], or as redis.url"

#define ORIGINS                                                                                    \
    "node.origins: must have entries such as https://app.example.com, https://*.example.com, "     \
    "same-host, null or *, separated by spaces"

static void config_refuses_options_that_do_not_go_together(void **state)
{
    static const struct {
        enum program program;
        const char *text, *msg;
    } cases[] = {
        {PROGRAM_NODE, "[cluster]\nsecret = 0123456789abcde\n[node]\nauth = none\n",
            "2: cluster.secret: must have at least 16 characters"},
        {PROGRAM_NODE,
            "[cluster]\nsecret = 0123456789abcdef\n[token]\nkeys = k1:file:/nonexistent\n",
            "4: token.keys: key \"k1\": /nonexistent: No such file or directory"},
        {PROGRAM_NODE,
            "[cluster]\nsecret = 0123456789abcdef\n[token]\nkeys = k1:0123456789abcdef\n",
            "4: token.keys: key \"k1\": the secret has fewer than 32 bytes"},
        {PROGRAM_NODE, NEEDED "[redis]\nurl = http://127.0.0.1\n",
            "6: redis.url: must be redis://[user:password@]ip[:port][/db], "
            "unix:///path/to.sock[?db=n&password=…], "
            "sentinel://[user:password@]ip[:port],…/master[/db] or "
            "cluster://[user:password@]ip[:port],…"},
        {PROGRAM_NODE, NEEDED "[redis]\nretry_min = 3s\n",
            "6: redis.retry_min: must be at most redis.retry_max"},
        {PROGRAM_NODE, NEEDED "[registry]\nnode_lease = 1s\n[redis]\ncommand_timeout = 1001ms\n",
            "6: registry.node_lease: must be at least redis.command_timeout, or one slow answer "
            "makes a node count as dead"},
        {PROGRAM_NODE, NEEDED "public_listen = 9001\n",
            "5: node.public_listen: must be ip:port, such as 127.0.0.1:9001 or [::1]:9001"},
        {PROGRAM_NODE, NEEDED "internal_listen = localhost:9001\n",
            "5: node.internal_listen: must be ip:port, such as 127.0.0.1:9001 or [::1]:9001"},
        {PROGRAM_NODE, NEEDED "internal_advertise = 10.0.0.1:80\n",
            "5: node.internal_advertise: must be empty or a numeric ip, and no wildcard"},
        {PROGRAM_NODE, NEEDED "internal_listen = 0.0.0.0:31882\ninternal_advertise = 0.0.0.0\n",
            "6: node.internal_advertise: must be empty or a numeric ip, and no wildcard"},
        {PROGRAM_NODE, NEEDED "internal_listen = 0.0.0.0:31882\n", "5: " WILDCARD},
        {PROGRAM_NODE, NEEDED "internal_listen = [::]:31882\n", "5: " WILDCARD},
        {PROGRAM_NODE, NEEDED "internal_listen = [0:0::0]:31882\n", "5: " WILDCARD},
        {PROGRAM_NODE, NEEDED "internal_listen = 127.0.0.1:65533\nworkers = 4\n",
            "5: node.internal_listen: must leave a port to every worker: port + workers - 1 is at "
            "most 65535"},
        {PROGRAM_NODE, NEEDED "[redis]\nprefix = a{b}\n",
            "6: redis.prefix: must have no { and no }"},
        {PROGRAM_SEND, NEEDED_SEND "[redis]\nprefix = }\n",
            "8: redis.prefix: must have no { and no }"},
        {PROGRAM_NODE, NEEDED "[presence]\ntopics = chat/{1}\n",
            "6: presence.topics: must be patterns of topics, separated by spaces, such as chat/*"},
        {PROGRAM_NODE, NEEDED "[presence]\npages = pc:*\n",
            "6: presence.pages: must be patterns of serverClient/page, separated by spaces, such "
            "as "
            "pc/*"},
        {PROGRAM_NODE, NEEDED "origins = https://a.org app.example.com\n", "5: " ORIGINS},
        {PROGRAM_NODE, NEEDED "origins =\n", "5: " ORIGINS},
        {PROGRAM_NODE, NEEDED "trusted_proxies = 10.0.0.1/8\n",
            "5: node.trusted_proxies: must have networks such as 10.0.0.0/8 or 2001:db8::/32, "
            "separated by spaces"},
        {PROGRAM_NODE, NEEDED "url_max = 8193\n", "5: node.url_max: must be at most node.head_max"},
        {PROGRAM_NODE, NEEDED "[hook]\nurl = ftp://a.org\n",
            "6: hook.url: must be http://… or https://…, without user and password; it is needed "
            "with node.auth = hook"},
        {PROGRAM_NODE, NEEDED "[hook]\nurl = https://user:password@a.org/x\n",
            "6: hook.url: must be http://… or https://…, without user and password; it is needed "
            "with node.auth = hook"},
        {PROGRAM_NODE, NEEDED "[hook]\nheaders = Cookie content-length\n",
            "6: hook.headers: must not have Host, Connection, Upgrade, Content-…, "
            "Transfer-Encoding, TE, Trailer, Expect or X-Socketsend-Secret"},
        {PROGRAM_NODE, NEEDED "byte_rate = 65535\n",
            "5: node.byte_rate: must be 0 or at least node.message_max, or the largest messages "
            "never pass"},
        {PROGRAM_NODE, NEEDED "unread_text = none\n",
            "5: node.unread_text: must have one %d and no other %"},
        {PROGRAM_NODE, NEEDED "unread_text = %d of %d\n",
            "5: node.unread_text: must have one %d and no other %"},
        {PROGRAM_NODE, NEEDED "unread_text = %s %d\n",
            "5: node.unread_text: must have one %d and no other %"},
        {PROGRAM_NODE, NEEDED "unread_text = 5%\n",
            "5: node.unread_text: must have one %d and no other %"},
        {PROGRAM_SEND, NEEDED "[send]\nthreads = 16\n",
            "send.max_waits: must be less than send.threads"},
        {PROGRAM_SEND, NEEDED "[send]\nlisten = unix:\n", "6: " SEND_LISTEN},
        {PROGRAM_SEND, NEEDED "[send]\nlisten = /run/send.sock\n", "6: " SEND_LISTEN},
        {PROGRAM_SEND, NEEDED "[send]\nmessage_max = 4033k\n",
            "6: send.message_max: must be at most node.forward_max less 64k, or nodes refuse the "
            "largest messages"},
        {PROGRAM_NODE, NEEDED "internal_tls_cert = /a\n",
            "node.internal_tls_key: must be set together with node.internal_tls_cert"},
        {PROGRAM_NODE, NEEDED "internal_tls_key = /a\n",
            "5: node.internal_tls_key: must be set together with node.internal_tls_cert"},
        {PROGRAM_NODE, NEEDED "internal_tls_client_ca = /a\n",
            "5: node.internal_tls_client_ca: must be empty, unless node.internal_tls_cert is set"},
        {PROGRAM_NODE, NEEDED "internal_tls_cert = /a/none\ninternal_tls_key = /a/none\n",
            "5: node.internal_tls_cert: /a/none: No such file or directory"},
        {PROGRAM_SEND, NEEDED "[send]\ntls_ca = /a\ntls_cert = /a\n",
            "send.tls_key: must be set together with send.tls_cert"},
        {PROGRAM_SEND, NEEDED "[send]\ntls_cert = /a\ntls_key = /a\n",
            "6: send.tls_cert: must be empty, unless send.tls_ca is set"},
        {PROGRAM_SEND, NEEDED "[send]\ntls_ca = /a\ntls_name = 10.0.0.5\n", "7: " TLS_NAME},
        {PROGRAM_SEND, NEEDED "[send]\ntls_ca = /a\ntls_name = a/b\n", "7: " TLS_NAME},
        {PROGRAM_SEND, NEEDED "[send]\ntls_name = node\n",
            "6: send.tls_name: must be empty, unless send.tls_ca is set"},
        {PROGRAM_NODE, NEEDED "[upstream]\nto = hook\n",
            "upstream.hook_url: must be http://… or https://…, without user and password; it is "
            "needed with upstream.to "
            "or events.to = hook"},
        {PROGRAM_NODE, NEEDED "[events]\nto = hook\n",
            "upstream.hook_url: must be http://… or https://…, without user and password; it is "
            "needed with upstream.to "
            "or events.to = hook"},
        {PROGRAM_NODE, NEEDED "[upstream]\nhook_url = ftp://backend/\n",
            "6: upstream.hook_url: must be http://… or https://…, without user and password; it is "
            "needed with upstream.to "
            "or events.to = hook"},
        {PROGRAM_NODE, NEEDED "[hook]\nsecret = two words\n",
            "6: hook.secret: must be empty or at most 512 visible ASCII characters"},
        {PROGRAM_NODE, NEEDED "[upstream]\nhook_secret = two words\n",
            "6: upstream.hook_secret: must be empty or at most 512 visible ASCII characters"},
        {PROGRAM_SEND, NEEDED "[send]\ntls_only = yes\n",
            "6: send.tls_only: must be no, unless send.tls_ca is set"},
        {PROGRAM_CONSUME, "[consume]\nurl = http://127.0.0.1\nqueue = q\n", "2: " CONSUME_URL},
        {PROGRAM_CONSUME, "[consume]\nurl = redis://localhost\nqueue = q\n", "2: " CONSUME_URL},
        {PROGRAM_CONSUME, "[consume]\nurl = amqp://h\nqueue =\n",
            "3: consume.queue: must have 1 to 255 bytes"},
        {PROGRAM_CONSUME, NEEDED_CONSUME "group =\n", "4: consume.group: must not be empty"},
        {PROGRAM_CONSUME, NEEDED_CONSUME "dead_letters = q\n",
            "4: consume.dead_letters: must not be consume.queue, and have at most 255 bytes"},
        {PROGRAM_CONSUME, NEEDED_CONSUME "send_url = ftp://h/\n",
            "4: consume.send_url: must start with http:// or https://"},
        {PROGRAM_CONSUME, NEEDED_CONSUME "claim_idle = 30s\n",
            "4: consume.claim_idle: must be more than consume.timeout"},
        {PROGRAM_CONSUME, NEEDED_CONSUME "[redis]\nretry_min = 3s\n",
            "5: redis.retry_min: must be at most redis.retry_max"},
        {PROGRAM_SEND, NEEDED_SEND "tls_ca = /a/none\n",
            "7: send.tls_ca: /a/none: No such file or directory"},
    };
    struct config c;
    struct problem p;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_refused(cases[i].text, cases[i].program, cases[i].msg);
    }
    assert_int_equal(load(NEEDED "[send]\nthreads = 1\n", PROGRAM_NODE, &c, &p), ERR_OK);
    config_finish(&c);
}

static void config_takes_what_just_goes_together(void **state)
{
    struct config c = load_good(
        NEEDED "internal_listen = 0.0.0.0:65532\nworkers = 4\ninternal_advertise = ::1\n");
    struct problem p;

    (void)state;
    config_finish(&c);
    assert_int_equal(load(NEEDED_SEND "message_max = 4032k\n", PROGRAM_SEND, &c, &p), ERR_OK);
    config_finish(&c);
    assert_int_equal(load(NEEDED "[send]\nallow_anonymous = yes\n", PROGRAM_SEND, &c, &p), ERR_OK);
    config_finish(&c);
}

static void forward_may_ask_for_every_wait_that_is_configurable(void **state)
{
    int64_t longest_ms = 0;

    (void)state;
    assert_int_equal(
        parse_duration_ms(slice_of(options[OPTION_send_timeout_max].max), &longest_ms), ERR_OK);
    assert_int_equal(longest_ms, ENVELOPE_WAIT_MS_MAX);
}

static void config_bounds_what_has_a_fixed_place(void **state)
{
    static const struct {
        enum program program;
        const char *variable, *start, *refusal;
        size_t fits_bytes;
    } cases[] = {
        {PROGRAM_SEND, "SOCKETSEND_SEND_LISTEN", "unix:/",
            "SOCKETSEND_SEND_LISTEN: must be empty, ip:port or unix:/path, the path of 1 to 107 "
            "bytes",
            sizeof("unix:") - 1 + 107},
        {PROGRAM_NODE, "SOCKETSEND_NODE_NAME", "",
            "SOCKETSEND_NODE_NAME: must have at most 122 bytes", 122},
    };
    struct config c;
    struct problem p;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char value[256];
        int start = (int)strlen(cases[i].start);

        snprintf(
            value, sizeof(value), "%s%0*d", cases[i].start, (int)cases[i].fits_bytes - start, 0);
        setenv(cases[i].variable, value, 1);
        assert_int_equal(load(NEEDED_SEND, cases[i].program, &c, &p), ERR_OK);
        config_finish(&c);
        snprintf(value, sizeof(value), "%s%0*d", cases[i].start,
            (int)cases[i].fits_bytes - start + 1, 0);
        setenv(cases[i].variable, value, 1);
        assert_refused(NEEDED_SEND, cases[i].program, cases[i].refusal);
        unsetenv(cases[i].variable);
    }
}

static void config_says_where_the_api_keys_are_bad(void **state)
{
    (void)state;
    assert_refused(NEEDED "[send]\napi_keys = a:short\n", PROGRAM_SEND,
        "6: send.api_keys: key \"a\": the secret has fewer than 16 characters");
    assert_refused(NEEDED_SEND "    b:0123456789abcdef:all\n", PROGRAM_SEND,
        "6: send.api_keys: key \"b\": a scope is not send, presence or admin");
    assert_refused(NEEDED_SEND "    a:0123456789abcdef\n", PROGRAM_SEND,
        "6: send.api_keys: key \"a\": the name stands twice");
    assert_refused(NEEDED, PROGRAM_SEND,
        "send.api_keys: must have a key; to serve callers without one, write send.allow_anonymous "
        "= yes");
    assert_refused(NEEDED "[send]\nallow_anonymous = yes\napi_keys = a:short\n", PROGRAM_SEND,
        "7: send.api_keys: key \"a\": the secret has fewer than 16 characters");
}

static void config_never_repeats_a_secret(void **state)
{
    struct config c;
    struct problem p;
    char printed[8192] = "";

    (void)state;
    assert_int_equal(load(NEEDED "[redis]\nurl = redis://:hunter2@nowhere\n", PROGRAM_NODE, &c, &p),
        ERR_BAD_VALUE);
    assert_null(strstr(p.msg, "hunter2"));
    assert_int_equal(
        load(NEEDED "[redis]\nurl = redis://:hunter2\x01@10.0.0.1\n", PROGRAM_NODE, &c, &p),
        ERR_BAD_VALUE);
    assert_null(strstr(p.msg, "hunter2"));
    c = load_good(NEEDED "[redis]\nurl = redis://:hunter2@10.0.0.1\n");
    FILE *out = fmemopen(printed, sizeof(printed), "w");
    config_print(&c, PROGRAM_NODE, out);
    fclose(out);
    config_finish(&c);
    assert_non_null(strstr(printed, "# url is set, and secret\n"));
    assert_non_null(strstr(printed, "# secret is set, and secret\n"));
    assert_null(strstr(printed, "hunter2"));
    assert_null(strstr(printed, "0123456789abcdef"));
}

static void secret_may_stand_in_a_file_of_its_own(void **state)
{
    static char secret_path[] = "/tmp/test_option.secret.XXXXXX";
    char text[256];
    struct config c;
    struct problem p;
    int fd = mkstemp(secret_path);

    (void)state;
    assert_int_equal(write(fd, "of-a-file-0123456789\n", 21), 21);
    snprintf(text, sizeof(text), "[cluster]\nsecret = file:%s\n[node]\nauth = none\n", secret_path);
    assert_int_equal(load(text, PROGRAM_NODE, &c, &p), ERR_OK);
    assert_string_equal(c.cluster_secret, "of-a-file-0123456789");
    config_finish(&c);

    assert_int_equal(write(fd, "second line\n", 12), 12);
    assert_refused(text, PROGRAM_NODE, "2: cluster.secret: is not a line of text");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_refused(text, PROGRAM_NODE, "2: cluster.secret: must have at least 16 characters");
    close(fd);
    unlink(secret_path);
    assert_int_equal(load(text, PROGRAM_NODE, &c, &p), ERR_BAD_VALUE);
    assert_non_null(strstr(p.msg, "No such file or directory"));
}

static void keys_of_the_file_are_blamed_by_its_line(void **state)
{
    static char keys_path[] = "/tmp/test_option.keys.XXXXXX";
    static const char keys[] = "# the shop\n\n shop:0123456789abcdef:send \nops:short\n";
    char text[256];
    int fd = mkstemp(keys_path);

    (void)state;
    assert_int_equal(write(fd, keys, strlen(keys)), strlen(keys));
    snprintf(text, sizeof(text), "%s[send]\napi_keys_file = %s\n", NEEDED, keys_path);
    assert_refused(text, PROGRAM_SEND,
        "6: send.api_keys_file: line 4: key \"ops\": the secret has fewer than 16 characters");
    close(fd);
    unlink(keys_path);
}

static void users_must_be_there(void **state)
{
    (void)state;
    assert_refused(NEEDED "user = no-such-user\n", PROGRAM_NODE,
        "5: node.user: must be user or user:group, both of this host");
    assert_refused(NEEDED "user = daemon:no-such-group\n", PROGRAM_NODE,
        "5: node.user: must be user or user:group, both of this host");
    assert_refused(NEEDED_SEND "user = :daemon\n", PROGRAM_SEND,
        "7: send.user: must be user or user:group, both of this host");
    assert_refused(NEEDED_SEND "listen_mode = 888\n", PROGRAM_SEND,
        "7: send.listen_mode: must be an octal number up to 0777");
    struct config c = load_good(NEEDED "user = daemon:games\n");
    config_finish(&c);
}

static void config_lets_api_keys_go_on_in_indented_lines(void **state)
{
    struct config c = load_good(NEEDED "[send]\napi_keys = a:0123456789abcdef\n"
                                       "    b:0123456789abcdef:send\n"
                                       "\t# a comment between\n"
                                       "\tc:0123456789abcdef ; and one behind\n"
                                       "threads = 40\n");

    (void)state;
    assert_string_equal(
        c.send_api_keys, "a:0123456789abcdef b:0123456789abcdef:send c:0123456789abcdef");
    assert_int_equal(c.send_threads, 40);
    config_finish(&c);
}

static void config_takes_no_line_apart_silently(void **state)
{
    char text[1024];
    struct config c;
    struct problem p;

    (void)state;
    /* As a comment it may be as long as it likes. */
    snprintf(text, sizeof(text), NEEDED "# %0300d\nduplicate_text = %0150d\n", 0, 7);
    c = load_good(text);
    assert_int_equal(strlen(c.node_duplicate_text), 150);
    config_finish(&c);
    snprintf(text, sizeof(text), NEEDED "name = %0200d\n", 7);
    assert_refused(text, PROGRAM_NODE,
        "5: the line is longer than 199 bytes; lists of keys may go on in indented lines");
    write_file(NEEDED "name = a\0b\n", sizeof(NEEDED "name = a\0b\n") - 1);
    assert_int_equal(config_load(&c, path, PROGRAM_NODE, &p), ERR_BAD_VALUE);
    assert_non_null(strstr(p.msg, ":5: a NUL byte"));
}

static void config_print_is_a_file_that_says_the_same(void **state)
{
    char first[8192] = "";
    char second[8192] = "";
    struct config c = load_good(NEEDED "ping_interval = 90s\nqueue_max = 1536k\necho = no\n"
                                       "on_duplicate = reject\nregistry_wait = 0\n"
                                       "message_max = 1000\npong_timeout = 1500ms\n"
                                       "origins = https://a.org\n    https://b.org ; and\n"
                                       "    same-host\n");

    (void)state;
    FILE *out = fmemopen(first, sizeof(first), "w");
    config_print(&c, PROGRAM_NODE, out);
    fclose(out);
    config_finish(&c);
    assert_non_null(strstr(first, "\nping_interval = 90s\n"));
    assert_non_null(strstr(first, "\nqueue_max = 1536k\n"));
    assert_non_null(strstr(first, "\nregistry_wait = 0ms\n"));
    assert_non_null(strstr(first, "\norigins = https://a.org\n    https://b.org\n    same-host\n"));
    assert_null(strstr(first, "[send]"));

    setenv("SOCKETSEND_CLUSTER_SECRET", "0123456789abcdef", 1);
    c = load_good(first);
    unsetenv("SOCKETSEND_CLUSTER_SECRET");
    out = fmemopen(second, sizeof(second), "w");
    config_print(&c, PROGRAM_NODE, out);
    fclose(out);
    config_finish(&c);
    assert_string_equal(first, second);
}

/* What deploy/socketsend.conf must say of one option; returns where it goes on. */
static const char *expect_option(const char *at, const struct option *o)
{
    char expected[256];
    struct buf said;

    buf_init(&said, 1024);
    while (strncmp(at, "# ", 2) == 0) {
        size_t len = strcspn(at + 2, "\n");
        buf_addf(&said, "%s%.*s", said.len > 0 ? " " : "", (int)len, at + 2);
        at += 2 + len + 1;
    }
    assert_memory_equal(buf_str(&said), o->meaning, strlen(o->meaning));
    buf_finish(&said);
    bool has_value = o->default_value && *o->default_value;
    snprintf(expected, sizeof(expected), "#%s =%s%s\n", o->key, has_value ? " " : "",
        has_value ? o->default_value : "");
    assert_true(strlen(at) >= strlen(expected));
    assert_memory_equal(at, expected, strlen(expected));
    return at + strlen(expected);
}

static void example_file_is_the_table(void **state)
{
    char *text = read_whole("deploy/socketsend.conf");
    const char *at = strstr(text, "\n\n[");

    (void)state;
    assert_non_null(at);
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (i == 0 || strcmp(options[i].section, options[i - 1].section) != 0) {
            char section[64];
            snprintf(
                section, sizeof(section), "%s[%s]\n", i == 0 ? "\n\n" : "\n", options[i].section);
            assert_memory_equal(at, section, strlen(section));
            at += strlen(section);
        }
        assert_int_equal(*at, '\n');
        at = expect_option(at + 1, &options[i]);
    }
    assert_string_equal(at, "");
    free(text);
}

static void example_file_is_good_once_it_is_filled_in(void **state)
{
    char *text = read_whole("deploy/socketsend.conf");
    char *defaults = NULL;
    size_t bytes;
    FILE *out = open_memstream(&defaults, &bytes);
    struct config c;
    struct problem p;

    (void)state;
    /* Every line "#key = value" without its '#'. */
    for (const char *at = text; *at; at++) {
        bool starts_line = at == text || at[-1] == '\n';
        if (!(starts_line && *at == '#' && at[1] != ' ')) {
            fputc(*at, out);
        }
    }
    fclose(out);
    char *secret = strstr(defaults, "secret =\n");
    assert_non_null(secret);
    memset(secret, '#', 1);
    setenv("SOCKETSEND_CLUSTER_SECRET", "0123456789abcdef", 1);
    setenv("SOCKETSEND_NODE_AUTH", "none", 1);
    assert_int_equal(load(defaults, PROGRAM_NODE, &c, &p), ERR_OK);
    config_finish(&c);
    unsetenv("SOCKETSEND_CLUSTER_SECRET");
    unsetenv("SOCKETSEND_NODE_AUTH");
    free(defaults);
    free(text);
}

static void docs_are_what_the_table_prints(void **state)
{
    char *docs = read_whole("docs/configuration.md");
    char *printed = NULL;
    size_t bytes;
    FILE *out = open_memstream(&printed, &bytes);

    (void)state;
    config_print_docs(out);
    fclose(out);
    assert_true(bytes > 1000);
    assert_non_null(strstr(docs, printed));
    free(printed);
    free(docs);
}

static int run(enum program program, int *exit_status, char *argument, char *value)
{
    char name[] = "program";
    char *argv[] = {name, argument, value, NULL};
    struct config c;
    enum err err =
        config_command_line(&c, argument ? value ? 3 : 2 : 1, argv, program, exit_status);

    if (err == ERR_OK && *exit_status < 0) {
        config_finish(&c);
    }
    return err;
}

/* stdout and stderr of what runs between, to /dev/null. */
static int real_stdout;
static int real_stderr;

static void hush(void)
{
    fflush(stdout);
    real_stdout = dup(STDOUT_FILENO);
    real_stderr = dup(STDERR_FILENO);
    int nowhere = open("/dev/null", O_WRONLY);
    assert_true(nowhere >= 0);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
}

static void speak_again(void)
{
    fflush(stdout);
    dup2(real_stdout, STDOUT_FILENO);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stdout);
    close(real_stderr);
}

static void command_line_goes_on_or_tells_the_exit_status(void **state)
{
    char check[] = "--check-config", docs[] = "--print-docs", help[] = "--help";
    char version[] = "--version", print[] = "--print-config", config[] = "--config=/nonexistent";
    char unknown[] = "--chekc", extra[] = "extra", file_flag[] = "-c";
    int go_on, good, bad, no_file, usage, operand, no_value, done[4];

    (void)state;
    write_file(NEEDED_SEND, strlen(NEEDED_SEND));
    hush();
    run(PROGRAM_NODE, &go_on, file_flag, path);
    setenv("SOCKETSEND_CONFIG", path, 1);
    run(PROGRAM_NODE, &good, check, NULL);
    setenv("SOCKETSEND_NODE_WORKERS", "x", 1);
    run(PROGRAM_NODE, &bad, check, NULL);
    run(PROGRAM_NODE, &done[0], docs,
        NULL); /* needs no configuration, so a bad one is no problem */
    run(PROGRAM_NODE, &done[1], help, NULL);
    run(PROGRAM_SEND, &done[2], version, NULL);
    unsetenv("SOCKETSEND_NODE_WORKERS");
    run(PROGRAM_SEND, &done[3], print, NULL);
    run(PROGRAM_NODE, &no_file, config, check);
    run(PROGRAM_NODE, &usage, unknown, NULL);
    run(PROGRAM_NODE, &operand, extra, NULL);
    run(PROGRAM_NODE, &no_value, file_flag, NULL);
    unsetenv("SOCKETSEND_CONFIG");
    speak_again();
    assert_true(go_on < 0);
    assert_int_equal(good, 0);
    assert_int_equal(bad, 1);
    for (size_t i = 0; i < COUNT(done); i++) {
        assert_int_equal(done[i], 0);
    }
    assert_int_equal(no_file, 1);
    assert_int_equal(usage, 2);
    assert_int_equal(operand, 2);
    assert_int_equal(no_value, 2);
}

static void command_line_of_a_cgi_process_is_not_read(void **state)
{
    char print[] = "--print-config";
    int exit_status = 0;

    (void)state;
    write_file(NEEDED_SEND, strlen(NEEDED_SEND));
    setenv("SOCKETSEND_CONFIG", path, 1);
    setenv("GATEWAY_INTERFACE", "CGI/1.1", 1);
    assert_int_equal(run(PROGRAM_SEND, &exit_status, print, NULL), ERR_OK);
    unsetenv("GATEWAY_INTERFACE");
    unsetenv("SOCKETSEND_CONFIG");
    assert_true(exit_status < 0);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_has_the_defaults),
        cmocka_unit_test(config_reads_every_type_from_the_file),
        cmocka_unit_test(config_takes_the_environment_over_the_file),
        cmocka_unit_test(config_finds_the_file_in_the_environment),
        cmocka_unit_test(config_says_what_is_wrong_and_where),
        cmocka_unit_test(config_says_which_variable_is_wrong),
        cmocka_unit_test(config_requires_only_what_the_program_reads),
        cmocka_unit_test(config_refuses_options_that_do_not_go_together),
        cmocka_unit_test(config_takes_what_just_goes_together),
        cmocka_unit_test(forward_may_ask_for_every_wait_that_is_configurable),
        cmocka_unit_test(config_bounds_what_has_a_fixed_place),
        cmocka_unit_test(config_says_where_the_api_keys_are_bad),
        cmocka_unit_test(config_never_repeats_a_secret),
        cmocka_unit_test(secret_may_stand_in_a_file_of_its_own),
        cmocka_unit_test(keys_of_the_file_are_blamed_by_its_line),
        cmocka_unit_test(users_must_be_there),
        cmocka_unit_test(config_lets_api_keys_go_on_in_indented_lines),
        cmocka_unit_test(config_takes_no_line_apart_silently),
        cmocka_unit_test(config_print_is_a_file_that_says_the_same),
        cmocka_unit_test(example_file_is_the_table),
        cmocka_unit_test(example_file_is_good_once_it_is_filled_in),
        cmocka_unit_test(docs_are_what_the_table_prints),
        cmocka_unit_test(command_line_goes_on_or_tells_the_exit_status),
        cmocka_unit_test(command_line_of_a_cgi_process_is_not_read),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
