/* Keys change while requests use them; a bad file changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "fcgi-send/key_store.h"
#include "shared/log.h"

#define OLD "old-key-of-the-shop"
#define NEW "new-key-of-the-shop"

static char folder[] = "/tmp/socketsend-test-XXXXXX";
static char path[64];
static struct config config = {.send_api_keys = "fixed:a-key-that-never-changes"};
static struct key_store *store;

/* Beside, and renamed: as docs/deploy.md says. */
static void write_keys(const char *text)
{
    char beside[80];

    snprintf(beside, sizeof(beside), "%s.new", path);
    FILE *file = fopen(beside, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
    assert_int_equal(rename(beside, path), 0);
}

static int start(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR);
    snprintf(path, sizeof(path), "%s/keys", folder);
    config.send_api_keys_file = path;
    write_keys("# keys of the shop\n\nshop:" OLD ":send\n");
    return (int)key_store_create(&config, &store, NULL);
}

static int stop(void **state)
{
    (void)state;
    key_store_destroy(store);
    return unlink(path);
}

static enum err check(int64_t now_ms, const char *shown)
{
    const struct auth_key *key;
    struct key_set *set = key_store_ref(store, now_ms);
    enum err err = auth_check(&set->keys, NULL, shown, AUTH_SEND, &key);

    key_set_unref(set);
    return err;
}

static void keys_are_those_of_the_option_and_of_the_file(void **state)
{
    (void)state;
    assert_int_equal(check(0, "a-key-that-never-changes"), ERR_OK);
    assert_int_equal(check(0, OLD), ERR_OK);
    assert_int_equal(check(0, NEW), ERR_BAD_TOKEN);
}

static void changed_file_is_read_within_a_second(void **state)
{
    (void)state;
    assert_int_equal(check(5000, OLD), ERR_OK);
    write_keys("shop:" NEW ":send");
    assert_int_equal(check(5999, OLD), ERR_OK);
    assert_int_equal(check(6000, OLD), ERR_BAD_TOKEN);
    assert_int_equal(check(6000, NEW), ERR_OK);
    assert_int_equal(check(6000, "a-key-that-never-changes"), ERR_OK);
}

static void reload_does_not_wait(void **state)
{
    (void)state;
    assert_int_equal(check(5000, OLD), ERR_OK);
    write_keys("shop:" NEW ":send\nops:" OLD ":send\n");
    key_store_reload(store);
    assert_int_equal(check(5000, NEW), ERR_OK);
    assert_int_equal(check(5000, OLD), ERR_OK);
}

static void bad_file_leaves_the_old_keys(void **state)
{
    (void)state;
    write_keys("shop:" NEW ":send\nshop:twice-is-too-often\n");
    assert_int_equal(check(1000, OLD), ERR_OK);
    assert_int_equal(check(1000, NEW), ERR_BAD_TOKEN);
    write_keys("shop:" NEW ":send\n");
    assert_int_equal(check(2000, NEW), ERR_OK);
}

static void file_that_is_gone_leaves_the_old_keys(void **state)
{
    (void)state;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(check(1000, OLD), ERR_OK);
    key_store_reload(store);
    assert_int_equal(check(1000, OLD), ERR_OK);
    write_keys("shop:" NEW ":send");
    assert_int_equal(check(2000, NEW), ERR_OK);
}

static void caller_outlives_the_change(void **state)
{
    const struct auth_key *key;
    struct key_set *set = key_store_ref(store, 0);

    (void)state;
    assert_int_equal(auth_check(&set->keys, NULL, OLD, AUTH_SEND, &key), ERR_OK);
    write_keys("other:" NEW ":send");
    key_store_reload(store);
    assert_string_equal(key->name, "shop");
    key_set_unref(set);
}

#define THREADS 4
#define ROUNDS 300

static void *use_keys(void *arg)
{
    size_t *failed = arg;

    for (int i = 0; i < ROUNDS; i++) {
        /* Each look is due, so the threads take turns at reading, too. */
        *failed += check(i * 1000, "a-key-that-never-changes") != ERR_OK;
    }
    return NULL;
}

static void threads_use_keys_while_they_change(void **state)
{
    pthread_t threads[THREADS];
    size_t failed[THREADS] = {0};

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_keys, &failed[i]), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        write_keys(i % 2 ? "shop:" OLD "\n" : "shop:" NEW "\n");
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failed[i], 0);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(keys_are_those_of_the_option_and_of_the_file),
        test(changed_file_is_read_within_a_second),
        test(reload_does_not_wait),
        test(bad_file_leaves_the_old_keys),
        test(file_that_is_gone_leaves_the_old_keys),
        test(caller_outlives_the_change),
        test(threads_use_keys_while_they_change),
    };

    if (!mkdtemp(folder)) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(folder) || failed;
}
