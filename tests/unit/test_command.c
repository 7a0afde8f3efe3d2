/* Commands as data, the embedded scripts, and the names of the keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <stdio.h>

#include "shared/schema.h"

/* The arguments of a command with a bar between them, as they would be sent. */
static const char *as_text(const struct command *c, int as_eval)
{
    static char text[512];
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];
    int argc = command_argv(c, as_eval, argv, lens);
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; i < argc; i++) {
        used += (size_t)snprintf(
            text + used, sizeof(text) - used, "%s%.*s", i ? "|" : "", (int)lens[i], argv[i]);
    }
    return text;
}

static void arguments_come_out_as_they_went_in(void **state)
{
    struct command c;
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];

    (void)state;
    command_init(&c);
    command_add_str(&c, "SET");
    command_add(&c, "a\0b", 3);
    command_add_str(&c, "");
    command_add_int(&c, INT64_MIN);
    buf_addf(command_begin(&c), "%s-", "left");
    buf_add_str(&c.text, "right");
    command_end(&c);
    assert_int_equal(command_err(&c), ERR_OK);
    assert_int_equal(command_argv(&c, 0, argv, lens), 5);
    assert_int_equal(lens[1], 3);
    assert_memory_equal(argv[1], "a\0b", 3);
    assert_int_equal(lens[2], 0);
    assert_string_equal(argv[3], "-9223372036854775808left-right"); /* one after another */
    assert_int_equal(lens[3], 20);
    assert_int_equal(lens[4], 10);
    command_finish(&c);
}

static void script_call_becomes_eval_with_its_text(void **state)
{
    static const struct script script = {"demo", "return 1", "0123456789"};
    struct command c;

    (void)state;
    command_init(&c);
    command_start_script(&c, &script, 1);
    command_add_str(&c, "key");
    command_add_str(&c, "argument");
    assert_string_equal(as_text(&c, 0), "EVALSHA|0123456789|1|key|argument");
    assert_string_equal(as_text(&c, 1), "EVAL|return 1|1|key|argument");
    command_finish(&c);
}

static void key_is_the_first_one(void **state)
{
    struct command plain, script, none;

    (void)state;
    command_init(&plain);
    command_add_str(&plain, "GET");
    command_add_str(&plain, "a key");
    assert_true(slice_equal(command_key(&plain), "a key"));
    command_init(&script);
    command_start_script(&script, &script_close, 1);
    command_add_str(&script, "its key");
    assert_true(slice_equal(command_key(&script), "its key"));
    command_init(&none);
    command_add_str(&none, "PING");
    assert_true(slice_equal(command_key(&none), ""));
    command_finish(&plain);
    command_finish(&script);
    command_finish(&none);
}

static void command_over_the_cap_has_an_error(void **state)
{
    static char megabyte[1024 * 1024];
    struct command c;

    (void)state;
    command_init(&c);
    for (int i = 0; i < 33; i++) {
        command_add(&c, megabyte, sizeof(megabyte));
    }
    assert_int_equal(command_err(&c), ERR_BODY_TOO_LARGE);
    command_finish(&c);
}

static void embedded_scripts_carry_their_own_digest(void **state)
{
    const struct script *const scripts[] = {&script_open, &script_send, &script_fetch,
        &script_refresh, &script_close, &script_ack, &script_release};

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        const struct script *s = scripts[i];
        unsigned char digest[EVP_MAX_MD_SIZE];
        char hex[2 * EVP_MAX_MD_SIZE + 1];

        assert_true(EVP_Digest(s->text, strlen(s->text), digest, NULL, EVP_sha1(), NULL));
        for (int j = 0; j < 20; j++) {
            snprintf(hex + 2 * j, 3, "%02x", digest[j]);
        }
        assert_string_equal(s->sha, hex);
        assert_null(strstr(s->text, "-- include:"));
    }
    assert_non_null(strstr(script_send.text, "local function last_id(inbox)"));
}

static void keys_of_a_user_share_a_hash_tag(void **state)
{
    struct command c;

    (void)state;
    command_init(&c);
    schema_add_registry(&c, "P_", "u1");
    schema_add_inbox(&c, "P_", "u1");
    schema_add_read(&c, "P_", "u1");
    schema_add_sent(&c, "P_", "u1", "m:1");
    assert_string_equal(as_text(&c, 0), "P_{u1}|P_{u1}:inbox|P_{u1}:read|P_{u1}:sent:m:1");
    command_finish(&c);
}

static void keys_of_nodes_have_no_hash_tag(void **state)
{
    struct command c;

    (void)state;
    command_init(&c);
    schema_add_nodes(&c, "P_");
    schema_add_lease(&c, "P_", "n1");
    schema_add_control(&c, "P_", "n1");
    assert_string_equal(as_text(&c, 0), "P_nodes|P_node:n1|P_control:n1");
    command_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_come_out_as_they_went_in),
        cmocka_unit_test(script_call_becomes_eval_with_its_text),
        cmocka_unit_test(key_is_the_first_one),
        cmocka_unit_test(command_over_the_cap_has_an_error),
        cmocka_unit_test(embedded_scripts_carry_their_own_digest),
        cmocka_unit_test(keys_of_a_user_share_a_hash_tag),
        cmocka_unit_test(keys_of_nodes_have_no_hash_tag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
