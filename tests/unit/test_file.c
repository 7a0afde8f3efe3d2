/* A file is read as a whole or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "shared/file.h"

static char path[] = "/tmp/socketsend-test-XXXXXX";

static void write_bytes(const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void assert_refused(const char *from, size_t max_bytes, const char *why)
{
    struct buf text;
    struct problem p = {0};

    buf_init(&text, max_bytes);
    assert_int_equal(file_read(from, &text, "some.option", &p), ERR_BAD_VALUE);
    assert_string_equal(p.field, "some.option");
    assert_non_null(strstr(p.msg, from));
    assert_non_null(strstr(p.msg, why));
    buf_finish(&text);
}

static void file_is_read_to_its_end(void **state)
{
    char bytes[10000];
    struct buf text;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    write_bytes(bytes, sizeof(bytes));
    buf_init(&text, sizeof(bytes));
    assert_int_equal(file_read(path, &text, "", NULL), ERR_OK);
    assert_int_equal(text.len, sizeof(bytes));
    assert_memory_equal(text.bytes, bytes, sizeof(bytes));
    buf_finish(&text);
}

static void empty_file_is_empty(void **state)
{
    struct buf text;

    (void)state;
    write_bytes("", 0);
    buf_init(&text, 10);
    assert_int_equal(file_read(path, &text, "", NULL), ERR_OK);
    assert_string_equal(buf_str(&text), "");
    buf_finish(&text);
}

static void what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    write_bytes("12345", 5);
    assert_refused(path, 4, "larger than 4 bytes");
    write_bytes("1\0002", 3);
    assert_refused(path, 100, "NUL byte");
    assert_refused("/nonexistent/file", 100, "No such file");
    assert_refused("/tmp", 100, "Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_read_to_its_end),
        cmocka_unit_test(empty_file_is_empty),
        cmocka_unit_test(what_cannot_be_read_is_refused),
    };

    close(mkstemp(path));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return unlink(path) || failed;
}
