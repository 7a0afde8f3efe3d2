/*
 * A configuration file: one that is taken is the same when it is printed and read again. Secrets
 * are not printed, so they come by the environment then.
 */
#define _GNU_SOURCE /* memfd_create */
#include <sys/mman.h>
#include <unistd.h>

#include "shared/option.h"
#include "shared/option_table.h"
#include "tests/fuzz/fuzz.h"

#define PATH_BYTES 32

/* A file without a name, and its path. close() the result. */
static int file_of(struct slice text, char path[PATH_BYTES])
{
    int fd = memfd_create("config", MFD_CLOEXEC);

    assert(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
    snprintf(path, PATH_BYTES, "/proc/self/fd/%d", fd);
    return fd;
}

static enum err load(struct slice text, struct config *c)
{
    char path[PATH_BYTES];
    struct problem p = {0};
    int fd = file_of(text, path);

    enum err err = config_load(c, path, PROGRAM_SEND, &p);
    assert(!err || *p.msg);
    close(fd);
    return err;
}

static void set_secrets(const struct config *c, bool are_set)
{
    char variable[OPTION_ENV_BYTES];
    struct buf value;

    buf_init(&value, OPTION_VALUE_BYTES_MAX);
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (options[i].type != TYPE_SECRET || !(options[i].programs & PROGRAM_SEND)) {
            continue;
        }
        buf_reset(&value);
        option_add_value(&options[i], c, &value);
        option_env_name(&options[i], variable);
        assert((are_set ? setenv(variable, buf_str(&value), 1) : unsetenv(variable)) == 0);
    }
    buf_finish(&value);
}

static char *print(const struct config *c, size_t *len)
{
    char *text;
    FILE *out = open_memstream(&text, len);

    assert(out);
    config_print(c, PROGRAM_SEND, out);
    assert(fclose(out) == 0);
    return text;
}

static void check_again(const struct config *c)
{
    struct config again;
    size_t len, len_again;
    char *text = print(c, &len);

    set_secrets(c, true);
    assert(load((struct slice){text, len}, &again) == ERR_OK);
    set_secrets(c, false);
    char *text_again = print(&again, &len_again);
    assert(fuzz_equal((struct slice){text, len}, (struct slice){text_again, len_again}));
    config_finish(&again);
    free(text_again);
    free(text);
}

void fuzz(struct slice input)
{
    struct config c;

    if (load(input, &c) == ERR_OK) {
        check_again(&c);
        config_finish(&c);
    }
}
