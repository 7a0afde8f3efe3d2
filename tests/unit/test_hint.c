/* Hints survive the channel, and what is no hint is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/hint.h"

static void hints_survive_the_channel(void **state)
{
    enum hint hint;
    struct slice subject;

    (void)state;
    for (enum hint h = HINT_RESYNC; h <= HINT_GROUP; h++) {
        struct command c;
        const char *argv[COMMAND_ARGS_MAX];
        size_t lens[COMMAND_ARGS_MAX];

        command_init(&c);
        hint_command(&c, "P_", "n1", h, "subject");
        assert_int_equal(command_argv(&c, 0, argv, lens), 3);
        assert_true(slice_equal((struct slice){argv[1], lens[1]}, "P_control:n1"));
        assert_int_equal(hint_decode((struct slice){argv[2], lens[2]}, &hint, &subject), ERR_OK);
        assert_int_equal(hint, h);
        assert_true(slice_equal(subject, "subject"));
        command_finish(&c);
    }
    assert_int_equal(hint_decode(slice_of(""), &hint, &subject), ERR_BAD_VALUE);
    assert_int_equal(hint_decode(slice_of("resync"), &hint, &subject), ERR_BAD_VALUE);
    assert_int_equal(hint_decode(slice_of("dance u1"), &hint, &subject), ERR_BAD_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hints_survive_the_channel)};

    return cmocka_run_group_tests_name("hint", tests, NULL, NULL);
}
