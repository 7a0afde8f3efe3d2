/*
 * One value, as the environment gives it, for each option in turn: one that is taken is the same
 * when it is written and read again.
 */
#include "shared/option_table.h"

#include "tests/fuzz/fuzz.h"

static void check_option(const struct option *o, const char *value)
{
    struct config c = {0};
    struct buf first, second;

    if (option_set(o, &c, value)) {
        return;
    }
    buf_init(&first, OPTION_VALUE_BYTES_MAX);
    buf_init(&second, OPTION_VALUE_BYTES_MAX);
    option_add_value(o, &c, &first);
    if (buf_err(&first) == ERR_OK) {
        assert(option_set(o, &c, buf_str(&first)) == ERR_OK);
        option_add_value(o, &c, &second);
        assert(fuzz_equal(fuzz_bytes(&first), fuzz_bytes(&second)));
    }
    option_clear(o, &c);
    buf_finish(&first);
    buf_finish(&second);
}

void fuzz(struct slice input)
{
    char *value = fuzz_string(input);

    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        check_option(&options[i], value);
    }
    free(value);
}
