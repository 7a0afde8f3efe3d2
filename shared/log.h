/*
 * One line per event on stderr:
 *     2026-11-24T08:00:00.123Z warn wsnode[71] what happened key=value …
 * error: someone must act; warn: degraded, going on; info: life cycle; debug: per message. Never
 * pass tokens, secrets or payloads. Safe from several threads (one write(2) per line).
 */
#ifndef SHARED_LOG_H
#define SHARED_LOG_H

#include "shared/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_init(const char *program, enum log_level level); /* program is borrowed for ever */
int log_enabled(enum log_level level);

/*
 * log_warn("node refused", "node=%s status=%d", id, status): fixed text, then all pairs as one
 * format; "" where there are none. Put quotes around what may have spaces: reason="%s". Control
 * characters and bytes that are not UTF-8 come out as \xNN, so that a peer cannot forge a line.
 * Pairs are cut at 1,023 bytes.
 */
void log_write(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG)) {                                                              \
            log_write(LOG_DEBUG, __VA_ARGS__);                                                     \
        }                                                                                          \
    } while (0)

/* At most one line per second and call site for what a remote peer can trigger at will. */
#define log_limited(level, ...)                                                                    \
    do {                                                                                           \
        static _Atomic long long last_ms_;                                                         \
        if (log_allow(&last_ms_)) {                                                                \
            log_write(level, __VA_ARGS__);                                                         \
        }                                                                                          \
    } while (0)
int log_allow(_Atomic long long *last_ms);

#endif
