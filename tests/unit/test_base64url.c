/* One text for each string of bytes, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base64url.h"

static void decodes_to(const char *text, const char *bytes, size_t len)
{
    struct buf out;

    buf_init(&out, 100);
    assert_int_equal(base64url_decode(slice_of(text), &out), ERR_OK);
    assert_int_equal(out.len, len);
    if (len > 0) {
        assert_memory_equal(out.bytes, bytes, len);
    }
    buf_finish(&out);
}

static void base64url_decodes_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    decodes_to("", "", 0);
    decodes_to("Zg", "f", 1);
    decodes_to("Zm8", "fo", 2);
    decodes_to("Zm9v", "foo", 3);
    decodes_to("Zm9vYg", "foob", 4);
    decodes_to("Zm9vYmE", "fooba", 5);
    decodes_to("Zm9vYmFy", "foobar", 6);
    decodes_to("-_8A", "\xfb\xff\0", 3);
}

static void base64url_refuses_what_is_not_the_one_text_of_its_bytes(void **state)
{
    static const char *const bad[] = {
        "Z", "Zg==", "Zg=", "Zm9vY", "+/8A", "Zm 8", "Zm8\n", "Zm8.", "Zh", "Zm9", "\xc3\xa9"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf out;

        buf_init(&out, 100);
        assert_int_equal(base64url_decode(slice_of(bad[i]), &out), ERR_BAD_VALUE);
        buf_finish(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_decodes_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64url_refuses_what_is_not_the_one_text_of_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
