/*
 * Numbers, durations, sizes, flags, host:port and percent escapes: what is taken is what the text
 * says, and nothing that is not of the form is taken.
 */
#include "shared/parse.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

static bool starts_with_digit(struct slice text)
{
    return text.len > 0 && text.at[0] >= '0' && text.at[0] <= '9';
}

static void check_u64(struct slice text)
{
    char digits[24];
    uint64_t number;

    if (parse_u64(text, UINT64_MAX, &number) == ERR_OK) {
        struct slice rest = text;
        while (rest.len > 1 && rest.at[0] == '0') {
            rest = (struct slice){rest.at + 1, rest.len - 1};
        }
        snprintf(digits, sizeof(digits), "%" PRIu64, number);
        assert(slice_equal(rest, digits));
        assert(parse_u64(text, number, &number) == ERR_OK);
        assert(number == 0 || parse_u64(text, number - 1, &number) == ERR_OUT_OF_RANGE);
    }
}

static void check_units(struct slice text)
{
    int64_t value;
    bool flag;

    if (parse_duration_ms(text, &value) == ERR_OK) {
        assert(value >= 0 && starts_with_digit(text));
    }
    if (parse_size_bytes(text, &value) == ERR_OK) {
        assert(value >= 0 && starts_with_digit(text));
    }
    if (parse_bool(text, &flag) == ERR_OK) {
        assert(text.len >= 1 && text.len <= 5);
    }
}

static void check_host_port(const char *text)
{
    struct in6_addr address;
    char host[64];
    char again[80];
    uint16_t port;

    if (parse_host_port(text, host, sizeof(host), &port) == ERR_OK) {
        bool is_ipv6 = strchr(host, ':');
        assert(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, host, &address) == 1);
        snprintf(again, sizeof(again), is_ipv6 ? "[%s]:" : "%s:", host);
        assert(strncmp(text, again, strlen(again)) == 0);
        assert((unsigned long)port == strtoul(text + strlen(again), NULL, 10));
    }
}

static void check_percent(struct slice text)
{
    char *out = malloc(text.len + 1);
    size_t escapes = 0;

    assert(out);
    for (size_t i = 0; i < text.len; i++) {
        escapes += text.at[i] == '%';
    }
    if (parse_percent(text, out, text.len + 1) == ERR_OK) {
        assert(strlen(out) == text.len - 2 * escapes);
        assert(escapes > 0 || memcmp(out, text.at, text.len) == 0);
        assert(parse_percent(text, out, strlen(out) + 1) == ERR_OK);
        assert(!*out || parse_percent(text, out, strlen(out)) == ERR_URI_TOO_LONG);
    }
    free(out);
}

void fuzz(struct slice input)
{
    char *text = fuzz_string(input);

    check_u64(input);
    check_units(input);
    check_host_port(text);
    check_percent(input);
    free(text);
}
