/*
 * Builds a Redis command argument by argument. All arguments lie one after another in one buffer
 * and are found by offset, because the buffer moves as it grows.
 */
#include "shared/command.h"

#include <assert.h>
#include <string.h>

/* Where a script call has what: EVALSHA <sha> <number of keys> <key> … */
enum { SCRIPT_VERB, SCRIPT_BODY, SCRIPT_KEY_COUNT, SCRIPT_FIRST_KEY };

void command_init(struct command *c)
{
    c->script = NULL;
    c->argc = 0;
    c->follows = false;
    buf_init(&c->text, COMMAND_BYTES_MAX);
}

void command_finish(struct command *c)
{
    buf_finish(&c->text);
}

struct buf *command_begin(struct command *c)
{
    assert(c->argc < COMMAND_ARGS_MAX);
    c->offset[c->argc] = c->text.len;
    return &c->text;
}

void command_end(struct command *c)
{
    c->len[c->argc] = c->text.len - c->offset[c->argc];
    c->argc++;
}

void command_add(struct command *c, const void *bytes, size_t len)
{
    buf_add(command_begin(c), bytes, len);
    command_end(c);
}

void command_add_str(struct command *c, const char *s)
{
    command_add(c, s, strlen(s));
}

void command_add_int(struct command *c, int64_t v)
{
    struct buf *text = command_begin(c);

    if (v < 0) {
        buf_add_char(text, '-');
    }
    buf_add_u64(text, v < 0 ? -(uint64_t)v : (uint64_t)v);
    command_end(c);
}

void command_start_script(struct command *c, const struct script *s, int keys)
{
    assert(c->argc == 0);
    c->script = s;
    command_add_str(c, "EVALSHA");
    command_add_str(c, s->sha);
    command_add_int(c, keys);
}

enum err command_err(const struct command *c)
{
    return buf_err(&c->text);
}

int command_argv(const struct command *c, int as_eval, const char **argv, size_t *lens)
{
    for (int i = 0; i < c->argc; i++) {
        argv[i] = buf_str(&c->text) + c->offset[i];
        lens[i] = c->len[i];
    }
    if (as_eval) {
        assert(c->script);
        argv[SCRIPT_VERB] = "EVAL";
        lens[SCRIPT_VERB] = strlen("EVAL");
        argv[SCRIPT_BODY] = c->script->text;
        lens[SCRIPT_BODY] = strlen(c->script->text);
    }
    return c->argc;
}

struct slice command_key(const struct command *c)
{
    int place = c->script ? SCRIPT_FIRST_KEY : 1;

    if (place >= c->argc) {
        return slice_of("");
    }
    return (struct slice){buf_str(&c->text) + c->offset[place], c->len[place]};
}
