/*
 * One line per event on stderr. A line is put together on the stack and leaves with one write(2),
 * so that threads and processes that share stderr don't mix their lines.
 */
#include "shared/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/utf8.h"

#define HEAD_BYTES 256
#define DETAIL_BYTES 1024
#define ESCAPED_BYTES 4 /* \xNN */
#define LINE_BYTES (HEAD_BYTES + 1 + DETAIL_BYTES * ESCAPED_BYTES + 1)
#define LIMITED_MS 1000

static const char *program_name = "socketsend";
static enum log_level shown_level = LOG_INFO;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    shown_level = level;
}

int log_enabled(enum log_level level)
{
    return level <= shown_level;
}

static size_t add_head(char *out, size_t out_bytes, enum log_level level, const char *event)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char time_text[32];

    gmtime_r(&seconds, &utc);
    strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &utc);
    int len = snprintf(out, out_bytes, "%s.%03dZ %s %s[%ld] %s", time_text, (int)(now_ms % 1000),
        level_names[level], program_name, (long)getpid(), event);
    return (size_t)len < out_bytes ? (size_t)len : out_bytes - 1;
}

/* How many bytes can be copied as they are: 0 for controls (C1 too: terminals obey them) and broken
 * UTF-8. */
static size_t printable_bytes(const char *at, size_t len)
{
    size_t bytes = utf8_char_bytes(at, len);
    unsigned char first = (unsigned char)at[0];

    if (first < 0x20 || first == 0x7F) {
        return 0;
    }
    if (bytes == 2 && first == 0xC2 && (unsigned char)at[1] < 0xA0) {
        return 0;
    }
    return bytes;
}

/* out has ESCAPED_BYTES for each byte of text. */
static size_t add_escaped(char *out, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t len = strlen(text);
    size_t written = 0;

    for (size_t i = 0; i < len;) {
        size_t bytes = printable_bytes(text + i, len - i);
        if (bytes > 0) {
            memcpy(out + written, text + i, bytes);
            written += bytes;
            i += bytes;
            continue;
        }
        unsigned char byte = (unsigned char)text[i++];
        memcpy(out + written, (char[]){'\\', 'x', hex[byte >> 4], hex[byte & 15]}, ESCAPED_BYTES);
        written += ESCAPED_BYTES;
    }
    return written;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    char detail[DETAIL_BYTES];
    char line[LINE_BYTES];
    va_list args;

    if (!log_enabled(level)) {
        return;
    }
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    utf8_trim(detail);

    size_t len = add_head(line, HEAD_BYTES, level, event);
    if (detail[0]) {
        line[len++] = ' ';
        len += add_escaped(line + len, detail);
    }
    line[len++] = '\n';
    /* Where stderr is gone there is nobody left to tell. */
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored;
}

int log_allow(_Atomic long long *last_ms)
{
    long long now_ms = clock_mono_ms();
    long long last = atomic_load(last_ms);

    if (last != 0 && now_ms - last < LIMITED_MS) {
        return 0;
    }
    return atomic_compare_exchange_strong(last_ms, &last, now_ms);
}
