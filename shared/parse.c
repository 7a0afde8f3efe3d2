/*
 * Strict text to numbers, addresses and percent-decoded text.
 */
#include "shared/parse.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(struct slice text)
{
    size_t n = 0;

    while (n < text.len && is_digit(text.at[n])) {
        n++;
    }
    return n;
}

size_t format_u64(uint64_t value, char out[DECIMAL_BYTES_MAX])
{
    char reversed[DECIMAL_BYTES_MAX];
    size_t count = 0;

    do {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = reversed[count - 1 - i];
    }
    return count;
}

static enum err parse_digits(struct slice text, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0 || count_digits(text) != text.len) {
        return ERR_BAD_VALUE;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(text.at[i] - '0');
        if (digit >= base) {
            return ERR_BAD_VALUE;
        }
        if (digit > max || value > (max - digit) / base) {
            return ERR_OUT_OF_RANGE;
        }
        value = value * base + digit;
    }
    *out = value;
    return ERR_OK;
}

enum err parse_u64(struct slice text, uint64_t max, uint64_t *out)
{
    return parse_digits(text, 10, max, out);
}

enum err parse_octal(struct slice text, uint64_t max, uint64_t *out)
{
    return parse_digits(text, 8, max, out);
}

/* Digits and a unit of the table, which ends with a NULL name. "0" needs no unit. */
static enum err parse_with_unit(struct slice text, const struct unit *units, int64_t *out)
{
    size_t digits = count_digits(text);
    struct slice number = {text.at, digits};
    struct slice name = {text.at + digits, text.len - digits};
    const struct unit *unit = units;

    while (unit->name && !slice_equal(name, unit->name)) {
        unit++;
    }
    if (digits == 0 || (!unit->name && !slice_equal(text, "0"))) {
        return ERR_BAD_VALUE;
    }
    int64_t factor = unit->name ? unit->factor : 1;
    uint64_t value;
    enum err err = parse_u64(number, (uint64_t)(INT64_MAX / factor), &value);
    if (err != ERR_OK) {
        return err;
    }
    *out = (int64_t)value * factor;
    return ERR_OK;
}

enum err parse_duration_ms(struct slice text, int64_t *out)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

    return parse_with_unit(text, units, out);
}

enum err parse_size_bytes(struct slice text, int64_t *out)
{
    static const struct unit units[] = {
        {"", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {NULL, 0}};

    return parse_with_unit(text, units, out);
}

enum err parse_bool(struct slice text, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"yes", true}, {"no", false}, {"true", true}, {"false", false}, {"on", true},
        {"off", false}, {"1", true}, {"0", false}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (slice_equal(text, words[i].word)) {
            *out = words[i].value;
            return ERR_OK;
        }
    }
    return ERR_BAD_VALUE;
}

enum err parse_host_port(const char *text, char *host, size_t host_bytes, uint16_t *port)
{
    bool bracketed = text[0] == '[';
    const char *start = bracketed ? text + 1 : text;
    const char *end = strstr(start, bracketed ? "]:" : ":");
    char numeric[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    uint64_t number;

    if (!end || (size_t)(end - start) >= sizeof(numeric) || (size_t)(end - start) >= host_bytes) {
        return ERR_BAD_VALUE;
    }
    snprintf(numeric, sizeof(numeric), "%.*s", (int)(end - start), start);
    if (inet_pton(bracketed ? AF_INET6 : AF_INET, numeric, address) != 1) {
        return ERR_BAD_VALUE;
    }
    enum err err = parse_u64(slice_of(end + (bracketed ? 2 : 1)), UINT16_MAX, &number);
    if (err != ERR_OK) {
        return err;
    }
    snprintf(host, host_bytes, "%s", numeric);
    *port = (uint16_t)number;
    return ERR_OK;
}

static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that the escape at text.at[i] stands for; 0, which no escape may stand for, where it is
 * broken. */
static char unescape(struct slice text, size_t i)
{
    if (i + 2 >= text.len) {
        return 0;
    }
    int high = hex_value(text.at[i + 1]);
    int low = hex_value(text.at[i + 2]);
    return high < 0 || low < 0 ? 0 : (char)(high * 16 + low);
}

enum err parse_percent(struct slice text, char *out, size_t out_bytes)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '%') {
            c = unescape(text, i);
            i += 2;
        }
        if (c == '\0') {
            return ERR_BAD_PATH;
        }
        if (len + 1 >= out_bytes) {
            return ERR_URI_TOO_LONG;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return ERR_OK;
}
